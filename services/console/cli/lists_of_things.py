"""`blacklist list|add|remove|export` and `dead-letters list|show|replay|discard`."""

from __future__ import annotations

import csv
import dataclasses
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.opening import FAULT_FOUND, REFUSED, opened_broker, opened_database, sealer
from services.console.cli.screen import Json
from services.console.core.documents import check_address
from services.console.core.durations import counted, moment
from shared.domain.errors import ApiConnectError
from shared.messaging import dead_letters as letters
from shared.storage import blacklist_entries, dead_letters
from shared.telemetry import redact

Customer = Annotated[str | None, typer.Option("--customer", help="A customer's uid; left out: the global blacklist.")]
Concerning = Annotated[str | None, typer.Option("--customer", help="Only what concerns this customer.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")]


def blacklist_list(
    address: Annotated[str | None, typer.Argument(help="Only this address.")] = None,
    customer: Concerning = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Who is blacklisted, for whom, since when and why; the latest first."""
    wanted = _address(address) if address else None
    with opened_database() as database, database.transaction() as connection:
        rows = list(blacklist_entries.entries(connection, customer=customer, address=wanted, limit=limit))
        total = blacklist_entries.count(connection, customer=customer)
    if as_json:
        screen.as_json({"entries": rows, "total": total})
        return
    screen.table(
        ("address", "for", "source", "reason", "since", "until"),
        [
            (
                row.address, row.customer or "everybody", row.source, row.reason[:80], moment(row.added_at),
                "for good" if row.expires_at is None else moment(row.expires_at) + ("" if row.effective else " (over)"),
            )
            for row in rows
        ],
    )  # fmt: skip
    if wanted is None and total > len(rows):
        screen.say(f"{len(rows)} of {total}; see --limit, or blacklist export.", mark="note")


def blacklist_add(
    addresses: Annotated[list[str], typer.Argument(help="Addresses.", metavar="ADDRESS…")],
    customer: Customer = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; shown with the entry.")] = "",
    until: Annotated[datetime | None, typer.Option("--until", help="Ends then (UTC); left out: for good.")] = None,
    as_json: Json = False,
) -> None:
    """Blacklists addresses for a customer or for everybody, and their subscribers with them."""
    wanted = sorted({_address(address) for address in addresses})
    expires = until.replace(tzinfo=until.tzinfo or UTC) if until else None
    with opened_database() as database, database.transaction() as connection:
        added, changed = blacklist_entries.add(connection, wanted, customer=customer, reason=reason, expires_at=expires)
    if as_json:
        screen.as_json({"added": added, "already": len(wanted) - added, "subscribers_changed": changed})
        return
    whose = f"for {customer}" if customer else "for everybody"
    already = f", {len(wanted) - added} known already" if added < len(wanted) else ""
    screen.say(
        f"{counted(added, 'address', 'addresses')} blacklisted {whose}{already}; {counted(changed, 'subscriber')} changed.",
        mark="ok",
    )


def blacklist_remove(
    address: Annotated[str, typer.Argument(help="The address.")], customer: Customer = None, as_json: Json = False
) -> None:
    """Takes an address off a customer's blacklist, or off the global one. Subscribers keep their status."""
    wanted = _address(address)
    with opened_database() as database, database.transaction() as connection:
        removal = blacklist_entries.remove(connection, wanted, customer=customer)
    if as_json:
        screen.as_json(removal)
    elif removal.entries:
        whose = f"the blacklist of {customer}" if customer else "the global blacklist"
        screen.say(f"{wanted} is off {whose}.", mark="ok")
        if removal.still_blacklisted:
            screen.say(
                f"{counted(removal.still_blacklisted, 'subscriber')} with this address: still blacklisted.", mark="note"
            )
    if not removal.entries:
        screen.complain(f"{wanted} is not on that blacklist.")
        raise typer.Exit(FAULT_FOUND)


def blacklist_export(customer: Concerning = None) -> None:
    """The blacklist as CSV on standard output: address, customer, source, reason, added_at, expires_at."""
    with opened_database() as database, database.transaction() as connection:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("address", "customer", "source", "reason", "added_at", "expires_at"))
        for row in blacklist_entries.entries(connection, customer=customer):
            until = row.expires_at.isoformat() if row.expires_at else ""
            shown = (row.address, row.customer or "", row.source, row.reason, row.added_at.isoformat(), until)
            writer.writerow([_harmless(cell) for cell in shown])


def dead_letters_list(
    queue: Annotated[str | None, typer.Option("--queue", help="Only of this queue.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Messages that could not be handled and wait for a person. Exit code 1 if there are any."""
    with opened_database() as database, database.transaction() as connection:
        found = dead_letters.waiting(connection, queue, limit)
    if as_json:
        screen.as_json({"dead_letters": found})
    elif not found:
        screen.say("No dead letters.", mark="ok")
    else:
        screen.table(
            ("id", "queue", "type", "parked", "attempts", "reason"),
            [
                (one.dead_letter_id, one.queue, one.type, moment(one.parked_at), one.attempts, one.reason)
                for one in found
            ],
            right=("id", "attempts"),
        )
    if found:
        raise typer.Exit(FAULT_FOUND)


def dead_letters_show(
    letter_id: Annotated[int, typer.Argument(metavar="ID")],
    open_it: Annotated[
        bool, typer.Option("--payload", help="Also of a request from outside, which may hold mail.")
    ] = False,
    as_json: Json = False,
) -> None:
    """One dead letter. Our own messages hold ids, never mail, and are shown whole; a request from outside with --payload."""
    with opened_database() as database, database.transaction() as connection:
        found = dead_letters.one(connection, letter_id)
        if found is None:
            screen.complain(f"There is no dead letter {letter_id}.")
            raise typer.Exit(REFUSED)
        payload = None
        if open_it or not found.sealed:
            ring = sealer() if found.sealed else None
            payload = redact(dead_letters.payload(connection, ring, letter_id).decode("utf-8", "replace"))
    if as_json:
        screen.as_json({**dataclasses.asdict(found), "payload": payload})
        return
    screen.say(f"{found.type} in {found.queue}, parked {moment(found.parked_at)} after {found.attempts} attempts")
    screen.say(f"reason:   {found.reason}")
    replayed = f"replayed {moment(found.replayed_at)}" if found.replayed_at else "waits"
    screen.say(f"state:    {replayed}, message {found.message_id or 'without an id'}")
    if found.size is not None:
        kept = "" if found.whole else "; only its beginning was kept, so it can't be replayed"
        screen.say(f"size:     {counted(found.size, 'byte')}, SHA-256 {found.sha256}{kept}")
    screen.say(f"payload:  {'sealed, since it may hold mail; --payload opens it' if payload is None else payload}")


def dead_letters_replay(
    letter_ids: Annotated[list[int] | None, typer.Argument(metavar="ID…")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    as_json: Json = False,
) -> None:
    """Publishes dead letters again, each to its own queue, as a first try."""
    if bool(letter_ids) == every:
        screen.complain("Name dead letters, or say --all.")
        raise typer.Exit(REFUSED)
    replayed: dict[int, str] = {}
    failed: dict[int, str] = {}
    with opened_database() as database, opened_broker() as broker:
        if every:
            with database.transaction() as connection:
                letter_ids = [one.dead_letter_id for one in dead_letters.waiting(connection, None, 100_000)]
        with database.transaction() as connection:
            found = [dead_letters.one(connection, letter_id) for letter_id in letter_ids or []]
        ring = sealer() if any(one is not None and one.sealed for one in found) else None
        publisher = broker.publisher()
        for letter_id in letter_ids or []:
            try:
                replayed[letter_id] = letters.replay(publisher, database, letter_id, ring)
            except ApiConnectError as error:
                failed[letter_id] = str(error)
    if as_json:
        screen.as_json({"replayed": replayed, "failed": failed})
    else:
        for letter_id, queue in replayed.items():
            screen.say(f"{letter_id} is back in {queue}.", mark="ok")
        for letter_id, reason in failed.items():
            screen.say(f"{letter_id}: {reason}", mark="fault")
        if not replayed and not failed:
            screen.say("No dead letters.", mark="ok")
    if failed:
        raise typer.Exit(FAULT_FOUND)


def _address(text: str) -> str:
    try:
        return check_address(text)
    except ValueError as error:
        screen.complain(f"{text}: {error}")
        raise typer.Exit(REFUSED) from None


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet takes as text: one that looks like a formula gets an apostrophe."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell


def dead_letters_discard(
    letter_ids: Annotated[list[int] | None, typer.Argument(metavar="ID…")] = None,
    queue: Annotated[str | None, typer.Option("--queue", help="All that wait of this queue.")] = None,
    as_json: Json = False,
) -> None:
    """Deletes dead letters that nobody needs, such as what an integration published by mistake. There is no way back."""
    if bool(letter_ids) == bool(queue):
        screen.complain("Name dead letters, or a queue with --queue.")
        raise typer.Exit(REFUSED)
    with opened_database() as database, database.transaction() as connection:
        wanted = letter_ids or [one.dead_letter_id for one in dead_letters.waiting(connection, queue, 100_000)]
        gone = dead_letters.discard(connection, wanted)
    missing = sorted(set(wanted) - set(gone))
    if as_json:
        screen.as_json({"discarded": gone, "missing": missing})
    else:
        screen.say(f"{counted(len(gone), 'dead letter')} discarded.", mark="ok")
        for letter_id in missing:
            screen.say(f"There is no dead letter {letter_id}.", mark="fault")
    if missing:
        raise typer.Exit(FAULT_FOUND)
