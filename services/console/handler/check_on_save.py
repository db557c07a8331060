"""The check after an apply: each mailbox that it touched is tried, a few at a time; a new server that can't work is inactive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from services.console.core.touched import Touched
from services.console.handler.mailbox_check import Checked, check
from shared.domain.errors import ApiConnectError
from shared.domain.mailboxes import Provider
from shared.providers.provider import ProviderRecord
from shared.storage import mailbox_orders, server_checks
from shared.storage.database import Database
from shared.storage.mailbox_orders import Changed
from shared.storage.sealing import Sealer

AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Saved:
    """One mailbox after the apply. checked: None if the check itself came to nothing, `fault` says why.

    deactivated: names of new servers that are inactive until a check passes.
    """

    email: str
    provider: str
    checked: Checked | None
    deactivated: tuple[str, ...] = ()
    fault: str = ""

    @property
    def faulty(self) -> bool:
        """Whether a person has something to do."""
        checked = self.checked
        return bool(self.fault) or (checked is not None and "not connected" in (checked.connection, checked.sending))


def mailboxes_of(database: Database, touched: Touched) -> list[Changed]:
    """The mailboxes to try."""
    with database.transaction() as connection:
        return mailbox_orders.links_of_servers(connection, sorted(touched.all))


def check_saved(
    database: Database,
    sealer: Sealer,
    catalogue: Mapping[Provider, ProviderRecord],
    links: list[Changed],
    created: frozenset[str],
    *,
    holder: str,
) -> Iterator[Saved]:
    """Tries each mailbox and yields as they come. `created`: uids of servers that are new, inactive if theirs is refused.

    A fault that may pass decides nothing: the server is active, and its polls go on trying.
    """

    def one(link: Changed) -> Saved:
        try:
            checked = check(database, sealer, catalogue, link, holder=holder)
        except ApiConnectError as error:
            return Saved(link.email, link.provider, None, fault=str(error))
        if "not connected" not in (checked.connection, checked.sending):
            return Saved(link.email, link.provider, checked)
        with database.transaction() as connection:
            waiting = server_checks.deactivate(connection, link.mailbox_id, sorted(created))
        return Saved(link.email, link.provider, checked, tuple(waiting))

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check") as pool:
        for future in as_completed([pool.submit(one, link) for link in links]):
            yield future.result()
