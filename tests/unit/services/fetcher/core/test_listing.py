"""From when on, and where, a poll looks for unread mail."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from services.fetcher.core.listing import FULL_SWEEP_EVERY, OVERLAP, folders, list_since, sweep_is_due
from shared.domain.mailboxes import Folder
from shared.domain.watchers import Watcher
from tests.builders import NOW, a_watcher

HOUR = timedelta(hours=1)
EVERYTHING = a_watcher()


def from_(at: datetime) -> Watcher:
    """A watcher that cares for mail from then on."""
    return a_watcher(only_mail_from=at)


@pytest.mark.parametrize(
    ("readers", "looked_into"),
    [
        ((True,), (Folder.INBOX, Folder.JUNK)),
        ((False,), (Folder.INBOX,)),
        ((False, True), (Folder.INBOX, Folder.JUNK)),
    ],
)
def test_the_junk_folder_is_read_if_one_watcher_wants_it(
    readers: tuple[bool, ...], looked_into: tuple[Folder, ...]
) -> None:
    assert folders([a_watcher(read_junk=reads) for reads in readers]) == looked_into


@pytest.mark.parametrize(
    ("swept_at", "due"),
    [(None, True), (NOW - FULL_SWEEP_EVERY, True), (NOW - FULL_SWEEP_EVERY + timedelta(seconds=1), False)],
)
def test_everything_is_listed_at_first_and_once_a_day(swept_at: datetime | None, due: bool) -> None:
    assert sweep_is_due(swept_at, NOW) is due


@pytest.mark.parametrize(
    ("known", "watchers", "sweep", "since"),
    [
        (None, [EVERYTHING], False, None),  # nothing is in the ledger yet
        (NOW, [EVERYTHING], False, NOW - OVERLAP),  # mail may show up late
        (NOW, [EVERYTHING], True, None),
        (None, [from_(NOW - HOUR)], False, NOW - HOUR),
        (NOW, [from_(NOW - HOUR)], False, NOW - OVERLAP),
        (NOW, [from_(NOW)], False, NOW),  # never before the watcher's own time
        (NOW, [from_(NOW - HOUR)], True, NOW - HOUR),
        (None, [from_(NOW), from_(NOW - HOUR)], False, NOW - HOUR),  # the earliest of the two
        (None, [from_(NOW), EVERYTHING], False, None),
    ],
)
def test_a_listing_starts_where_the_ledger_ends_but_not_before_anybodys_time(
    known: datetime | None, watchers: list[Watcher], sweep: bool, since: datetime | None
) -> None:
    listed_to = {Folder.INBOX: known} if known else {}
    assert list_since(Folder.INBOX, listed_to, watchers, sweep=sweep) == since


def test_each_folder_has_its_own_place_in_the_ledger() -> None:
    assert list_since(Folder.JUNK, {Folder.INBOX: NOW}, [EVERYTHING], sweep=False) is None
