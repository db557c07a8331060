"""Findings as stored JSON, and what a database can't take."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.bounces import (
    BounceClass,
    Confidence,
    MailFinding,
    MailKind,
    RecipientFinding,
    Reference,
    ReferenceSource,
)
from shared.storage.findings import from_json, to_json
from tests.builders import a_complaint_finding, a_finding, a_human_finding, a_recipient, a_reference


@pytest.mark.parametrize("finding", [a_finding(), a_complaint_finding(""), a_human_finding()])
def test_a_finding_comes_back_as_it_was(finding: MailFinding) -> None:
    assert from_json(json.loads(json.dumps(to_json(finding)))) == finding


clean = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@given(
    st.builds(
        MailFinding,
        st.sampled_from(list(BounceClass)),
        st.sampled_from(list(MailKind)),
        clean,
        recipients=st.tuples(
            st.builds(RecipientFinding, clean, st.sampled_from(list(BounceClass)), st.just(2), clean, clean)
        ),
        references=st.tuples(st.builds(Reference, st.sampled_from(list(ReferenceSource)), clean)),
    )
)
def test_any_finding_of_clean_text_comes_back_as_it_was(finding: MailFinding) -> None:
    assert from_json(json.loads(json.dumps(to_json(finding)))) == finding


@pytest.mark.parametrize("dirt", ["\x00", "\udcff"])
def test_text_that_a_database_refuses_is_cleaned(dirt: str) -> None:
    recipient = replace(a_recipient(f"a{dirt}@example.net"), diagnostic=f"550{dirt}")
    finding = a_finding(recipient, references=(a_reference(f"id{dirt}"),), message_id=f"m{dirt}")
    stored = json.dumps(to_json(finding), ensure_ascii=False)
    assert "\\u0000" not in stored
    stored.encode("utf-8")


@pytest.mark.parametrize("plain", [{}, {"bounce_class": "hard"}, {**to_json(a_finding()), "bounce_class": "odd"}])
def test_what_is_no_finding_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        from_json(plain)


def test_a_finding_that_was_stored_before_confidence_was_told_is_read() -> None:
    one = RecipientFinding(
        "a@example.net", BounceClass.HARD, 2, "dsn.user-unknown", "userunknown", confidence=Confidence.LOW
    )
    plain = json.loads(json.dumps(to_json(MailFinding(BounceClass.HARD, MailKind.DSN, "1", recipients=(one,)))))
    assert from_json(plain).recipients[0].confidence is Confidence.LOW
    del plain["recipients"][0]["confidence"]
    assert from_json(plain).recipients[0].confidence is None
