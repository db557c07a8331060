"""The examples for integrators hold a request that the contract takes; docs/integrations.md names every reason and state there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from services.console.core import integration_examples
from shared.contracts import sending
from shared.contracts.sending import SendMail
from shared.domain.sending import Reason

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "clients" / "examples"
FILES = sorted(
    path
    for path in EXAMPLES.rglob("*")
    if path.suffix in (".py", ".js", ".go", ".php", ".java", ".sh") and "node_modules" not in path.parts
)
PAGE = (ROOT / "docs" / "integrations.md").read_text("utf-8")
_KEY = '"idempotency_key": '


def requests_in(text: str) -> list[Any]:
    """Every JSON object in a text that begins with an idempotency key."""
    starts = [match.start() for match in re.finditer(r"\{\s*" + _KEY, text)]
    # Python and JavaScript allow a comma after the last field, JSON does not.
    plain = re.sub(r",(\s*[}\]])", r" \1", text)
    return [json.JSONDecoder().raw_decode(plain[start:])[0] for start in starts]


@pytest.mark.parametrize("path", [path for path in FILES if path.name != "with_client.py"], ids=lambda path: path.name)
def test_an_example_holds_a_request_that_is_valid(path: Path) -> None:
    (request,) = requests_in(path.read_text("utf-8"))
    assert SendMail.model_validate(request).to[0].email == "anna@example.com"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_is_complete_and_named_on_the_page(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "APICONNECT_URL" in text
    assert str(path.relative_to(EXAMPLES.parent)) in PAGE
    if path.parent.name != "shell" and path.name != "with_client.py":
        for needed in (
            "apiconnect.send",
            "mail.send.",
            "results.",
            "only when it is dealt with",
            "the broker checks it",
        ):
            assert needed in text
        assert re.search("mandatory", text)


def test_what_the_page_shows_is_valid() -> None:
    shown = requests_in(PAGE)
    assert len(shown) >= 2
    for request in shown:
        SendMail.model_validate(request)


@pytest.mark.parametrize("customer", ["acme", None])
def test_what_the_command_prints_is_valid(customer: str | None) -> None:
    SendMail.model_validate(integration_examples.request(customer))
    assert requests_in(integration_examples.python_example("shop", customer)) == [
        integration_examples.request(customer)
    ]


@pytest.mark.parametrize("word", [*get_args(sending.State), *(reason.value for reason in Reason)])
def test_every_state_and_reason_is_explained(word: str) -> None:
    assert f"| `{word}` |" in PAGE


@pytest.mark.parametrize("field", [each.alias or name for name, each in SendMail.model_fields.items()])
def test_every_field_of_a_request_is_named(field: str) -> None:
    assert f"`{field}`" in PAGE


def test_the_limits_are_those_of_the_contract() -> None:
    for limit in (
        sending.MOST_RECIPIENTS,
        sending.MOST_INLINE_BYTES,
        sending.LONGEST_REQUEST_BYTES,
        sending.LONGEST_TEXT,
    ):
        assert f"{limit:,}" in PAGE


def test_no_lock_file_names_where_packages_come_from() -> None:
    assert "http" not in (EXAMPLES / "node" / "package-lock.json").read_text("utf-8")
