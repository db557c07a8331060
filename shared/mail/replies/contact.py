"""The contact card below a person's words: what four ways of knowing one say, and the lines that go."""

from __future__ import annotations

from collections.abc import Sequence

from shared.mail.replies import contact_cards, long_cards, signatures, signed_blocks, signed_cards
from shared.mail.replies.reply import Reason

_MOST_PICTURES = 6  # in a card, as placeholders


def card_at_end(
    texts: Sequence[str], why: Sequence[Reason | None], own: Sequence[int], signer: frozenset[str]
) -> Sequence[int]:
    """The lines of the contact card at the end of a person's words, with the pictures in it; none if there is none.

    why: for each line the reason for which it is cut. own: the numbers of those that are not, blank ones left out. signer:
    from `signed_blocks.signer_words`.
    """
    own = own[-long_cards.TAIL - _MOST_PICTURES :]
    tail = [at for at in own if not signatures.is_placeholder(texts[at])][-long_cards.TAIL :]
    if len(tail) < 2:  # a card never is the whole text
        return ()
    # What stands right below a quoted line answers it, be it a name and a number; unless they had signed off above.
    quoted = next((at for at in range(tail[-1], tail[0], -1) if why[at] is Reason.QUOTED), -1)
    if not any(contact_cards.is_sign_off(texts[at]) for at in tail if at < quoted):
        tail = [at for at in tail if at > quoted]
    lines = [texts[at] for at in tail]
    apart = [number == 0 or at - tail[number - 1] > 1 for number, at in enumerate(tail)]
    card = _card(lines, apart, signer)
    if not card:
        return ()
    begins, ends = tail[card.start], tail[card.stop] if card.stop < len(tail) else len(texts)
    while begins > 0 and (not texts[begins - 1].strip() or signatures.is_placeholder(texts[begins - 1])):
        begins -= 1
    return [at for at in own if begins <= at < ends]


def _card(lines: list[str], apart: list[bool], signer: frozenset[str]) -> range:
    start = _named_start(lines, apart)
    signed = signed_blocks.block(lines, apart, signer)
    return signed if signed and signed.start <= start else range(start, len(lines))


def _named_start(lines: list[str], apart: list[bool]) -> int:
    others = long_cards.may_hold_one(lines)
    start = _card_start(lines, apart) if others else len(lines)
    if start < len(lines) and any(contact_cards.is_sign_off(line) for line in lines[max(0, start - 2) : start]):
        return start
    named = signed_cards.card_start(lines, apart) if signed_cards.may_hold_one(lines) else len(lines)
    if named == len(lines) and others:
        named = long_cards.card_start(lines, apart)
    return min(start, named)


def _card_start(lines: list[str], apart: list[bool]) -> int:
    skipped = max(0, len(lines) - contact_cards.TAIL)
    return skipped + contact_cards.card_start(lines[skipped:], apart[skipped:])
