"""The From Name, and what its tag stands for."""

from __future__ import annotations

import pytest

from services.sender.core.from_names import FROM_NAME_TAG, fill_in, from_header_name, tag_name


@pytest.mark.parametrize(
    ("requested", "server", "seen", "name"),
    [
        ("Asked", "Server", "Seen", "Asked"),
        (None, "Server", "Seen", "Server"),
        ("", "Server", "Seen", "Server"),
        (" ", " ", "Seen", "Seen"),
        (None, "", "", "shop"),
    ],
)
def test_the_tag_stands_for_the_first_name_that_is_known(
    requested: str | None, server: str, seen: str, name: str
) -> None:
    assert tag_name(requested, server, seen, "shop@example.com") == name


@pytest.mark.parametrize(
    ("requested", "server", "name"), [("Asked", "Server", "Asked"), (None, "Server", "Server"), (None, "", "")]
)
def test_the_from_header_has_no_name_where_only_the_provider_knows_one(
    requested: str | None, server: str, name: str
) -> None:
    assert from_header_name(requested, server) == name


def test_every_tag_is_filled_in() -> None:
    assert fill_in(f"{FROM_NAME_TAG}, yours, {FROM_NAME_TAG}", "Shop") == "Shop, yours, Shop"


def test_a_name_is_escaped_in_html_only() -> None:
    name = '<b>"A" & B\'s</b>'
    assert fill_in(FROM_NAME_TAG, name) == name
    assert fill_in(FROM_NAME_TAG, name, html=True) == "&lt;b&gt;&quot;A&quot; &amp; B&#x27;s&lt;/b&gt;"


def test_a_tag_within_the_name_stays_as_it_is() -> None:
    assert fill_in(f"Hi {FROM_NAME_TAG}", f"The {FROM_NAME_TAG}") == f"Hi The {FROM_NAME_TAG}"
