"""Subscriber uids out of the links that a reply quotes."""

from __future__ import annotations

import pytest

from shared.mail.tracking_links import MOST_LINKS, UrlPattern, subscriber_uids

HOST = "https://mail.acme.example/index.php"


@pytest.mark.parametrize(
    "link",
    [
        f"{HOST}/lists/ab123cd456efg/unsubscribe/zz987yx654wvu/qq111rr222sss",
        f"{HOST}/lists/ab123cd456efg/unsubscribe/zz987yx654wvu",
        f"{HOST}/campaigns/qq111rr222sss/track-url/zz987yx654wvu/0123456789abcdef",
        f"{HOST}/campaigns/qq111rr222sss/track-opening/zz987yx654wvu",
        f"{HOST}/lists/ab123cd456efg/update-profile/zz987yx654wvu?source=mail",
        f"{HOST.upper()}/LISTS/ab123cd456efg/Unsubscribe/zz987yx654wvu",
    ],
)
def test_the_usual_links_tell_the_subscriber(link: str) -> None:
    assert subscriber_uids([f"> Unsubscribe: {link}\n"]) == ("zz987yx654wvu",)
    assert subscriber_uids([f'<a href="{link}">Unsubscribe</a>']) == ("zz987yx654wvu",)


@pytest.mark.parametrize(
    "text",
    [
        "https://acme.example/",
        f"{HOST}/lists/ab123cd456efg/subscribe",
        f"{HOST}/lists/ab123cd456efg/unsubscribe/",
        f"{HOST}/lists/ab123cd456efg/unsubscribe/a",
        "lists/ab123cd456efg/unsubscribe/zz987yx654wvu",
        "",
    ],
)
def test_other_links_tell_nobody(text: str) -> None:
    assert subscriber_uids([text]) == ()


def test_a_customers_own_shape_is_tried_first() -> None:
    own = "https://go.acme.example/*/u/{subscriber}/x"
    link = "https://go.acme.example/2026/u/anna-77/x"
    assert subscriber_uids([link], [own]) == ("anna-77",)
    assert subscriber_uids(["https://go.acme.example/2026/u/anna-77/y"], [own]) == ()


def test_a_shape_names_the_subscriber_exactly_once() -> None:
    for text in ("https://x.example/", "https://x.example/{subscriber}/{subscriber}"):
        with pytest.raises(ValueError, match="exactly once"):
            UrlPattern.parse(text)


def test_each_uid_is_told_once_and_a_mail_full_of_links_ends() -> None:
    links = [f"{HOST}/lists/ab123cd456efg/unsubscribe/zz987yx654wvu", "https://x.example/a"] * MOST_LINKS
    last = f"{HOST}/lists/ab123cd456efg/unsubscribe/never-reached"
    assert subscriber_uids([" ".join([*links, last])]) == ("zz987yx654wvu",)
