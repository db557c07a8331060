"""`apiconnect monitors test`: what a monitor would make of mails, step by step; nothing is done."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from services.classifier.cli.own_files import sources_of
from services.classifier.core.laboratory import Trial, outcome_text
from services.classifier.handler.laboratory import Bench, Lab, open_lab
from services.classifier.settings import ReadingSettings
from shared.domain.access import NotThere, Role
from shared.domain.monitor_words import condition_text, identified_of
from shared.settings import DatabaseSettings, SealingSettings
from shared.storage.database import Database
from shared.storage.sealing import Sealer

_REFUSED = 2


def try_monitor(
    monitor: Annotated[str, typer.Argument(metavar="MONITOR", help="A monitor's name or uid.")],
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE…", help="Mails (RFC 5322), one per file.")] = None,
    last: Annotated[
        int, typer.Option("--last", min=0, max=10_000, help="The mailbox's latest mails that are still stored.")
    ] = 0,
    as_customer: Annotated[
        str | None, typer.Option("--as", metavar="CUSTOMER", help="Act as this customer. Default: the operator.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: one JSON document.")] = False,
) -> None:
    """Try a monitor on mails: the text, what was cut, each condition, the subscriber, what would happen. Nothing is done."""
    if bool(files) == bool(last):
        raise typer.BadParameter("give files, or --last N")
    raws = [(path, _read(path)) for path in files or []]
    sealer = _sealer()
    url = DatabaseSettings.read().database_url.get_secret_value()
    settings = ReadingSettings.read()
    with Database(url, max_connections=1, name="console") as database, database.transaction() as connection:
        own = sources_of(connection, settings.rules_file)
        with Bench(own, settings.mail_seconds) as bench:
            try:
                lab = open_lab(connection, sealer, bench, Role(as_customer), monitor, stored=last > 0)
            except NotThere as error:
                typer.echo(str(error), err=True)
                raise typer.Exit(_REFUSED) from None
            trials = list(lab.latest(last)) if last else [lab.try_mail(name, raw) for name, raw in raws]
    if as_json:
        typer.echo(json.dumps({"mails": [_as_json(one) for one in trials]}, indent=2, ensure_ascii=False))
        return
    for trial in trials:
        typer.echo("\n".join(_lines(trial, lab)) + "\n")
    matched = sum(1 for one in trials if one.winner is not None and not one.not_tried)
    typer.echo(f"{len(trials)} tried, {matched} matched; nothing was done.")


def _sealer() -> Sealer:
    try:
        return Sealer.parse(SealingSettings.read().sealing_keys.get_secret_value())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None


def _lines(trial: Trial, lab: Lab) -> Iterator[str]:
    reply = trial.read.reply
    sent = "its text is taken out" if trial.sent_known else "not known"
    rule = f", by the rule {trial.rule}" if trial.rule else ""
    yield f"{trial.name}: {trial.kind.value.replace('_', ' ')}{rule}, from {_plain(trial.read.answer.sender) or 'nobody'}"
    yield f"  subject   {_plain(trial.read.answer.subject)}"
    yield f"  answers   the mail that it answers: {sent}"
    yield f"  text      {reply.outcome.value} ({reply.source})" + (f", {reply.note}" if reply.note else "")
    for block in reply.blocks:
        reason = block.reason.value if block.reason else ""
        yield from (f"    {reason:18}| {_plain(line)}" for line in block.text.split("\n"))
    if trial.not_tried:
        yield f"  nothing   {trial.not_tried}"
    yield from (f"  {outcome_text(number, one)}" for number, one in enumerate(trial.decision.outcomes, start=1))
    if not trial.not_tried:
        yield from _what_follows(trial, lab)


def _what_follows(trial: Trial, lab: Lab) -> Iterator[str]:
    if trial.winner is None:
        yield "  follows   nothing: no condition matched"
    elif not trial.prospects:
        yield f"  follows   nothing: no subscriber was found by {lab.watch.identify_by.value.replace('_', ' ')}"
    for one in trial.prospects:
        yield f"  subscriber {one.email} on {one.list} of {one.customer}, found by {identified_of(trial.found_by)}"
        yield f"  follows   {one.would}"


def _as_json(trial: Trial) -> dict[str, Any]:
    reply, answer = trial.read.reply, trial.read.answer
    return {
        "mail": trial.name,
        "kind": trial.kind.value,
        "rule": trial.rule or None,
        "sender": answer.sender,
        "subject": answer.subject,
        "sent_mail_known": trial.sent_known,
        "text": reply.text,
        "outcome": reply.outcome.value,
        "note": reply.note,
        "blocks": [{"text": block.text, "cut": block.reason.value if block.reason else None} for block in reply.blocks],
        "not_tried": trial.not_tried,
        "conditions": [
            {
                "condition": condition_text(one.condition),
                "verdict": one.verdict.value,
                "matched": one.matched,
                "detail": one.detail,
            }
            for one in trial.decision.outcomes
        ],
        "winner": None if trial.decision.winner is None else trial.decision.winner + 1,
        "found_by": trial.found_by,
        "subscribers": [dataclasses.asdict(one) for one in trial.prospects],
    }


def _plain(text: str) -> str:
    """Without control characters: a terminal obeys some."""
    return "".join(character if character.isprintable() else " " for character in text)
