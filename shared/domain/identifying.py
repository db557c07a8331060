"""Whom a reply is about (A135-A139): by our reference or a mail of ours that it answers, by a tracking link, by the sender's address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.bounces import Reference, ReferenceSource
from shared.domain.mailboxes import normalize_address
from shared.domain.monitors import IdentifyBy, ReplyFinding
from shared.domain.sent_mail import SentMail
from shared.domain.watchers import MonitorWatch

Answers = Mapping[Reference, Sequence[SentMail]]
"""For each id that a mail quotes, the mails of ours that it names."""


@dataclass(frozen=True, slots=True)
class Person:
    """One row of one list. email: normalized."""

    subscriber_id: int
    customer_id: int
    email: str


@dataclass(frozen=True, slots=True)
class People:
    """Who may be meant: by row id, by uid, and by address (on all lists)."""

    by_id: Mapping[int, Person] = field(default_factory=dict)
    by_uid: Mapping[str, Person] = field(default_factory=dict)
    by_address: Mapping[str, Sequence[Person]] = field(default_factory=dict)


_BY_REFERENCE = frozenset({ReferenceSource.REFERENCE_HEADER, ReferenceSource.ENVELOPE_ADDRESS})


def addresses_of(reply: ReplyFinding) -> tuple[str, ...]:
    """The sender's address as written, and without what follows a plus."""
    if not reply.sender:
        return ()
    return tuple(dict.fromkeys((reply.sender, without_plus(reply.sender))))


def without_plus(address: str) -> str:
    """anna+x@example.com as anna@example.com (RFC 5233 subaddressing)."""
    local, at, domain = normalize_address(address).rpartition("@")
    return f"{local.split('+')[0] or local}{at}{domain}"


def identify(
    watch: MonitorWatch, reply: ReplyFinding, references: Sequence[Reference], answers: Answers, people: People
) -> tuple[str | None, list[Person]]:
    """How, and whom (A135-A139): by uid one row; by address that address's rows on all lists in the monitor's scope."""
    if watch.identify_by is not IdentifyBy.EMAIL:
        method, person = _by_uid(watch, reply, references, answers, people)
        if person is not None:
            return method, [person]
        if watch.identify_by is IdentifyBy.UID:
            return None, []
    wanted = [reply.sender, without_plus(reply.sender)] if watch.plus_addressing else [reply.sender]
    for address in dict.fromkeys(wanted):
        found = [one for one in people.by_address.get(address, ()) if _in_scope(watch, one)]
        if found:
            return "email", found
    return None, []


def _by_uid(
    watch: MonitorWatch, reply: ReplyFinding, references: Sequence[Reference], answers: Answers, people: People
) -> tuple[str | None, Person | None]:
    for reference in references:
        for sent in answers.get(reference, ()):
            if watch.customer_id is not None and sent.customer_id != watch.customer_id:
                continue
            meant = sent.recipient(reply.sender) or (sent.recipients[0] if len(sent.recipients) == 1 else None)
            person = people.by_id.get(meant.subscriber_id or 0) if meant else None
            if person is not None:
                return "reference" if reference.source in _BY_REFERENCE else "message_id", person
    for uid in reply.subscriber_uids:
        person = people.by_uid.get(uid)
        if person is not None and _in_scope(watch, person):
            return "tracking_link", person
    return None, None


def _in_scope(watch: MonitorWatch, person: Person) -> bool:
    return watch.customer_id is None or person.customer_id == watch.customer_id
