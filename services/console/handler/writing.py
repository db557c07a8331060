"""The writes of an apply: each change of a plan through its storage function, in an order in which nothing names what is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.console.core.durations import counted
from services.console.core.merging import SERVER_TYPES, Wanted, switched
from services.console.core.planning import SECTIONS, Change, Plan
from shared.domain.installation import Installation, ListRecord
from shared.storage.database import Connection
from shared.storage.provisioning import (
    bounce_servers,
    customers,
    delivery_servers,
    keys,
    mailbox_links,
    mailings,
    monitors,
)
from shared.storage.sealing import Sealer


def uid_of(change: Change) -> str:
    """The uid of what a change is about; the name for a group."""
    return str(getattr(change.record, "uid", None) or change.record.name)


def write(
    connection: Connection, sealer: Sealer, current: Installation, wanted: Wanted, plan: Plan, *, prune: bool
) -> list[str]:
    """Writes what a plan says, within the caller's transaction; returns what a person should know of it."""
    notes: list[str] = []
    customers.save_settings(connection, wanted.settings)
    for provider, on in switched(current.settings, wanted.settings).items():
        (customers.allow_everywhere if on else customers.forbid_everywhere)(connection, SERVER_TYPES[provider])
    changed = [change for change in plan.changes if change.verb in ("create", "update") and change.record is not None]
    for change in changed:
        _save(connection, sealer, current, wanted, change, notes)
    # Subscribers come after their lists, sent mail after subscribers, so that each recipient finds its subscriber.
    for uid, tally in plan.tallies.items():
        if tally.new or tally.changed or tally.removed:
            _save_subscribers(connection, wanted, wanted.lists[uid], prune=prune)
    if plan.sent.new:
        mailings.add_sent_mail(connection, wanted.sent_mail)
    for section in reversed(tuple(SECTIONS)):
        for change in plan.removals.get(section, ()):
            _REMOVE[section](connection, uid_of(change))
    mailbox_links.forget_idle_mailboxes(connection)
    return notes


def _save(
    connection: Connection, sealer: Sealer, current: Installation, wanted: Wanted, change: Change, notes: list[str]
) -> None:
    match change.kind:
        case "group":
            customers.save_group(connection, change.record)
        case "customer":
            customers.save_customer(connection, change.record)
        case "key":
            notes += _save_key(connection, sealer, current, wanted, change)
        case "list":
            mailings.save_list(connection, change.record)
        case "campaign group":
            mailings.save_campaign_group(connection, change.record)
        case "campaign":
            mailings.save_campaign(connection, change.record)
        case "bounce server":
            bounce_servers.save(connection, change.record)
        case "delivery server":
            delivery_servers.save(connection, change.record)
        case "monitor":
            monitors.save(connection, change.record)


def _save_key(
    connection: Connection, sealer: Sealer, current: Installation, wanted: Wanted, change: Change
) -> list[str]:
    key = change.record
    secret = wanted.secrets.get(key.uid)
    sealed = sealer.seal(secret.encode(), f"api_key:{key.uid}") if secret is not None else None
    keys.save(connection, key, sealed)
    before = current.keys.get(key.uid)
    access = ("credential", "authority_url", "api_url")
    if before is None or all(getattr(before, name) == getattr(key, name) for name in access):
        return []
    tokens, mailboxes = keys.start_over(connection, key.uid)
    return [
        f"Key {key.name}: {counted(tokens, 'access token')} dropped, {counted(mailboxes, 'mailbox', 'mailboxes')} due at once."
    ]


def _save_subscribers(connection: Connection, wanted: Wanted, row: ListRecord, *, prune: bool) -> None:
    mailings.save_subscribers(connection, row, wanted.subscribers[row.uid], resubscribe=wanted.resubscribe)
    if prune:
        mailings.prune_subscribers(connection, row, wanted.subscribers[row.uid])


_REMOVE: Mapping[str, Callable[[Connection, str], None]] = {
    "groups": customers.remove_group,
    "customers": customers.remove_customer,
    "keys": keys.remove,
    "lists": mailings.remove_list,
    "campaign_groups": mailings.remove_campaign_group,
    "campaigns": mailings.remove_campaign,
    "bounce_servers": bounce_servers.remove,
    "delivery_servers": delivery_servers.remove,
    "monitors": monitors.remove,
}
