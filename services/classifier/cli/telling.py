"""An explanation as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

from services.classifier.core.explaining import Explanation, RecipientStory

_TEXT_SHOWN = 300  # characters of the text that a rule hit


def print_explanation(path: str, explanation: Explanation) -> None:
    """Prints it to standard output."""
    print("\n".join(explanation_lines(path, explanation)))


def explanation_lines(path: str, explanation: Explanation) -> Iterator[str]:
    """The mail's class, the tiers walked, and for each recipient the rule, what it hit, who came near, what follows."""
    finding = explanation.finding
    yield f"{path}: {finding.bounce_class.value} ({finding.kind.value.replace('_', ' ')}), rules {finding.rule_set}"
    yield from (f"  {tier}" for tier in explanation.tiers)
    if finding.note:
        yield f"  note: {_plain(finding.note)}"
    for reference in finding.references[:5]:
        yield f"  about the mail: {_plain(reference.value)} ({reference.source.value.replace('_', ' ')})"
    for story in explanation.recipients:
        yield from _recipient_lines(story)


def _recipient_lines(story: RecipientStory) -> Iterator[str]:
    one = story.finding
    yield f"  {_plain(one.address) or '(redacted)'}: {one.bounce_class.value}, {one.reason}"
    codes = ", ".join(f"{name} {code}" for name, code in (("status", one.status), ("reply", one.reply)) if code)
    sure = f", confidence {one.confidence.value}" if one.confidence else ""
    yield f"    rule {one.rule}{sure}" + (f"; {codes}" if codes else "")
    if story.hit is not None:
        yield f"    hit: {_plain(story.hit.words)}   by the pattern: {story.hit.pattern}   source: {story.hit.rule.source}"
    if story.text:
        yield f"    in: {_plain(story.text[:_TEXT_SHOWN])}"
    for near in story.near:
        yield f"    nearly: {near.rule} ({near.bounce_class.value}) by {_plain(near.words)!r}: {near.why_not}"
    yield f"    follows: {story.follows}"


def _plain(text: str) -> str:
    """A mail's words on one line, without control characters: a terminal obeys some."""
    return "".join(ch if ch.isprintable() else " " for ch in text)
