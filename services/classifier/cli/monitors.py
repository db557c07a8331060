"""`apiconnect monitors`: what a reply says, taken from files, without a mailbox or a database."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.classifier.cli.classifying import listed
from shared.mail.replies import Reply, reply_in_html, reply_in_mail, reply_in_text
from shared.mail.replies.mail_texts import decoded_bytes

app = typer.Typer(no_args_is_help=True)


@app.callback()
def monitors() -> None:
    """Try what monitors make of replies."""


@app.command()
def extract(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Mails (RFC 5322), texts (.txt) or HTML texts (.html), one per file.", show_default=False),
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object per file: file, case, reply.")] = False,
    sent: Annotated[
        str | None, typer.Option(help="The text of the mail that they answer; its lines are taken out.")
    ] = None,
    files_from: Annotated[
        str | None, typer.Option(help="A list with a path per line; - reads it from standard input.")
    ] = None,
) -> None:
    """Show what the person wrote, without quotations, signatures and notices; and what was cut and why."""
    paths = [*(files or []), *(listed(files_from) if files_from else [])]
    if not paths:
        raise typer.BadParameter("give files, or --files-from LIST")
    missing = 0
    sent_text = _read(sent).decode("utf-8", "replace") if sent else ""
    for path in paths:
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            missing += 1
            print(f"{path}: {error.strerror}", file=sys.stderr)
            continue
        reply = reply_in_file(path, raw, sent=sent_text)
        if jsonl:
            print(json.dumps({"file": path, "case": Path(path).stem, "reply": reply.text}, ensure_ascii=False))
        else:
            print("\n".join(_lines(path, reply)))
    if missing:
        raise typer.Exit(1)


def reply_in_file(path: str, raw: bytes, *, sent: str = "") -> Reply:
    """A file's reply; its name says what it is: .txt a text, .html an HTML text, all else a mail."""
    kind = Path(path).suffix.lower()
    if kind in (".html", ".htm"):
        return reply_in_html(decoded_bytes(raw, ""), sent=sent)
    if kind == ".txt":
        return reply_in_text(decoded_bytes(raw, ""), sent=sent)
    return reply_in_mail(raw, sent=sent)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None


def _lines(path: str, reply: Reply) -> list[str]:
    """The reply for a person: each block with what it is in front, the person's own without."""
    lines = [f"{path}: {reply.outcome.value}, {reply.source}" + (f", {reply.note}" if reply.note else "")]
    for block in reply.blocks:
        name = block.reason.value if block.reason else ""
        lines += [f"  {name:18}| {_plain(line)}" for line in block.text.split("\n")]
    return lines


def _plain(text: str) -> str:
    """Without control characters: a terminal obeys some."""
    return "".join(character if character.isprintable() else " " for character in text)
