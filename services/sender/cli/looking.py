"""`sends list|refused|show|cancel|resolve`."""

from __future__ import annotations

import dataclasses
import getpass
import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from services.sender.cli.opening import FAULT_FOUND, opened_database, opened_units
from services.sender.handler import asking, resolving
from services.sender.handler.resolving import Decision
from shared.domain.sending import SendState
from shared.storage import send_looking
from shared.storage.send_looking import SendStory

Json = Annotated[bool, typer.Option("--json", help="For scripts: one JSON document.")]
_OnlyOf = Annotated[str | None, typer.Option("--customer", help="Only this customer's.")]


def list_sends(
    customer: _OnlyOf = None,
    state: Annotated[SendState | None, typer.Option("--state")] = None,
    since: Annotated[datetime | None, typer.Option("--since", help="Accepted then or later (UTC).")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=send_looking.MOST)] = 50,
    as_json: Json = False,
) -> None:
    """Mails that were asked for, the latest first: where each stands, and why."""
    from_then = since.replace(tzinfo=since.tzinfo or UTC) if since else None
    with opened_database() as database, database.transaction() as connection:
        rows = send_looking.listed(connection, customer=customer, state=state, since=from_then, limit=limit)
    if as_json:
        _print_json({"sends": rows})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("accepted", "customer", "key", "state", "why", "until", "server", "send"):
        table.add_column(column, overflow="fold")
    for row in rows:
        why = ", ".join(part for part in (row.reason, row.detail) if part)
        table.add_row(
            _moment(row.accepted_at), row.customer, row.idempotency_key, row.state, why,
            _moment(row.until) if row.until and row.state != "accepted" else "", row.server, str(row.uid),
        )  # fmt: skip
    _console().print(table if rows else "none", markup=False)


def refused(
    customer: _OnlyOf = None,
    integration: Annotated[str | None, typer.Option("--integration", help="Only what this one asked for.")] = None,
    since: Annotated[datetime | None, typer.Option("--since", help="Refused then or later (UTC).")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=send_looking.MOST)] = 50,
    as_json: Json = False,
) -> None:
    """Requests that were refused and never became a mail, the latest first: who asked, which field, and the fix."""
    from_then = since.replace(tzinfo=since.tzinfo or UTC) if since else None
    with opened_database() as database, database.transaction() as connection:
        rows = send_looking.refused(
            connection, customer=customer, integration=integration, since=from_then, limit=limit
        )
    if as_json:
        _print_json({"refused": rows})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("refused", "integration", "customer", "key", "reason", "field", "detail"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            _moment(row.rejected_at), row.integration or "the operator", row.customer or "unknown", row.idempotency_key,
            row.reason, row.field, row.detail,
        )  # fmt: skip
    _console().print(table if rows else "none", markup=False)


def show(
    name: Annotated[str, typer.Argument(metavar="UID|KEY|MESSAGE-ID")],
    customer: _OnlyOf = None,
    as_json: Json = False,
) -> None:
    """One mail step by step: what was asked, what happened when, and why. Exit code 1 if there is none."""
    bare = name.strip().removeprefix("<").removesuffix(">")
    with opened_database() as database, database.transaction() as connection:
        found = send_looking.stories(connection, bare, customer=customer)
    if as_json:
        _print_json({"sends": found})
    for number, story in enumerate(() if as_json else found):
        typer.echo(("\n" if number else "") + "\n".join(story_lines(story)))
    if not found:
        typer.echo(f"There is no send {bare}.", err=True)
        raise typer.Exit(FAULT_FOUND)


def cancel(uids: Annotated[list[UUID], typer.Argument(metavar="UID…")]) -> None:
    """Take mails back that still wait; who asked for them is told. Exit code 1 if one could not be taken back."""
    with opened_units() as units:
        done = asking.cancel(units, uids, getpass.getuser())
    for uid in uids:
        typer.echo(f"{uid}: {'cancelled' if uid in done else 'not cancelled: there is none, or it no longer waits'}")
    if len(done) < len(set(uids)):
        raise typer.Exit(FAULT_FOUND)


def resolve(
    uids: Annotated[list[UUID], typer.Argument(metavar="UID…")],
    sent: Annotated[bool, typer.Option("--sent", help="It lies in Sent Items: it was sent.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="It was not sent: send it now.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Give it up.")] = False,
) -> None:
    """Decide about mails that may have left or not, where the key can't look. Exit code 1 if one was not unknown."""
    chosen: list[Decision] = [name for name, given in _decisions(sent, resend, fail) if given]
    if len(chosen) != 1:
        raise typer.BadParameter("give one of --sent, --resend and --fail")
    with opened_units() as units:
        done = resolving.resolve(units, uids, chosen[0], getpass.getuser())
    for uid in uids:
        typer.echo(f"{uid}: {chosen[0] if uid in done else 'nothing done: there is none, or it is not unknown'}")
    if len(done) < len(set(uids)):
        raise typer.Exit(FAULT_FOUND)


def _decisions(sent: bool, resend: bool, fail: bool) -> tuple[tuple[Decision, bool], ...]:
    return ("sent", sent), ("resend", resend), ("fail", fail)


def story_lines(story: SendStory) -> list[str]:
    """A send in words: what it is, then each step."""
    send = story.send
    head = [
        f"send {send.uid} of {send.customer}, key {send.idempotency_key}",
        f"  asked by {send.integration or 'the operator'}, to {', '.join(story.addresses[:5])}"
        + (f" and {len(story.addresses) - 5} more" if len(story.addresses) > 5 else ""),
        f"  server {send.server}, Message-ID <{send.message_id}>"
        + (f", changed by the provider to <{story.actual_message_id}>" if story.actual_message_id else ""),
    ]
    until = f", until {_moment(send.until)}" if send.until and send.state == "deferred" else ""
    head.append(f"  now {send.state}{_why(send.reason, send.detail)}{until}, {send.attempts} attempts")
    return head + [f"  {_moment(step.at)}  {step.state}{_why(step.reason, step.detail)}" for step in story.steps]


def _why(reason: str, detail: str) -> str:
    said = ": ".join(part for part in (reason, detail) if part)
    return f" ({said})" if said else ""


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at else ""


def _console() -> Console:
    made = Console(highlight=False, soft_wrap=True)
    return made if made.is_terminal else Console(highlight=False, soft_wrap=True, no_color=True, width=240)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value.isoformat() if isinstance(value, datetime) else str(value)
