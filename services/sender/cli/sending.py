"""`send`, `attachments put`."""

from __future__ import annotations

import base64
import mimetypes
import secrets
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from services.sender.cli.opening import FAULT_FOUND, REFUSED, opened_database, opened_units, sealer
from services.sender.core.checking import problems_of
from services.sender.handler import asking
from shared.contracts.sending import MOST_INLINE_BYTES, SendMail
from shared.storage import attachments
from shared.storage.send_looking import RefusedLine

LARGEST_ATTACHMENT = 150_000_000  # what an upload session of Graph takes

Customer = Annotated[str, typer.Option("--customer", help="Whose mail it is: the customer's uid.")]


def send(
    customer: Customer,
    to: Annotated[list[str], typer.Option("--to", help="Recipient; may come again.")],
    subject: Annotated[str, typer.Option("--subject")] = "",
    server: Annotated[str | None, typer.Option("--server", help="Delivery server's uid; default: any.")] = None,
    cc: Annotated[list[str] | None, typer.Option("--cc")] = None,
    bcc: Annotated[list[str] | None, typer.Option("--bcc")] = None,
    text: Annotated[str | None, typer.Option("--text", help="The text itself.")] = None,
    text_file: Annotated[Path | None, typer.Option("--text-file", exists=True, dir_okay=False)] = None,
    html_file: Annotated[Path | None, typer.Option("--html-file", exists=True, dir_okay=False)] = None,
    attach: Annotated[list[Path] | None, typer.Option("--attach", exists=True, dir_okay=False)] = None,
    key: Annotated[str | None, typer.Option("--key", help="Idempotency key; default: a new one.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is accepted or rejected.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", help="How long --wait waits.", min=0.1)] = 30.0,
) -> None:
    """Ask for one mail, as an integration does: through the queue."""
    if text is not None and text_file is not None:
        raise typer.BadParameter("give --text or --text-file")
    try:
        request = SendMail.model_validate(
            {
                "idempotency_key": key or f"cli-{secrets.token_hex(8)}",
                "customer": customer,
                "server": server,
                "to": _people(to),
                "cc": _people(cc or []),
                "bcc": _people(bcc or []),
                "subject": subject,
                "text": text_file.read_text("utf-8") if text_file else text,
                "html": html_file.read_text("utf-8") if html_file else None,
                "attachments": _attached(attach or [], customer),
            }
        )
    except ValidationError as error:
        fault = problems_of(error)
        typer.echo(fault.detail, err=True)
        raise typer.Exit(REFUSED) from None
    except UnicodeDecodeError:
        typer.echo("The text is not UTF-8.", err=True)
        raise typer.Exit(REFUSED) from None
    with opened_units() as units:
        since = asking.now_of(units) if wait else None
        asking.publish(units, request, _new_uuid())
        typer.echo(f"asked: {request.idempotency_key}")
        if since is None:
            return
        found = asking.wait(units, request, since, seconds)
    if found is None:
        typer.echo(f"No answer within {seconds:g} s; apiconnect sends show {request.idempotency_key}", err=True)
        raise typer.Exit(FAULT_FOUND)
    if isinstance(found, RefusedLine):
        typer.echo(f"rejected: {found.reason}{f' ({found.field})' if found.field else ''}: {found.detail}", err=True)
        raise typer.Exit(FAULT_FOUND)
    sent = found.send
    typer.echo(f"{sent.state}: {sent.uid}, Message-ID <{sent.message_id}>, server {sent.server}")


def attachments_put(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE")], customer: Customer
) -> None:
    """Store a file for requests to name (`stored`); prints its id. Unused, it is dropped after a week."""
    typer.echo(str(_stored(file, customer)))


def _people(addresses: list[str]) -> list[dict[str, str]]:
    return [{"email": address} for address in addresses]


def _attached(files: list[Path], customer: str) -> list[dict[str, str]]:
    """Inline as long as they fit; else stored first."""
    inline = sum(file.stat().st_size for file in files) <= MOST_INLINE_BYTES
    return [
        {
            "filename": file.name,
            "content_type": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
            **(
                {"content": base64.b64encode(file.read_bytes()).decode()}
                if inline
                else {"stored": str(_stored(file, customer))}
            ),
        }
        for file in files
    ]


def _stored(file: Path, customer: str) -> UUID:
    if file.stat().st_size > LARGEST_ATTACHMENT:
        typer.echo(f"{file}: larger than {LARGEST_ATTACHMENT // 1_000_000} MB, which no provider takes.", err=True)
        raise typer.Exit(REFUSED)
    uid = _new_uuid()
    ring = sealer()
    with opened_database() as database, database.transaction() as connection:
        known = attachments.put(connection, ring, uid, customer, file.name, file.read_bytes())
    if not known:
        typer.echo(f"There is no customer {customer}.", err=True)
        raise typer.Exit(REFUSED)
    return uid


def _new_uuid() -> UUID:
    return UUID(bytes=secrets.token_bytes(16), version=4)
