"""A document's faults: all of them, each with its line, its field, a reason and what to do."""

from __future__ import annotations

import pytest

from services.console.core.faults import DocumentRefused
from services.console.core.reading import read_document
from services.console.core.yaml_text import parse


def faults_in(text: str) -> list[str]:
    raw, lines = parse(text, "f.yaml")
    return DocumentRefused(read_document(raw).faults, file="f.yaml", lines=lines).texts()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("customers:\n  - name: A", "f.yaml:2: customers[0].uid: is missing; add it"),
        (
            "customers:\n  - uid: a\n    grup: B",
            "f.yaml:3: customers[0].grup: is not a field here; did you mean group?",
        ),
        ("custmers: []", "f.yaml:1: custmers: is not a section; did you mean customers?"),
        ("customers: {uid: a}", "f.yaml:1: customers: is not a list; write one `- ` entry per line below it"),
        (
            "groups:\n  - name: A\n    max_monitors: -2",
            "f.yaml:3: groups[0].max_monitors: is not a limit; write -1 (unlimited), 0 (not allowed) or a whole number above 0",
        ),
        (
            "groups:\n  - name: A\n    max_bounce_servers: 1.5",
            (
                "f.yaml:3: groups[0].max_bounce_servers: is not a limit; "
                "write -1 (unlimited), 0 (not allowed) or a whole number above 0"
            ),
        ),
        (
            "groups:\n  - {name: A, max_monitors: yes}",
            "f.yaml:2: groups[0].max_monitors: is not a limit; write -1 (unlimited), 0 (not allowed) or a whole number above 0",
        ),
        (
            "customers:\n  - uid: a\n    name: 2024",
            "f.yaml:3: customers[0].name: should be a valid string; write text; put quotes around numbers and dates",
        ),
        (
            "keys:\n  - name: k\n    provider: gogle",
            "f.yaml:3: keys[0].provider: is none of the allowed words; write 'microsoft' or 'google'",
        ),
        (
            "bounce_servers:\n  - {name: s, provider: google, key: k, email: 'Bo <bo@example.com>'}",
            "f.yaml:2: bounce_servers[0].email: is not an e-mail address; write name@domain.example, without a display name",
        ),
        (
            "settings:\n  extension_enabled: 'on'",
            "f.yaml:2: settings.extension_enabled: should be a valid boolean; write true or false",
        ),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(text: str, fault: str) -> None:
    assert faults_in(text) == [fault]


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    found = faults_in("customers:\n  - name: A\n  - name: B\nkeys:\n  - provider: x\n")

    assert [text.split(": ")[0] for text in found] == ["f.yaml:2", "f.yaml:3", "f.yaml:5", "f.yaml:5"]


def test_a_secret_in_the_file_is_refused_and_not_repeated() -> None:
    text = "keys:\n  - name: k\n    provider: microsoft\n    client_secret: hunter2-hunter2\n"

    [fault] = faults_in(text)

    assert fault.startswith("f.yaml:4: keys[0].client_secret: a secret must not stand in this file")
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    ("text", "line"),
    [("customers:\n  - uid: [a\n", 3), ("a: 1\n b: 2\n", 2), ("customers:\n\t- uid: a\n", 2)],
)
def test_broken_yaml_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(DocumentRefused) as refused:
        parse(text, "f.yaml")

    assert str(refused.value).startswith(f"f.yaml:{line}: document: is not YAML")


def test_a_field_given_twice_is_refused() -> None:
    with pytest.raises(
        DocumentRefused, match=r"f.yaml:3: customers\[0\].uid: is given twice; keep one; the first is on line 2"
    ):
        parse("customers:\n  - uid: a\n    uid: b\n", "f.yaml")


def test_an_alias_that_holds_itself_ends() -> None:
    raw, _ = parse("customers: &a [*a]\n", "f.yaml")

    assert read_document(raw).faults


def test_an_empty_file_is_an_empty_document() -> None:
    raw, _ = parse("", "f.yaml")

    assert read_document(raw).faults == ()
