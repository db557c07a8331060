"""Whether a reply meets a monitor's conditions, which one wins, and in words why the others do not (A140-A145)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.folding import fold
from shared.domain.mailboxes import normalize_address
from shared.domain.monitors import ACTIONS, Condition, Field, Operator, Target

LONGEST_VALUE = 1_000  # characters
SHOWN = 120  # characters of a matched text


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared. body: what the person wrote, empty if nothing was found; subject: decoded; sender: an address."""

    body: str
    subject: str
    sender: str


class Verdict(StrEnum):
    """What came of one condition."""

    MATCH = "match"
    NO_MATCH = "no match"
    ONLY_CASE = "would match if case were ignored"
    NOTHING_TO_COMPARE = "the field is empty"
    INVALID = "the condition is invalid"


class Invalid(StrEnum):
    """What is wrong with a condition; the text is for the operator."""

    EMPTY = "the value is empty"
    ANY_CONTENT = "`*` alone matches any content, and that is not ticked"
    TOO_LONG = "the value is longer than 1,000 characters"
    TARGET_MISSING = "the action needs a list or campaign group"
    TARGET_NOT_WANTED = "the action takes no list or campaign group"


@dataclass(frozen=True, slots=True)
class ConditionOutcome:
    """One condition's. matched: the words it hit, as they were compared. detail: what is wrong with an invalid one."""

    condition: Condition
    verdict: Verdict
    matched: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """All conditions in their order, and the number of the first that matches, None if none does."""

    outcomes: tuple[ConditionOutcome, ...]
    winner: int | None

    @property
    def condition(self) -> Condition | None:
        """The winning condition."""
        return None if self.winner is None else self.outcomes[self.winner].condition


def decide(conditions: Sequence[Condition], answer: Answer) -> Decision:
    """Tries every condition; the first that matches wins, later ones are only told of (A143).

    Linear in the length of the answer for each condition.
    """
    fields = _Fields(answer)
    outcomes = tuple(_outcome(condition, fields) for condition in conditions)
    winner = next((at for at, one in enumerate(outcomes) if one.verdict is Verdict.MATCH), None)
    return Decision(outcomes, winner)


def faults(condition: Condition) -> tuple[Invalid, ...]:
    """What is wrong with a condition in itself: for saving, importing and testing it. Empty if nothing is."""
    found: list[Invalid] = []
    value = condition.value.strip()
    if not fold(value).strip():
        found.append(Invalid.EMPTY)
    elif not fold(value.replace("*", "")).strip() and not condition.any_content:
        found.append(Invalid.ANY_CONTENT)
    if len(value) > LONGEST_VALUE:
        found.append(Invalid.TOO_LONG)
    wanted = ACTIONS[condition.action].target is not Target.NONE
    if wanted and not condition.target:
        found.append(Invalid.TARGET_MISSING)
    if condition.target and not wanted:
        found.append(Invalid.TARGET_NOT_WANTED)
    return tuple(found)


class _Fields:
    """The answer's fields as they are compared, each folded once when asked for."""

    def __init__(self, answer: Answer) -> None:
        self._texts = {Field.BODY: answer.body, Field.SUBJECT: answer.subject, Field.SENDER: answer.sender}
        self._folded: dict[tuple[Field, bool], str] = {}

    def text(self, field: Field, ignore_case: bool) -> str:
        """A sender is compared as addresses are everywhere: without regard to case (A131)."""
        key = (field, ignore_case)
        if key not in self._folded:
            text = normalize_address(self._texts[field]) if field is Field.SENDER else self._texts[field]
            self._folded[key] = fold(text, ignore_case=ignore_case).strip()
        return self._folded[key]


def _outcome(condition: Condition, fields: _Fields) -> ConditionOutcome:
    wrong = faults(condition)
    if wrong:
        return ConditionOutcome(condition, Verdict.INVALID, detail="; ".join(one.value for one in wrong))
    ignore_case = condition.ignore_case or condition.field is Field.SENDER
    text = fields.text(condition.field, ignore_case)
    if not text:
        return ConditionOutcome(condition, Verdict.NOTHING_TO_COMPARE)
    found = find(condition.value, condition.operator, text, ignore_case=ignore_case)
    if found is not None:
        return ConditionOutcome(condition, Verdict.MATCH, matched=_shown(text[found[0] : found[1]]))
    if not ignore_case:
        folded = fields.text(condition.field, True)
        if find(condition.value, condition.operator, folded, ignore_case=True) is not None:
            return ConditionOutcome(condition, Verdict.ONLY_CASE)
    return ConditionOutcome(condition, Verdict.NO_MATCH)


def find(value: str, operator: Operator, text: str, *, ignore_case: bool) -> tuple[int, int] | None:
    """Where a value stands in a text that is already folded alike; None if nowhere.

    `*` stands for any text, an empty one too. The value is split there and the pieces are looked for in order, each as far
    to the left as it goes: that finds a match whenever there is one, in a time that grows with the text only.
    """
    pieces = [fold(piece, ignore_case=ignore_case) for piece in value.strip().split("*")]
    first, last = pieces[0], pieces[-1]
    at_start = operator in (Operator.EQUALS, Operator.STARTS_WITH)
    at_end = operator in (Operator.EQUALS, Operator.ENDS_WITH)
    if len(pieces) == 1:
        return _one_piece(first, text, at_start, at_end)
    end = len(text)
    if at_end:
        if not text.endswith(last):
            return None
        end -= len(last)
        pieces = pieces[:-1]
    begin = position = 0
    if at_start:
        if not text.startswith(first) or len(first) > end:
            return None
        position = len(first)
    else:
        begin = text.find(first, 0, end)
        if begin < 0:
            return None
        position = begin + len(first)
    for piece in pieces[1:]:
        found = text.find(piece, position, end)
        if found < 0:
            return None
        position = found + len(piece)
    return begin, len(text) if at_end else position


def _one_piece(piece: str, text: str, at_start: bool, at_end: bool) -> tuple[int, int] | None:
    if at_start and at_end:
        return (0, len(text)) if text == piece else None
    if at_start:
        return (0, len(piece)) if text.startswith(piece) else None
    if at_end:
        return (len(text) - len(piece), len(text)) if text.endswith(piece) else None
    found = text.find(piece)
    return (found, found + len(piece)) if found >= 0 else None


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
