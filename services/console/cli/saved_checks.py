"""The check after saving, on the screen: each mailbox that was touched is tried, and told of as it comes (A146)."""

from __future__ import annotations

from dataclasses import replace

from services.console.cli import screen
from services.console.cli.mailbox_commands import show_check
from services.console.cli.opening import providers, sealer
from services.console.core.durations import counted
from services.console.core.touched import Touched
from services.console.handler.check_on_save import Saved, check_saved, mailboxes_of
from shared.domain.access import OPERATOR, Role
from shared.settings import instance_name
from shared.storage.database import Database


def try_mailboxes(database: Database, touched: Touched, *, quiet: bool, role: Role = OPERATOR) -> list[Saved]:
    """Tries the mailboxes of touched servers; a new server whose mailbox is refused is inactive afterwards.

    A customer is not told which key of the operator's opens a mailbox.
    """
    links = mailboxes_of(database, touched)
    if not links:
        return []
    if not quiet:
        screen.say(f"Trying {counted(len(links), 'mailbox', 'mailboxes')} …", mark="note")
    saved = []
    for tried in check_saved(database, sealer(), providers(), links, touched.created, holder=instance_name()):
        one = _told(tried, role)
        saved.append(one)
        if not quiet:
            _show_saved(one, f"{len(saved)}/{len(links)}")
    return saved


def _told(one: Saved, role: Role) -> Saved:
    if one.checked is None or role.is_operator or one.checked.owner == role.customer:
        return one
    return replace(one, checked=replace(one.checked, key="of the operator"))


def _show_saved(one: Saved, position: str) -> None:
    if one.checked is None:
        screen.say(f"{position} {one.email} could not be tried: {one.fault}", mark="fault")
        return
    if one.checked.connection == "connected":
        note = f" {one.checked.note}" if one.checked.note else ""
        screen.say(f"{position} {one.email} ({one.provider}) is connected.{note}", mark="ok")
    else:
        show_check(one.checked)
    if one.deactivated:
        names = ", ".join(one.deactivated)
        fix = f"once it is repaired, apiconnect mailbox check {one.email} activates it"
        screen.say(f"Inactive because of this: {names}; {fix}.", mark="warning", indent=2)
    if one.checked.connection == "unknown":
        screen.say("The bounce server is active all the same; its polls try again.", mark="note", indent=2)
