"""Whether a readable request becomes a send. Nothing that is refused says more of other customers than that something is not the asker's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import idna

from services.sender.core.addresses import BadAddress, wire_address
from services.sender.core.recipient_checks import crossing, recipients_of
from services.sender.core.rejections import Rejection
from services.sender.core.server_checks import list_field, server_problem
from shared.contracts.sending import SendMail
from shared.domain.mailboxes import normalize_address
from shared.domain.send_requests import (
    Campaign,
    KnownSend,
    NewRecipient,
    NewSend,
    SendFacts,
    StoredAttachment,
    UsableServer,
)
from shared.domain.sending import Reason
from shared.domain.unsubscribing import ListUnsubscribing, NoTarget

Check = Callable[[SendMail], Rejection | None]

OPERATOR: Final = ""  # the integration that the operator's own tools count as
_NOT_YOURS: Final = "There is no such {thing} of yours; look at its uid."
# What stops mail, by a subscriber's status; nothing else is sent to.
_STOPPED_BY: Final = {
    "unsubscribed": "has unsubscribed from the list",
    "unconfirmed": "has not confirmed the subscription",
    "blacklisted": "is suppressed",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A readable request. request None: it does not fit the contract, and `fault` says where.

    integration: OPERATOR for the operator's own tools. key, customer: as far as they could be read. payload: as it came.
    answer_id: names the answer, the same when the same message is handed out again. send_uid: of the send that it may become.
    """

    integration: str
    request: SendMail | None
    fault: Rejection | None
    key: str
    customer: str | None
    request_hash: bytes
    payload: bytes
    answer_id: UUID
    send_uid: UUID
    correlation_id: str | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """answer_to: the asker's queue for a copy of the answer; None where it named none, or somebody else's."""

    rejection: Rejection
    customer_id: int | None = None
    customer: str | None = None
    answer_to: str | None = None


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same request was there before; it is told how that one stands now."""

    known: KnownSend
    customer: str
    answer_to: str | None = None


Outcome = NewSend | Repeated | Refused


def decide(asked: Asked, facts: SendFacts, check: Check, assigned: Mapping[int, int], now: datetime) -> Outcome:
    """What becomes of one request. check: its content. assigned: sends of this batch given to each server so far."""
    asker = facts.askers.get(asked.integration)
    if asked.integration != OPERATOR and (asker is None or not asker.enabled):
        return Refused(Rejection(Reason.UNKNOWN_CUSTOMER, "", "This integration is not enabled; ask the operator."))
    own = asker.customer if asker is not None else None
    customer = own or asked.customer
    customer_id = facts.customers.get(customer) if customer else None
    if asked.reply_to and not _own_queue(asked.integration, asked.reply_to):
        said = "reply_to names a queue that is not yours; use your own results queue, or leave it out."
        return Refused(Rejection(Reason.NOT_YOURS, "reply_to", said), customer_id, customer if customer_id else None)

    def refuse(rejection: Rejection) -> Refused:
        return Refused(rejection, customer_id, customer if customer_id else None, asked.reply_to)

    if asked.fault is not None or asked.request is None:
        return refuse(asked.fault or Rejection(Reason.INVALID, "", "The request does not fit its schema."))
    if own is not None and asked.customer not in (None, own):
        customer_id = None
        return refuse(Rejection(Reason.NOT_YOURS, "customer", _NOT_YOURS.format(thing="customer")))
    if customer is None or customer_id is None:
        said = "Name a customer by its uid." if customer is None else "There is no customer with this uid."
        return refuse(Rejection(Reason.UNKNOWN_CUSTOMER, "customer", said))
    known = facts.known.get((customer_id, asked.request.idempotency_key))
    if known is not None:
        return again(asked, known, customer_id, customer)
    if fault := check(asked.request):
        return refuse(fault)
    plan = _planned(asked, asked.request, customer_id, customer, facts, assigned, now)
    return refuse(plan) if isinstance(plan, Rejection) else plan


def again(asked: Asked, known: KnownSend, customer_id: int, customer: str) -> Repeated | Refused:
    """The answer to a request whose key was used before."""
    if known.request_hash == asked.request_hash:
        return Repeated(known, customer, asked.reply_to)
    said = "This key was used for a request with another content; use a new key for a new mail."
    conflict = Rejection(Reason.IDEMPOTENCY_CONFLICT, "idempotency_key", said)
    return Refused(conflict, customer_id, customer, asked.reply_to)


def _own_queue(integration: str, queue: str) -> bool:
    if integration == OPERATOR:
        return queue.startswith("operator.")
    return queue == f"results.{integration}" or queue.startswith(f"integration.{integration}.")


def _planned(
    asked: Asked,
    request: SendMail,
    customer_id: int,
    customer: str,
    facts: SendFacts,
    assigned: Mapping[int, int],
    now: datetime,
) -> NewSend | Rejection:
    belongs = _belongs(request, customer_id, facts)
    if isinstance(belongs, Rejection):
        return belongs
    list_id, campaign, group_id = belongs
    own = {uid: file for uid, file in facts.stored.items() if file.customer_id == customer_id}
    listed = _list_setting(request, list_id, facts)
    server = _server(request, facts.servers.get(customer_id, ()), assigned, own, listed=listed is not None)
    if isinstance(server, Rejection):
        return server
    for n, attachment in enumerate(request.attachments):
        if attachment.stored is not None and attachment.stored not in own:
            return Rejection(Reason.NOT_YOURS, f"attachments.{n}.stored", _NOT_YOURS.format(thing="stored attachment"))
    for field, recipient in recipients_of(request):
        if why := _suppressed(addresses(recipient.email), customer_id, list_id, group_id, facts):
            return Rejection(Reason.SUPPRESSED, f"{field}.email", f"This recipient {why}; take it out.")
    if listed is not None and (problem := _not_filled(request, listed, list_id, facts)):
        return problem
    return NewSend(
        uid=asked.send_uid,
        customer_id=customer_id,
        customer=customer,
        integration=asked.integration,
        idempotency_key=request.idempotency_key,
        request_hash=asked.request_hash,
        server_id=server.server_id,
        server=server.uid,
        server_email=server.email,
        any_server=request.server is None,
        fail_over=request.fail_over,
        recipients=tuple(_recipients(request, list_id, facts)),
        client_correlation_id=asked.correlation_id,
        reply_to=asked.reply_to,
        due_at=request.not_before if request.not_before and request.not_before > now else None,
        expires_at=request.expires_at,
        list_id=list_id,
        campaign_id=campaign.campaign_id if campaign else None,
        campaign_group_id=group_id,
        tags=request.tags,
        stored=tuple(part.stored for part in request.attachments if part.stored is not None),
    )


def _belongs(
    request: SendMail, customer_id: int, facts: SendFacts
) -> tuple[int | None, Campaign | None, int | None] | Rejection:
    """List, campaign and campaign group; a campaign brings its own where the request names none."""
    campaign = facts.campaigns.get((customer_id, request.campaign)) if request.campaign else None
    if request.campaign and campaign is None:
        return Rejection(Reason.NOT_YOURS, "campaign", _NOT_YOURS.format(thing="campaign"))
    list_id = facts.lists.get((customer_id, request.list_uid)) if request.list_uid else None
    if request.list_uid and list_id is None:
        return Rejection(Reason.NOT_YOURS, "list", _NOT_YOURS.format(thing="list"))
    group_id = facts.groups.get((customer_id, request.campaign_group)) if request.campaign_group else None
    if request.campaign_group and group_id is None:
        return Rejection(Reason.NOT_YOURS, "campaign_group", _NOT_YOURS.format(thing="campaign group"))
    if campaign is None:
        return list_id, None, group_id
    return (
        list_id if request.list_uid else campaign.list_id,
        campaign,
        group_id if request.campaign_group else campaign.group_id,
    )


def _server(
    request: SendMail,
    usable: Sequence[UsableServer],
    assigned: Mapping[int, int],
    stored: Mapping[UUID, StoredAttachment],
    *,
    listed: bool,
) -> UsableServer | Rejection:
    """The one that is named, even when it is held; else, of those that can send, the one with the fewest sends before this.

    A server whose provider would not take the mail as it is, is none. listed: the list's List-Unsubscribe comes into it.
    """
    if request.server is not None:
        named = next((server for server in usable if server.uid == request.server), None)
        if named is None:
            return Rejection(Reason.NOT_YOURS, "server", _NOT_YOURS.format(thing="delivery server"))
        return server_problem(request, named, stored, listed=listed) or named
    if not usable:
        return Rejection(Reason.NO_DELIVERY_SERVER, "server", "The customer has no delivery server; set one up first.")
    ordered = sorted(usable, key=lambda server: (server.held, server.waiting + assigned.get(server.server_id, 0)))
    problems = [server_problem(request, server, stored, listed=listed) for server in ordered]
    fit = next((server for server, problem in zip(ordered, problems, strict=True) if problem is None), None)
    return fit or problems[0] or ordered[0]


def addresses(email: str) -> tuple[str, ...]:
    """The forms under which an address may stand in our tables: first as it goes out, then as it was written and as people
    write it, where those are others."""
    written = normalize_address(email)
    try:
        sent = normalize_address(wire_address(email))
    except BadAddress:
        return (written,)
    if sent == written and "xn--" not in sent:
        return (sent,)
    local, _, domain = sent.rpartition("@")
    return tuple(dict.fromkeys((sent, written, f"{local}@{idna.decode(domain)}")))


def _recipients(request: SendMail, list_id: int | None, facts: SendFacts) -> list[NewRecipient]:
    found = []
    for field, recipient in recipients_of(request):
        forms = addresses(recipient.email)
        subscriber = _subscriber(forms, list_id, facts)
        found.append(NewRecipient(field.partition(".")[0], forms[0], subscriber[0] if subscriber else None))
    return found


def _list_setting(request: SendMail, list_id: int | None, facts: SendFacts) -> ListUnsubscribing | None:
    """What the send's list adds to the mail; a target of the request's own goes before it."""
    return None if request.list_unsubscribe or list_id is None else facts.unsubscribing.get(list_id)


def _not_filled(
    request: SendMail, setting: ListUnsubscribing, list_id: int | None, facts: SendFacts
) -> Rejection | None:
    """Why the list's targets can't be made for this mail."""
    people = [recipient for _, recipient in recipients_of(request)]
    found = _subscriber(addresses(people[0].email), list_id, facts) if len(people) == 1 else None
    try:
        setting.targets(subscriber=found[2] if found else None, campaign=request.campaign)
    except NoTarget as fault:
        field = {"subscriber": crossing(request, 1), "campaign": "campaign"}.get(fault.lacks, list_field(request))
        return Rejection(Reason.INVALID, field, str(fault))
    return None


def _subscriber(forms: tuple[str, ...], list_id: int | None, facts: SendFacts) -> tuple[int, str, str] | None:
    if list_id is None:
        return None
    return next((found for form in forms if (found := facts.subscribers.get((list_id, form)))), None)


def _suppressed(
    forms: tuple[str, ...], customer_id: int, list_id: int | None, group_id: int | None, facts: SendFacts
) -> str | None:
    """Why nothing is sent to this address, as this customer may know it. A global entry shows neither owner nor cause."""
    if any((whose, form) in facts.blacklisted for whose in (None, customer_id) for form in forms):
        return "is suppressed"
    if list_id is not None:
        subscriber = _subscriber(forms, list_id, facts)
        if subscriber is None:
            return "is no subscriber of the list, or was deleted from it"
        if subscriber[1] != "confirmed":
            return _STOPPED_BY.get(subscriber[1], "is suppressed")
    if group_id is not None and any((group_id, form) in facts.stopped for form in forms):
        return "takes no more mail of this campaign group"
    return None
