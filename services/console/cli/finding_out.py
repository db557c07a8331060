"""`why`, `bounces unmatched|reclassify`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.mailbox_commands import say_unpublished
from services.console.cli.opening import REFUSED, opened_database, opened_units
from services.console.cli.screen import Json
from services.console.core.durations import counted, moment
from services.console.core.story import UNMATCHED, answer, tell
from services.console.handler.reopening import reclassify
from shared.domain.mailboxes import normalize_address
from shared.storage import bounce_log, stories

Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")]


def why(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS|MESSAGE-ID|UID", help="An address, a Message-ID, a reference, or a send's uid or key."
        ),
    ],
    customer: Annotated[str | None, typer.Option("--customer", help="Tell it as this customer may see it.")] = None,
    as_json: Json = False,
) -> None:
    """The story of an address or a mail, fact by fact: sent, reported, classified, tied, and what followed."""
    bare = name.strip().removeprefix("<").removesuffix(">")
    with opened_database() as database, database.transaction() as connection:
        story = stories.of_mail(connection, bare)
        by_address = stories.of_address(connection, normalize_address(bare))
    # A Message-ID looks like an address: the mail is told if there is one by that name.
    found = story if story.sent or story.sends or story.reports or story.bounces else by_address
    lines, answers = tell(found, customer), answer(found, bare, customer)
    if as_json:
        screen.as_json(
            {"name": bare, "answer": answers, "story": lines} | ({"facts": found} if customer is None else {})
        )
        return
    for text in answers:
        screen.say(text)
    if lines:
        screen.say()
        for line in lines:
            screen.say(f"{moment(line.at)}  {line.text}")


def unmatched(limit: Limit = 50, as_json: Json = False) -> None:
    """Reports that could not be tied to a mail that was sent, the latest first, and why. They act on nobody."""
    with opened_database() as database, database.transaction() as connection:
        rows = bounce_log.unmatched(connection, limit)
    if as_json:
        screen.as_json({"unmatched": rows})
        return
    screen.table(
        ("logged", "mail", "mailbox", "recipient", "class", "what it says", "why it is unmatched"),
        [
            (
                moment(row.logged_at), row.mail_id, row.mailbox, row.recipient or "(redacted)", row.bounce_class,
                (row.diagnostic or row.reason)[:80], UNMATCHED.get(row.why, row.why),
            )
            for row in rows
        ],
        right=("mail",),
    )  # fmt: skip


def reclassify_mails(
    mail_ids: Annotated[list[int] | None, typer.Argument(metavar="MAIL-ID…", help="Numbers of mails.")] = None,
    since: Annotated[datetime | None, typer.Option("--since", help="All that were served since then (UTC).")] = None,
    as_json: Json = False,
) -> None:
    """Sends mails through the classifier again, with the rules of now. Needs their raw copies (kept 30 days)."""
    if bool(mail_ids) == (since is not None):
        screen.complain("Name mails, or say --since.")
        raise typer.Exit(REFUSED)
    with opened_units() as units:
        result = reclassify(units.begin, mail_ids or [], since.replace(tzinfo=since.tzinfo or UTC) if since else None)
    if as_json:
        screen.as_json(result)
        return
    say_unpublished(units)
    screen.say(
        f"{counted(len(result.mails), 'mail')} sent through the classifier again.",
        mark="ok" if result.mails else "note",
    )
    if result.left_out:
        shown = ", ".join(map(str, result.left_out[:20]))
        screen.say(f"Left out, their raw copy is gone or they are on their way: {shown}.", mark="note")
