"""A story in words: each stored fact as one dated sentence, and before them the answer in a line or two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.console.core.monitor_story import acted_text, monitored, undone_text
from services.console.core.story_runs import effect_lines, held_line

TIED_BY: Mapping[str, str] = {
    "reference_header": "our reference header in the returned mail",
    "returned_message_id": "the Message-ID of the returned mail",
    "x_original_message_id": "X-Original-Message-ID in the report",
    "in_reply_to": "In-Reply-To of the report",
    "references": "References of the report",
    "body_message_id": "a Message-ID in the report's text",
    "envelope_address": "the reference in the address that the report came to",
}
UNMATCHED: Mapping[str, str] = {
    "no_reference": "the report quotes no id of the mail that bounced (mail from before the installation looks like this too)",
    "unknown_reference": "the ids that it quotes are in no log of sent mail; it is tried again when they become known",
    "recipient_mismatch": "the mail that it quotes was not sent to that recipient",
    "too_old": "it came outside of the time in which a report still counts (setting match_within_days)",
    "not_watched": "the mail that it quotes is another customer's, whose mail this mailbox is not for",
}
EFFECTS: Mapping[str, str] = {
    "blacklisted": "the address was blacklisted",
    "unsubscribed": "the subscriber was unsubscribed",
    "logged": "it was logged for review, nobody was blacklisted or unsubscribed",
    "dry_run": "nothing: the bounce server is in dry run",
    "held": "held by the blast guard: nothing until a person releases or discards it",
    "unmatched": "nothing: a report that can't be tied to a mail that was sent acts on nobody",
}
CAUSES: Mapping[str, str] = {
    "hard_bounce": "a hard bounce",
    "soft_bounces": "a run of soft bounces",
    "complaint": "a complaint",
    "operator": "an operator",
    "replay": "a replay of the classification",
    "discard": "a discard of held bounces",
    "take_back": "taking back what came before a hold",
    "undo": "an undo",
    "monitor": "a monitor",
    "blacklist": "its address being on the blacklist",
}
DISPOSALS: Mapping[str, str] = {
    "leave": "left in the mailbox as it is",
    "mark_read": "marked read",
    "move": "moved",
    "trash": "moved to the trash",
    "delete": "deleted",
}


WAITS = ("accepted", "deferred", "claimed", "sending", "unknown")


@dataclass(frozen=True, slots=True)
class Line:
    """One fact. `kind` is stable for scripts: sent, received, listed, fetched, classified, served, logged, effect, disposed,
    changed, blacklisted, held, run, monitored, undone, and send_ with each state of a send."""

    at: datetime
    kind: str
    text: str


class StoryFacts(Protocol):
    """The facts as storage reads them (shared.storage.stories.Story): sequences of records with the fields named there."""

    @property
    def sent(self) -> Sequence[Any]: ...
    @property
    def reports(self) -> Sequence[Any]: ...
    @property
    def bounces(self) -> Sequence[Any]: ...
    @property
    def subscribers(self) -> Sequence[Any]: ...
    @property
    def changes(self) -> Sequence[Any]: ...
    @property
    def blacklist(self) -> Sequence[Any]: ...
    @property
    def sends(self) -> Sequence[Any]: ...
    @property
    def holds(self) -> Sequence[Any]: ...
    @property
    def effects(self) -> Sequence[Any]: ...
    @property
    def monitors(self) -> Sequence[Any]: ...


def tell(story: StoryFacts, viewer: str | None = None) -> list[Line]:
    """All facts in the order of time. viewer: a customer's uid, to tell only what that customer may know (A126)."""
    lines = [_sent(fact) for fact in story.sent if _may_see(fact.customer, viewer)]
    for fact in story.sends:
        if _may_see(fact.send.customer, viewer):
            lines += _send(fact)
    acted = monitored(story.monitors, viewer)
    seen_mails = {fact.mail_id for fact in (*story.bounces, *acted) if _may_see(fact.customer, viewer)}
    for report in story.reports:
        if viewer is None or report.mail_id in seen_mails:
            lines += _report(report)
    for bounce in story.bounces:
        if _may_see(bounce.customer, viewer):
            lines += _bounce(bounce)
    for fact in acted:
        lines += [Line(fact.logged_at, "monitored", acted_text(fact))]
        lines += [Line(fact.undone_at, "undone", undone_text(fact))] if fact.undone_at else []
    lines += [_change(fact) for fact in story.changes if _may_see(fact.customer, viewer)]
    lines += [
        _entry(fact, viewer) for fact in story.blacklist if fact.customer is None or _may_see(fact.customer, viewer)
    ]
    told = [held_line(fact, viewer) for fact in story.holds if _may_see(fact.customer, viewer)]
    told += [one for fact in story.effects if _may_see(fact.customer, viewer) for one in effect_lines(fact)]
    lines += [Line(*one) for one in told]
    # Python's sort is stable: facts of one instant stay in the order of the pipeline.
    # "Served" closes its transaction, whose facts all have its instant.
    return sorted(lines, key=lambda line: (line.at, line.kind == "served"))


def answer(story: StoryFacts, name: str, viewer: str | None = None) -> list[str]:
    """What a person wants to know first: how things stand now."""
    found = [
        f"{fact.email} is {fact.status} on list {fact.list} of {fact.customer}."
        for fact in story.subscribers
        if _may_see(fact.customer, viewer)
    ]
    for entry in story.blacklist:
        if entry.customer is None and viewer is not None:
            found.append(f"{entry.address} is suppressed.")
        elif _may_see(entry.customer, viewer) or entry.customer is None:
            whose = f"the blacklist of {entry.customer}" if entry.customer else "the global blacklist"
            found.append(f"{entry.address} is on {whose}, because of {CAUSES.get(entry.source, entry.source)}.")
    found += [_waits(fact) for fact in story.sends if fact.send.state in WAITS and _may_see(fact.send.customer, viewer)]
    untied = [bounce for bounce in story.bounces if bounce.matched_by is None and _may_see(bounce.customer, viewer)]
    if untied:
        reasons = dict.fromkeys(_why_unmatched(bounce) for bounce in untied)
        word = "report is" if len(untied) == 1 else "reports are"
        found.append(f"{len(untied)} {word} unmatched: {'; '.join(reasons)}.")
    sent = [fact for fact in story.sent if _may_see(fact.customer, viewer)]
    bounces = [fact for fact in story.bounces if _may_see(fact.customer, viewer)]
    asked = [fact for fact in story.sends if _may_see(fact.send.customer, viewer)]
    reports = story.reports if viewer is None else ()
    acted = monitored(story.monitors, viewer)
    if not found and not sent and not asked and not reports and not bounces and not acted:
        found.append(f"Nothing is known of {name}: never sent to, never reported, not subscribed, not blacklisted.")
    elif not bounces and not any(report.bounce_class not in (None, "none") for report in reports):
        found.append("No bounce and no complaint was reported.")
    return found


def _may_see(owner: str | None, viewer: str | None) -> bool:
    return viewer is None or owner == viewer


def _sent(fact: Any) -> Line:
    what = f"campaign {fact.campaign}" if fact.campaign else "a single mail"
    others = f" to {fact.recipients} recipients" if fact.recipients > 1 else ""
    changed = f", changed by the provider to <{fact.actual_message_id}>" if fact.actual_message_id else ""
    text = (
        f"sent: {what} of {fact.customer}{others}, Message-ID <{fact.message_id}>{changed}, reference {fact.reference}"
    )
    return Line(fact.sent_at, "sent", text)


def _send(fact: Any) -> Iterable[Line]:
    """A send, step by step. Its own `sent` is told as the others' is: by the log of sent mail too."""
    send = fact.send
    name = f"send {send.uid} (key {send.idempotency_key})"
    for step in fact.steps:
        asked = (
            f" asked by {send.integration or 'the operator'}, server {send.server}" if step.state == "accepted" else ""
        )
        yield Line(step.at, f"send_{step.state}", f"{name} of {send.customer}: {step.state}{asked}{_reason(step)}")


def _waits(fact: Any) -> str:
    send = fact.send
    until = f", until {send.until:%Y-%m-%d %H:%M} UTC" if send.until and send.state == "deferred" else ""
    return f"A mail of {send.customer} to {fact.addresses[0]} is {send.state}{_reason(send)}{until}."


def _reason(fact: Any) -> str:
    said = ": ".join(part for part in (fact.reason, fact.detail) if part)
    return f" ({said})" if said else ""


def _report(fact: Any) -> Iterable[Line]:
    name = f"mail {fact.mail_id}"
    if fact.received_at is not None:
        yield Line(fact.received_at, "received", f"{name} arrived in {fact.mailbox} ({fact.provider}, {fact.folder})")
    if fact.fetched_at is not None:
        cut = ", cut at the size limit" if fact.truncated else ""
        yield Line(
            fact.listed_at, "listed", f"{name} listed in {fact.mailbox}{_later(fact.listed_at, fact.received_at)}"
        )
        after = _later(fact.fetched_at, fact.listed_at)
        yield Line(fact.fetched_at, "fetched", f"{name} fetched from {fact.mailbox}{cut}{after}")
    elif fact.stage == "gone":
        yield Line(
            fact.listed_at, "gone", f"{name} was taken out of {fact.mailbox} by somebody else before it was read"
        )
    else:
        yield Line(fact.listed_at, "listed", f"{name} listed in {fact.mailbox}, waits to be fetched")
    if fact.classified_at is not None:
        by = f" by rule {fact.rule} (tier {fact.tier}, rules {fact.rule_set})" if fact.rule else ""
        after = _later(fact.classified_at, fact.fetched_at)
        text = f"{name} classified as {_class(fact.bounce_class, fact.kind)}{by}{after}"
        yield Line(fact.classified_at, "classified", text)
    if fact.served_at is not None:
        after = _later(fact.served_at, fact.classified_at)
        yield Line(fact.served_at, "served", f"{name} served: what follows from it is committed{after}")
        yield from _disposal(fact, name)


def _disposal(fact: Any, name: str) -> Iterable[Line]:
    done = DISPOSALS.get(fact.disposal or "leave", str(fact.disposal))
    if fact.disposal == "move":
        done = f"moved to {fact.move_to}"
    if fact.disposed_at is not None:
        after = _later(fact.disposed_at, fact.served_at)
        yield Line(fact.disposed_at, "disposed", f"{name} {done} in {fact.mailbox}{after}")
    elif fact.disposal_due:
        yield Line(fact.served_at, "disposal_due", f"{name} is to be {done} at the next poll of {fact.mailbox}")
    elif fact.disposal_note:
        yield Line(fact.served_at, "left", f"{name} stays in {fact.mailbox}: {fact.disposal_note}")
    elif fact.disposal in (None, "leave"):
        yield Line(fact.served_at, "left", f"{name} {DISPOSALS['leave']}")


def _later(at: datetime, before: datetime | None) -> str:
    """How long a stage took; nothing where a clock that is not ours says that it took less than none."""
    if before is None or at < before:
        return ""
    return f", {(at - before).total_seconds():.2f} s later"


def _class(bounce_class: str | None, kind: str | None) -> str:
    if bounce_class in (None, "none"):
        return f"no bounce ({kind or 'unknown'})"
    if bounce_class == "feedback_loop":
        return "a complaint"
    return f"{'an' if bounce_class == 'internal' else 'a'} {bounce_class} bounce"


def _bounce(fact: Any) -> Iterable[Line]:
    who = fact.reported or "a recipient that was redacted"
    codes = " ".join(part for part in (fact.reply, fact.status) if part)
    said = f": “{fact.diagnostic}”" if fact.diagnostic else ""
    server = f" by {fact.remote_mta}" if fact.remote_mta else ""
    text = f"mail {fact.mail_id} reports {who}: {_class(fact.bounce_class, None)}, {fact.reason}"
    text += f" [{codes}]" if codes else ""
    text += f", rule {fact.rule}{server}{said}"
    yield Line(fact.logged_at, "logged", text)
    if fact.matched_by is None:
        yield Line(fact.logged_at, "unmatched", f"not tied to a mail that was sent: {_why_unmatched(fact)}")
    else:
        campaign = f", campaign {fact.campaign}" if fact.campaign else ""
        by = TIED_BY.get(fact.matched_by, fact.matched_by)
        yield Line(
            fact.logged_at,
            "matched",
            f"tied to the mail sent to {fact.recipient} for {fact.customer}{campaign}, by {by}",
        )
    yield Line(fact.effect_at or fact.logged_at, "effect", f"effect: {EFFECTS.get(fact.effect, fact.effect)}")


def _why_unmatched(fact: Any) -> str:
    return UNMATCHED.get(fact.unmatched_reason or "", fact.unmatched_reason or "no reason was recorded")


def _change(fact: Any) -> Line:
    cause = CAUSES.get(fact.cause, fact.cause)
    text = f"{fact.email} on list {fact.list} of {fact.customer}: {fact.before} → {fact.after}, because of {cause}"
    return Line(fact.changed_at, "changed", text)


def _entry(fact: Any, viewer: str | None) -> Line:
    if fact.customer is None and viewer is not None:
        return Line(fact.added_at, "suppressed", f"{fact.address} is suppressed")
    whose = f"the blacklist of {fact.customer}" if fact.customer else "the global blacklist"
    reason = f" ({fact.reason})" if fact.reason else ""
    until = f", until {fact.expires_at:%Y-%m-%d}" if fact.expires_at else ""
    text = f"{fact.address} put on {whose} because of {CAUSES.get(fact.source, fact.source)}{reason}{until}"
    return Line(fact.added_at, "blacklisted", text)
