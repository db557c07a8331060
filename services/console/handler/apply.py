"""`apply`: brings the database to what a document says, in one transaction, or refuses all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from os import PathLike
from pathlib import Path as FilePath
from typing import Any

from services.console.core import planning
from services.console.core.faults import DocumentRefused, Fault, Path
from services.console.core.merging import (
    SERVER_TYPES,
    Outside,
    Scene,
    Wanted,
    merge_customers,
    merge_groups,
    merge_settings,
)
from services.console.core.merging_delivery import merge_delivery_servers
from services.console.core.merging_keys import merge_keys
from services.console.core.merging_mailings import merge_campaign_groups, merge_campaigns, merge_lists, merge_sent_mail
from services.console.core.merging_monitors import merge_monitors
from services.console.core.merging_servers import merge_bounce_servers
from services.console.core.planning import SECTIONS, Change, Plan
from services.console.core.reading import Document, read_document
from services.console.core.server_keys import check_servers
from services.console.core.touched import Touched, touched
from services.console.core.yaml_text import parse
from services.console.handler import references
from services.console.handler.writing import uid_of, write
from shared.domain.installation import Installation, Tally
from shared.settings import secret_from_environment
from shared.storage import sealed_values
from shared.storage.database import Connection, Database, StatementRefused
from shared.storage.provisioning import customers, delivery_servers, keys, mailings, state
from shared.storage.sealing import Sealer


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What was changed, or would be. `notes`: what else a person should know. `touched`: servers whose mailboxes to try now."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    dry_run: bool = False
    touched: Touched = field(default_factory=Touched)

    @property
    def anything(self) -> bool:
        """Whether there was anything to do."""
        return any(change.verb in ("create", "update", "remove") for change in self.changes)


def apply_document(
    database: Database,
    sealer: Sealer,
    document: Mapping[str, Any] | str | PathLike[str],
    *,
    now: datetime,
    dry_run: bool = False,
    prune: bool = False,
    resubscribe: bool = False,
    folder: str | PathLike[str] | None = None,
    environment: Callable[[str], str | None] = secret_from_environment,
) -> ApplyResult:
    """Applies a document: a mapping, or the path of a YAML file.

    now: aware UTC, what `only_mail_from: now` means. prune: removes what the document's sections name no more.
    resubscribe: subscribers who unsubscribed get the status that the document states, too (A160).
    folder: what relative file names start from (default: the YAML file's folder, else the working directory).
    environment: looks up the variables that secrets are in. Raises DocumentRefused with every fault; then nothing
    was written. Waits for another apply that is under way.
    """
    raw, lines, file, base = _load(document, folder)
    parts = read_document(raw)
    fetched = references.fetch(parts, base, environment)
    with _refusals_told(file), database.transaction() as connection:
        state.lock(connection)
        current = _current(connection, sealer)
        fingerprint = sealed_values.fingerprints(connection, sealer, keep=not dry_run)
        outside = Outside(fetched.secrets, fetched.subscribers, fetched.sent_mail, fingerprint, now)
        wanted = _merge(Scene(parts, current, outside, Wanted(resubscribe=resubscribe)))
        faults = [*parts.faults, *fetched.faults, *wanted.faults]
        if faults:
            raise DocumentRefused(faults, file=file, lines=lines)
        plan = _plan(connection, parts, current, wanted, prune=prune)
        refused = _refused(connection, current, wanted, plan)
        if refused:
            raise DocumentRefused(refused, file=file, lines=lines)
        notes: list[str] = _notes(current, wanted, plan)
        if not dry_run:
            notes += write(connection, sealer, current, wanted, plan, prune=prune)
    return ApplyResult(tuple(plan.changes), tuple(notes), dry_run, touched(current, wanted))


def _current(connection: Connection, sealer: Sealer) -> Installation:
    """What there is. A key whose stored secret does not open has none: the document's is new to it, even the same."""
    found = state.read(connection)
    lost = keys.unopened(connection, sealer)
    return replace(
        found,
        keys={uid: replace(key, credential="") if uid in lost else key for uid, key in found.keys.items()},
    )


@contextmanager
def _refusals_told(file: str) -> Iterator[None]:
    """What the checks overlooked and the database refuses is a refused document too: all of it is rolled back."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, StatementRefused):
            raise
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None) or type(error).__name__
        fault = Fault((), f"the database refuses it ({constraint})", "look for a name or uid that is used twice")
        raise DocumentRefused([fault], file=file) from None


def _load(
    document: Mapping[str, Any] | str | PathLike[str], folder: str | PathLike[str] | None
) -> tuple[object, dict[Path, int], str, FilePath]:
    if isinstance(document, Mapping):
        return document, {}, "document", FilePath(folder or ".")
    path = FilePath(document)
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentRefused([Fault((), "is not text", "save it as UTF-8")], file=str(path)) from None
    except OSError as error:
        fault = Fault((), f"can't be read: {error.strerror}", "correct the name or its permissions")
        raise DocumentRefused([fault], file=str(path)) from None
    raw, lines = parse(text, str(path))
    return raw, lines, str(path), FilePath(folder) if folder else path.parent


def _merge(scene: Scene) -> Wanted:
    merge_settings(scene, scene.document.settings)
    merge_groups(scene)
    merge_customers(scene)
    merge_keys(scene)
    merge_lists(scene)
    merge_campaign_groups(scene)
    merge_campaigns(scene)
    merge_sent_mail(scene)
    merge_bounce_servers(scene)
    merge_delivery_servers(scene)
    merge_monitors(scene)
    check_servers(scene)
    return scene.wanted


def _plan(connection: Connection, parts: Document, current: Installation, wanted: Wanted, *, prune: bool) -> Plan:
    changes = planning.plan_settings(current.settings, wanted.settings, len(current.groups))
    removals: dict[str, list[Change]] = {}
    tallies: dict[str, Tally] = {}
    for section, kind in SECTIONS.items():
        present = getattr(current, section)
        compared = planning.current_after_switches(current, wanted) if section == "groups" else present
        changes += planning.plan_records(kind, compared, getattr(wanted, section))
        if section == "lists":
            for uid, rows in wanted.subscribers.items():
                tallies[uid] = mailings.compare_subscribers(
                    connection, wanted.lists[uid], rows, prune=prune, resubscribe=wanted.resubscribe
                )
                changes += planning.plan_tally("subscribers", uid, tallies[uid])
        if prune and section in parts.sections:
            removals[section] = planning.plan_removals(kind, present, getattr(wanted, section))
    sent = mailings.compare_sent_mail(connection, wanted.sent_mail) if wanted.sent_mail else Tally()
    if wanted.sent_mail:
        changes += planning.plan_tally("sent mail", "log of sent mail", sent)
    for removed in removals.values():
        changes += removed
    return Plan(changes, removals, tallies, sent)


def _refused(connection: Connection, current: Installation, wanted: Wanted, plan: Plan) -> list[Fault]:
    """Removals that can't be, and sent mail that contradicts the log."""
    faults = [Fault(("sent_mail",), text, "the log only grows; correct the entry") for text in plan.sent.refused]
    faults += [
        Fault(("lists",), f"{uid}: the uid of {email} is not its own", "leave the uid out, or correct it")
        for uid, rows in wanted.subscribers.items()
        for email in mailings.foreign_uids(connection, wanted.lists[uid], rows)
    ]
    gone = {section: [uid_of(change) for change in removed] for section, removed in plan.removals.items()}
    faults += planning.refused_removals(current, wanted, gone)
    for uid in gone.get("customers", ()):
        for what, count in customers.belongings(connection, uid).items():
            faults.append(_kept("customers", f"customer {uid}", f"has {count} {what}"))
    for uid in gone.get("keys", ()):
        for email in keys.mailboxes_with_history(connection, uid):
            faults.append(_kept("keys", f"key {uid}", f"opened {email}, whose ledger and bounce log are kept"))
    for uid in gone.get("lists", ()):
        suppressed = mailings.subscribers_left(connection, uid)[1]
        if suppressed:
            faults.append(_kept("lists", f"list {uid}", f"holds {suppressed} unsubscribed or blacklisted subscribers"))
        if count := mailings.mails_sent_for(connection, list_uid=uid):
            faults.append(_kept("lists", f"list {uid}", f"is named by {count} sent mails"))
    for uid in gone.get("campaigns", ()):
        if count := mailings.mails_sent_for(connection, campaign_uid=uid):
            faults.append(_kept("campaigns", f"campaign {uid}", f"is named by {count} sent mails"))
    for uid in gone.get("delivery_servers", ()):
        if count := delivery_servers.sends_of(connection, uid):
            faults.append(_kept("delivery_servers", f"delivery server {uid}", f"has {count} sends; set it inactive"))
    return faults


def _kept(section: str, what: str, why: str) -> Fault:
    return Fault((section,), f"{what} is not named any more, but {why}", "name it again, or run without --prune")


def _notes(current: Installation, wanted: Wanted, plan: Plan) -> list[str]:
    settings = {**current.settings, **wanted.settings}
    notes = []
    if not settings.get("extension_enabled", True):
        notes.append("The extension is switched off (extension_enabled): nothing is polled.")
    for provider in SERVER_TYPES:
        waiting = [
            *(server.name for server in wanted.bounce_servers.values() if server.provider == provider),
            *(monitor.name for monitor in wanted.monitors.values() if monitor.provider == provider),
        ]
        if waiting and not settings.get(f"{provider}_enabled", True):
            notes.append(f"{provider} is switched off: {', '.join(waiting)} will not be polled until it is enabled.")
        sending = [server.name for server in wanted.delivery_servers.values() if server.provider == provider]
        if sending and not settings.get(f"{provider}_enabled", True):
            notes.append(f"{provider} is switched off: {', '.join(sending)} will hold sends until it is enabled.")
    for uid, tally in plan.tallies.items():
        if tally.kept:
            notes.append(
                f"{uid}: {tally.kept} unsubscribed or blacklisted stay as they are; an import never revives them"
                + (
                    " (blacklisted ones not even by force)."
                    if wanted.resubscribe
                    else " (--resubscribe forces the former)."
                )
            )
        if tally.suppressed_new:
            notes.append(
                f"{uid}: {tally.suppressed_new} of the new addresses are on the blacklist, and are entered as blacklisted."
            )
    return notes
