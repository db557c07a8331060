"""Subscribers as monitors find them: by uid, by address, by the mail that they were sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.identifying import Answers, People, Person, addresses_of
from shared.domain.monitors import ReplyFinding
from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One row of one list. email: normalized."""

    subscriber_id: int
    uid: str
    customer_id: int
    list_id: int
    email: str
    status: str


_COLUMNS = "s.id, s.uid, s.customer_id, s.list_id, s.email, s.status"


def by_address(connection: Connection, addresses: Sequence[str]) -> dict[str, list[Subscriber]]:
    """Normalized address -> its rows, on all lists of all customers."""
    rows = connection.execute(
        f"select {_COLUMNS} from subscribers s where s.email = any(%s) order by s.id", (sorted(set(addresses)),)
    )
    found: dict[str, list[Subscriber]] = {}
    for row in rows:
        found.setdefault(row[4], []).append(Subscriber(*row))
    return found


def by_uid(connection: Connection, uids: Sequence[str]) -> dict[str, Subscriber]:
    """uid -> subscriber."""
    rows = connection.execute(f"select {_COLUMNS} from subscribers s where s.uid = any(%s)", (sorted(set(uids)),))
    return {row[1]: Subscriber(*row) for row in rows}


def by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Subscriber]:
    """Row id -> subscriber."""
    rows = connection.execute(f"select {_COLUMNS} from subscribers s where s.id = any(%s)", (sorted(set(ids)),))
    return {row[0]: Subscriber(*row) for row in rows}


def shown(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, str, str, str]]:
    """Row id -> (address, list's uid, customer's uid, status), for a person to read."""
    rows = connection.execute(
        """
        select s.id, s.email, l.uid, c.uid, s.status
        from subscribers s join lists l on l.id = s.list_id join customers c on c.id = s.customer_id where s.id = any(%s)
        """,
        (sorted(set(ids)),),
    )
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}


def people_for(connection: Connection, replies: Sequence[ReplyFinding], answers: Sequence[Answers]) -> People:
    """Everybody whom the replies may be about: three queries. answers: the mails of ours that they name."""
    sent_to = [
        recipient.subscriber_id
        for one in answers
        for named in one.values()
        for sent in named
        for recipient in sent.recipients
        if recipient.subscriber_id is not None
    ]
    uids = [uid for reply in replies for uid in reply.subscriber_uids]
    addresses = [address for reply in replies for address in addresses_of(reply)]
    return People(
        by_id={key: _person(one) for key, one in by_id(connection, sent_to).items()},
        by_uid={key: _person(one) for key, one in by_uid(connection, uids).items()},
        by_address={key: [_person(one) for one in rows] for key, rows in by_address(connection, addresses).items()},
    )


def _person(one: Subscriber) -> Person:
    return Person(one.subscriber_id, one.customer_id, one.email)
