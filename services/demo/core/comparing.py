"""What must come of the planted mails, beside what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.demo.core.planting import PlannedMail
from shared.domain.bounces import BounceClass


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    what: str
    expected: int
    actual: int

    @property
    def good(self) -> bool:
        """Whether the two agree."""
        return self.expected == self.actual


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """What became of one planted mail. bounce_class: None if it was never classified.

    rows: bounce log, recipient -> (matched, effect). tidied: it is no longer an unread mail in the folder it came to.
    """

    served: bool
    bounce_class: str | None
    rows: Mapping[str, tuple[bool, str]]
    tidied: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What PostgreSQL and the simulator hold at the end. mails: by planted number. statuses: address -> subscriber status."""

    mails: Mapping[int, MailOutcome]
    blacklisted: frozenset[str]
    statuses: Mapping[str, str]
    dead_letters: int
    ledger_rows: int
    notes: Sequence[str] = field(default_factory=tuple)


_EFFECTS = {
    BounceClass.HARD: "blacklisted",
    BounceClass.FEEDBACK_LOOP: "unsubscribed",
    BounceClass.SOFT: "logged",
    BounceClass.INTERNAL: "logged",
}


def expected_rows(mail: PlannedMail) -> dict[str, tuple[bool, str]]:
    """The bounce log rows of one mail: recipient -> (matched, effect)."""
    if not mail.is_report:
        return {}
    if not mail.is_tied:
        return dict.fromkeys(mail.failed, (False, "unmatched"))
    return dict.fromkeys(mail.failed, (True, _EFFECTS[mail.bounce_class]))


def compare(mails: Sequence[PlannedMail], outcome: Outcome) -> tuple[list[Line], list[str]]:
    """The table, and a sentence for each mail of which not everything is as planned."""
    found = [outcome.mails.get(mail.number, _NOTHING) for mail in mails]
    lines = [
        Line("fetched", len(mails), sum(one.served for one in found)),
        Line("in the ledger", len(mails), outcome.ledger_rows),
    ]
    planned = Counter(mail.bounce_class.value for mail in mails)
    actual = Counter(one.bounce_class for one in found)
    lines += [Line(f"class {c.value}", planned[c.value], actual[c.value]) for c in BounceClass]
    wanted = [row for mail in mails for row in expected_rows(mail).values()]
    rows = [row for one in found for row in one.rows.values()]
    lines += [
        Line("matched", sum(matched for matched, _ in wanted), sum(matched for matched, _ in rows)),
        Line("unmatched", sum(not matched for matched, _ in wanted), sum(not matched for matched, _ in rows)),
    ]
    hard, complained = _affected(mails, "blacklisted"), _affected(mails, "unsubscribed")
    lines += [
        Line("blacklisted", len(hard), len(outcome.blacklisted)),
        Line("unsubscribed", len(complained), _count(outcome.statuses.values(), "unsubscribed")),
        Line("left alone", sum(not m.is_report for m in mails), sum(not one.tidied for one in found)),
        Line("tidied", sum(m.is_report for m in mails), sum(one.tidied for one in found)),
        Line("dead letters", 0, outcome.dead_letters),
    ]
    faults = [fault for mail, one in zip(mails, found, strict=True) for fault in _faults(mail, one)]
    faults += [f"{address}: blacklisted, nobody should have" for address in sorted(outcome.blacklisted - hard)]
    lines.append(Line("lost", 0, len({fault.partition(":")[0] for fault in faults})))
    return lines, faults


def _faults(mail: PlannedMail, one: MailOutcome) -> list[str]:
    label = f"mail {mail.number} ({mail.kind}, {mail.mailbox.address})"
    if not one.served:
        return [f"{label}: never dealt with"]
    faults = []
    if one.bounce_class != mail.bounce_class.value:
        faults.append(f"{label}: classified {one.bounce_class}, planted as {mail.bounce_class.value}")
    if dict(one.rows) != expected_rows(mail):
        faults.append(f"{label}: bounce log has {dict(one.rows)}, expected {expected_rows(mail)}")
    if one.tidied != mail.is_report:
        faults.append(f"{label}: {'touched' if one.tidied else 'still'} in its mailbox")
    return faults


def _affected(mails: Iterable[PlannedMail], effect: str) -> frozenset[str]:
    return frozenset(a for mail in mails for a, (_, what) in expected_rows(mail).items() if what == effect)


def _count(values: Iterable[str], wanted: str) -> int:
    return sum(value == wanted for value in values)


_NOTHING = MailOutcome(served=False, bounce_class=None, rows={}, tidied=False)
