"""A poll's lease is kept alive while the poll runs, and its loss is noticed before the next write."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.fetcher.handler.leases import LENGTH, Leases
from shared.domain.errors import LeaseLost
from shared.domain.mailboxes import MailboxId
from shared.storage import mailboxes
from tests.builders import a_mailbox
from tests.integration.handlers.works import Works
from tests.integration.shared.storage.looking import do, value


@pytest.fixture
def held(works: Works) -> tuple[MailboxId, int]:
    """A mailbox, and the epoch of a lease that has ten seconds left."""
    mailbox_id = a_mailbox(works.database)
    with works.database.transaction() as connection:
        epoch = mailboxes.take_lease(connection, mailbox_id, "one", timedelta(seconds=10))
    assert epoch is not None
    return mailbox_id, epoch


def left(works: Works) -> timedelta:
    """How long the lease still holds."""
    found = value(works.database, "select leased_until - now() from mailboxes")
    assert isinstance(found, timedelta)
    return found


def test_a_lease_that_is_held_is_renewed(works: Works, held: tuple[MailboxId, int]) -> None:
    leases = Leases(works.database)
    with leases.hold(*held):
        leases._renew()
        assert left(works) > LENGTH - timedelta(seconds=5)


def test_a_lease_that_is_held_no_more_is_let_run_out(works: Works, held: tuple[MailboxId, int]) -> None:
    leases = Leases(works.database)
    with leases.hold(*held):
        pass
    leases._renew()
    assert left(works) <= timedelta(seconds=10)


def test_a_lease_that_another_has_taken_stops_the_next_write(works: Works, held: tuple[MailboxId, int]) -> None:
    leases = Leases(works.database)
    with leases.hold(*held) as lease:
        do(works.database, "update mailboxes set lease_epoch = lease_epoch + 1, lease_holder = 'two'")
        with pytest.raises(LeaseLost), works.database.transaction() as connection:
            lease.check(connection)
        leases._renew()
        assert lease.lost.is_set()
        with pytest.raises(LeaseLost), works.database.transaction() as connection:
            lease.check(connection)
