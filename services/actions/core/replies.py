"""From what monitors made of a reply to what follows: whose subscriber it is, and which rows of the log are entered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.actions.core.tying import Answers
from shared.domain.bounces import MailFinding
from shared.domain.identifying import People, Person, identify
from shared.domain.mailboxes import Disposal, keeps_most
from shared.domain.monitors import IdentifyBy, MonitorFinding, Verdict
from shared.domain.watchers import MonitorWatch


@dataclass(frozen=True, slots=True)
class Entry:
    """One row for the monitors' log. person: None for nobody. effect: done (to be carried out), dry_run, no_subscriber, no_text."""

    watch: MonitorWatch
    found: MonitorFinding
    person: Person | None
    identified_by: str | None
    effect: str
    detail: str = ""


_ACTED = frozenset({"done", "already"})


def entries(finding: MailFinding, watches: Sequence[MonitorWatch], answers: Answers, people: People) -> list[Entry]:
    """The rows that one mail leads to. A monitor that matched nothing leads to none; one that is inactive by now neither."""
    if finding.reply is None:
        return []
    by_id = {watch.monitor_id: watch for watch in watches}
    rows: list[Entry] = []
    for found in finding.reply.monitors:
        watch = by_id.get(found.monitor_id)
        if watch is None or found.verdict is Verdict.NO_MATCH:
            continue
        if found.verdict is Verdict.NO_TEXT:
            rows.append(Entry(watch, found, None, None, "no_text", found.note))
            continue
        method, persons = identify(watch, finding.reply, finding.references, answers, people)
        if not persons:
            rows.append(
                Entry(watch, found, None, None, "no_subscriber", f"nobody found by {_words(watch.identify_by)}")
            )
        effect = "dry_run" if watch.dry_run else "done"
        rows += [Entry(watch, found, person, method, effect) for person in persons]
    return rows


def _words(method: IdentifyBy) -> str:
    return {"email": "address", "uid": "subscriber uid", "uid_or_email": "subscriber uid or address"}[method.value]


def disposal_after(rows: Sequence[Entry]) -> tuple[Disposal, str | None]:
    """What is done with the mail: only monitors that acted have a wish, and the one that keeps most wins."""
    acted = {row.watch.monitor_id: row.watch for row in rows if row.person is not None and row.effect in _ACTED}
    dry = any(row.effect == "dry_run" for row in rows)
    wishes = [watch.disposal for watch in acted.values()] + ([Disposal.LEAVE] if dry else [])
    chosen = keeps_most(tuple(wishes))
    move_to = next((w.move_to for w in acted.values() if chosen is Disposal.MOVE and w.disposal is Disposal.MOVE), None)
    return chosen, move_to
