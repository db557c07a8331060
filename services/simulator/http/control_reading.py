"""Control calls that show what happened."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from services.simulator.core.graph_mailbox import GraphMailbox
from services.simulator.core.mailboxes import Mailbox, StoredMail
from services.simulator.handler import World
from services.simulator.http.control_parsing import ControlError, provider_named, providers_named


def statistics(world: World, document: dict[str, Any]) -> Any:
    """Calls by provider → operation → status; a status of 0 is a cut connection. With {mailbox}: that mailbox's."""
    wanted = str(document.get("mailbox") or "").lower()
    shown: dict[str, dict[str, dict[str, int]]] = {"microsoft": {}, "google": {}}
    if wanted:
        counted = {(p, op, status): n for (p, box, op, status), n in world.calls_by_mailbox.items() if box == wanted}
    else:
        counted = dict(world.calls)
    for (provider, operation, status), count in counted.items():
        shown[provider].setdefault(operation, {})[str(status)] = count
    return {"calls": shown, "total": sum(counted.values())}


def limits(world: World, document: dict[str, Any]) -> Any:
    """Per mailbox and client: requests, refused, the most in any window, the most at once, over_limit."""
    defaults = {
        provider: {
            "amount": one.amount, "window": one.window, "concurrent": one.concurrent,
            "starts_empty": one.starts_empty, "enforced": one.enforced,
        }
        for provider, one in world.allowances.items()
    }  # fmt: skip
    observed = [
        {"provider": provider, "client": client, "mailbox": address, **meter.observed()}
        for (provider, client, address), meter in sorted(world.meters.items())
        if provider in providers_named(document) and str(document.get("mailbox") or address).lower() == address
    ]
    return {"defaults": defaults, "units": world.units, "observed": observed}


def faults(world: World, document: dict[str, Any]) -> Any:
    """The rules for forced errors and how often each has hit."""
    return {"rules": [rule.described() for rule in world.faults]}


def removals(world: World, document: dict[str, Any]) -> Any:
    """What was taken out, oldest first; ?mailbox= and ?provider= narrow it, ?after=N leaves the first N out."""
    wanted, after = str(document.get("mailbox") or "").lower(), int(document.get("after") or 0)
    found = [
        one
        for one in world.removals[after:]
        if (not wanted or one["mailbox"].lower() == wanted) and one["provider"] in providers_named(document)
    ]
    return {"removals": found, "next": len(world.removals)}


def sent(world: World, document: dict[str, Any]) -> Any:
    """What clients sent, as it left; ?mailbox= narrows it. `raw` is base64."""
    wanted = str(document.get("mailbox") or "").lower()
    return {
        "sent": [
            one | {"raw": b64encode(one["raw"]).decode()}
            for one in world.sent
            if not wanted or one["mailbox"].lower() == wanted
        ]
    }


def deliveries(world: World, document: dict[str, Any]) -> Any:
    """What left, without its content, oldest first; ?mailbox= narrows it, ?after=N leaves the first N out.

    Each: provider, mailbox, message_id (as it left), submitted_message_id, reference (the X-ApiConnect-Reference that was handed
    over), recipients, at. One entry for each time that a mail left: who counts them counts sends.
    """
    wanted, after = str(document.get("mailbox") or "").lower(), int(document.get("after") or 0)
    found = [
        {name: value for name, value in one.items() if name != "raw"}
        for one in world.sent[after:]
        if not wanted or one["mailbox"].lower() == wanted
    ]
    return {"deliveries": found, "next": len(world.sent)}


def send_limits(world: World, document: dict[str, Any]) -> Any:
    """Per mailbox: mails sent, refused and held back, the most in any minute and day, over_limit."""
    wanted = str(document.get("mailbox") or "").lower()
    observed = [
        {"provider": provider, "mailbox": address, **meter.observed()}
        for (provider, address), meter in sorted(world.send_meters.items())
        if provider in providers_named(document) and wanted in ("", address)
    ]
    return {"defaults": {name: asdict(one) for name, one in world.send_allowances.items()}, "observed": observed}


def mailboxes(world: World, document: dict[str, Any]) -> Any:
    """Every mailbox with the number of mails per folder or label."""
    return {
        "mailboxes": [
            {"provider": provider, "address": box.address, "mails": len(box.everything), "places": _places(box)}
            for (provider, _), box in sorted(world.mailboxes.items())
        ]
    }


def mailbox_state(world: World, document: dict[str, Any]) -> Any:
    """?provider=&mailbox=: each mail's id, places (Graph: the folder's name), read flag, Message-ID, SHA-256."""
    box = _mailbox(world, document)
    mails = [_shown(box, mail) for mail in box.everything.oldest_first()]
    purged = [box.described(mail) | {"places": []} for mail in box.purged] if isinstance(box, GraphMailbox) else []
    return {"provider": box.provider, "address": box.address, "mails": mails, "purged": purged, "places": _places(box)}


def mail_source(world: World, document: dict[str, Any]) -> Any:
    """?provider=&mailbox=&id=: one mail with its MIME as base64."""
    box = _mailbox(world, document)
    mail = box.find(str(document["id"]))
    if mail is None:
        raise ControlError(f"no mail {document['id']!r} in {box.address}")
    return _shown(box, mail) | {"raw": b64encode(mail.raw).decode()}


def _shown(box: Mailbox, mail: StoredMail) -> dict[str, Any]:
    shown = box.described(mail)
    shown["received"] = datetime.fromtimestamp(mail.received, UTC).isoformat()
    if isinstance(box, GraphMailbox):
        folder = box.folder_of(mail)
        shown["places"] = [folder.well_known or folder.name]
    return shown


def _places(box: Mailbox) -> dict[str, int]:
    if isinstance(box, GraphMailbox):
        return {one.well_known or one.name: len(box.place(one.id)) for one in box.folders.values() if box.place(one.id)}
    return {name: len(place) for name, place in box.places.items() if place}


def _mailbox(world: World, document: dict[str, Any]) -> Mailbox:
    provider = provider_named(document)
    found = world.mailbox(provider, str(document.get("mailbox") or ""))
    if found is None:
        raise ControlError(f"no {provider} mailbox {document.get('mailbox')!r}")
    return found
