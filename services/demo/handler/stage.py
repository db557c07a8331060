"""Sets the stage: registers accounts and mailboxes at the simulator, tells `apply` of them, and plants the mails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID, uuid5

from services.console.handler.apply import apply_document
from services.demo.core.planting import MAILBOXES, PlannedMail, PlannedMailbox
from services.simulator.__main__ import RunningSimulator
from services.simulator.core.composing import OriginalMail, compose
from services.simulator.http.control_client import ControlClient
from shared.storage.database import Database
from shared.storage.sealing import Sealer

_SOME_IDS = UUID("0d7a1f6e-5b5f-4a7e-9a53-2f3a5f0c9b10")
_CUSTOMERS = {"acme": "Acme Newsletters", "birch": "Birch & Daughters"}
_PLANT_AT_ONCE = 500
_FOLDERS = {
    ("microsoft", "inbox"): "inbox",
    ("microsoft", "junk"): "junkemail",
    ("google", "inbox"): "INBOX",
    ("google", "junk"): "SPAM",
}


def guid(name: str) -> str:
    """A GUID for `name`, always the same."""
    return str(uuid5(_SOME_IDS, name))


def set_up(
    simulator: RunningSimulator,
    database: Database,
    sealer: Sealer,
    mails: Sequence[PlannedMail],
    now: datetime,
    *,
    mails_before: int = 0,
    mailboxes: Sequence[PlannedMailbox] = MAILBOXES,
) -> None:
    """Accounts and mailboxes at the simulator; customers, keys, lists, sent mail and bounce servers through `apply`.

    mails_before: how many mails each mailbox has had before, so that ids do not come twice.
    """
    control = ControlClient(simulator.http_url)
    secrets = _register(control, simulator, mails_before, mailboxes)
    apply_document(database, sealer, _document(simulator, mails, mailboxes), now=now, environment=secrets.get)


def announce(database: Database, sealer: Sealer, mails: Sequence[PlannedMail], now: datetime) -> None:
    """More subscribers and more sent mail for customers that are there already."""
    document = {"lists": [_list(uid, mails) for uid in _CUSTOMERS], "sent_mail": [_sent(mail) for mail in mails]}
    apply_document(database, sealer, document, now=now)


def plant(
    simulator: RunningSimulator, mails: Sequence[PlannedMail], now: datetime, planted: Callable[[int], None]
) -> dict[int, str]:
    """Puts the mails into their mailboxes; returns the id that each keeps for life. planted: told how many each time."""
    control = ControlClient(simulator.http_url)
    ids: dict[int, str] = {}
    for (provider, address, folder), group in groupby(sorted(mails, key=_place), key=_place):
        for some in _chunks(list(group)):
            raws = [compose_mail(mail, now) for mail in some]
            made = control.plant_many(provider, address, raws, folder=_FOLDERS[provider, folder])
            ids.update(zip((mail.number for mail in some), made, strict=True))
            planted(len(some))
    lasting = {
        mail["id"]: mail["lasting_id"]
        for mailbox in {mail.mailbox for mail in mails}
        if mailbox.provider == "microsoft"
        for mail in control.mails(mailbox.provider, mailbox.address)
    }
    return {number: lasting.get(made_id, made_id) for number, made_id in ids.items()}


def _place(mail: PlannedMail) -> tuple[str, str, str]:
    return mail.mailbox.provider, mail.mailbox.address, mail.folder


def compose_mail(mail: PlannedMail, now: datetime) -> bytes:
    """The mail itself, the same each time. now: when it is said to be composed."""
    original = OriginalMail(
        message_id=f"<{mail.message_id}>",
        reference=mail.reference,
        sender=mail.mailbox.address,
        recipient=mail.recipients[0],
        sent_at=mail.sent_at,
    )
    others = mail.recipients[:1] if mail.kind == "forged_report" else mail.recipients[1:]
    return compose(mail.kind, original, at=now, token=mail.token, shape=mail.shape, others=others)


def _register(
    control: ControlClient, simulator: RunningSimulator, mails_before: int, mailboxes: Sequence[PlannedMailbox]
) -> dict[str, str]:
    """Apps, service accounts and mailboxes; returns the secrets by the names that the document gives them."""
    secrets: dict[str, str] = {}
    for name in ("acme-microsoft", "system-microsoft"):
        secrets[f"SECRET_{name}"] = guid(f"secret {name}")
        control.register_app(guid(f"tenant {name}"), guid(f"client {name}"), secrets[f"SECRET_{name}"])
    for name in ("birch-google", "system-google"):
        key_file = control.register_service_account(_account(name), token_uri=f"{simulator.https_url}/token")
        secrets[f"SECRET_{name}"] = json.dumps(key_file)
    for mailbox in mailboxes:
        control.register_mailbox(mailbox.provider, mailbox.address, mails_before=mails_before)
    return secrets


def _document(
    simulator: RunningSimulator, mails: Sequence[PlannedMail], mailboxes: Sequence[PlannedMailbox]
) -> dict[str, Any]:
    """What an operator would have written as YAML."""
    return {
        # Planted mail arrives all at once: that must not look like a server gone wrong. The blast guard counts all the same.
        "settings": {"max_bounce_servers": -1, "max_monitors": -1, "hold_after_hard_bounces": 1_000_000},
        "groups": [{"name": "all", "max_bounce_servers": -1}],
        "customers": [{"uid": uid, "name": name, "group": "all"} for uid, name in _CUSTOMERS.items()],
        "keys": [_key(name, simulator) for name in sorted({mailbox.key for mailbox in mailboxes})],
        "lists": [_list(uid, mails) for uid in _CUSTOMERS],
        "campaigns": [
            {"uid": f"{uid}-november", "customer": uid, "name": "November", "list": f"{uid}-readers"}
            for uid in _CUSTOMERS
        ],
        "sent_mail": [_sent(mail) for mail in mails],
        "bounce_servers": [_server(mailbox) for mailbox in mailboxes],
    }


def _key(name: str, simulator: RunningSimulator) -> dict[str, Any]:
    owner, _, provider = name.partition("-")
    key: dict[str, Any] = {"name": name, "provider": provider}
    if owner != "system":
        key["customer"] = owner
    if provider == "microsoft":
        key |= {
            "tenant_id": guid(f"tenant {name}"),
            "client_id": guid(f"client {name}"),
            "client_secret": {"env": f"SECRET_{name}"},
            "endpoints": {"authority": simulator.https_url, "api": simulator.https_url},
        }
    else:
        key |= {
            "private_key": {"env": f"SECRET_{name}"},
            "endpoints": {"authority": f"{simulator.https_url}/token", "api": simulator.https_url},
        }
    return key


def _list(customer: str, mails: Sequence[PlannedMail]) -> dict[str, Any]:
    readers = [address for mail in mails if mail.mailbox.customer == customer for address in mail.recipients]
    return {"uid": f"{customer}-readers", "customer": customer, "name": "Readers", "subscribers": readers}


def _sent(mail: PlannedMail) -> dict[str, Any]:
    return {
        "message_id": mail.message_id,
        "reference": mail.reference,
        "recipients": list(mail.recipients),
        "sent_at": mail.sent_at,
        "campaign": f"{mail.mailbox.customer}-november",
        "list": f"{mail.mailbox.customer}-readers",
        "sender": mail.mailbox.address,
    }


def _server(mailbox: PlannedMailbox) -> dict[str, Any]:
    server: dict[str, Any] = {
        "name": f"{mailbox.customer} {mailbox.address}",
        "provider": mailbox.provider,
        "email": mailbox.address,
        "key": mailbox.key,
        "customer": mailbox.customer,
        "disposal": mailbox.disposal,
        "poll_minutes": 1,
    }
    return server | ({"move_to": mailbox.move_to} if mailbox.move_to else {})


def _account(name: str) -> str:
    return f"mail-app@{name}.iam.gserviceaccount.com"


def _chunks(mails: Sequence[PlannedMail]) -> Iterator[Sequence[PlannedMail]]:
    for start in range(0, len(mails), _PLANT_AT_ONCE):
        yield mails[start : start + _PLANT_AT_ONCE]
