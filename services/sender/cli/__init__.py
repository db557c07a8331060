"""The sender's own commands: `send` asks for one mail; `sends` and `attachments` look after what is stored."""

from __future__ import annotations

import typer

from services.sender.cli import looking, sending

app = typer.Typer(no_args_is_help=True)
app.command("send")(sending.send)

_sends = typer.Typer(no_args_is_help=True, help="Mails that were asked for: what became of them, and taking them back.")
_sends.command("list")(looking.list_sends)
_sends.command("refused")(looking.refused)
_sends.command("show")(looking.show)
_sends.command("cancel")(looking.cancel)
_sends.command("resolve")(looking.resolve)
app.add_typer(_sends, name="sends")

_attachments = typer.Typer(no_args_is_help=True, help="Files that are too large to stand in a request.")
_attachments.command("put")(sending.attachments_put)
app.add_typer(_attachments, name="attachments")
