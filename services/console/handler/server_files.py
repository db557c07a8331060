"""Import and export of bounce servers and monitors as CSV, for the operator or for a customer: all of a file, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from services.console.core.csv_text import RowsRefused, read_rows, write_rows
from services.console.core.merging import Wanted
from services.console.core.merging_rows import Skipped, merge_rows, visible
from services.console.core.planning import SECTIONS, Change, plan_records
from services.console.core.server_rows import NEEDED, ServerRecord, cells_of, columns_for
from services.console.core.touched import Touched, touched
from shared.domain.access import Feature, Role
from shared.domain.installation import Installation, MonitorRecord
from shared.storage import customer_limits
from shared.storage.database import Database
from shared.storage.provisioning import bounce_servers, mailbox_links, monitors, state


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import changed, or would. skipped: rows that were left alone. touched: servers whose mailboxes to try now."""

    changes: tuple[Change, ...]
    skipped: tuple[Skipped, ...] = ()
    dry_run: bool = False
    touched: Touched = field(default_factory=Touched)

    def count(self, verb: str) -> int:
        """How many are created, updated or unchanged."""
        return sum(1 for change in self.changes if change.verb == verb)


def import_file(
    database: Database, feature: Feature, role: Role, raw: bytes, *, now: datetime, dry_run: bool = False
) -> Imported:
    """Brings a role's servers to what the rows of a file say; what the file does not name stays.

    Raises RowsRefused with every fault, NotThere where the feature is switched off for the customer; then nothing was
    written. A customer's row is locked until the end, and so is everybody else's apply and import.
    """
    rows = read_rows(raw, columns_for(feature, role), NEEDED)
    with database.transaction() as connection:
        state.lock(connection)
        allowance = customer_limits.enter(connection, role, feature, locked=True)
        current = state.read(connection)
        places = None if allowance is None else allowance.places
        merged = merge_rows(rows, feature, role, current, places, now)
        if merged.faults:
            raise RowsRefused(merged.faults)
        present = getattr(current, feature.value)
        changes = [_told(change, role) for change in plan_records(SECTIONS[feature.value], present, merged.wanted)]
        if not dry_run:
            records = [change.record for change in changes if change.verb != "unchanged"]
            (monitors if feature is Feature.MONITORS else bounce_servers).save_all(connection, records)
            mailbox_links.forget_idle_mailboxes(connection)
    wanted = Wanted()
    getattr(wanted, feature.value).update(merged.wanted)
    return Imported(tuple(changes), tuple(merged.skipped), dry_run, touched(current, wanted))


def _told(change: Change, role: Role) -> Change:
    """A change as the role may read it: which system key a server was given is none of a customer's business."""
    if role.is_operator:
        return change
    return replace(change, details=tuple("key: another" if one.startswith("key: ") else one for one in change.details))


def export_file(database: Database, feature: Feature, role: Role) -> str:
    """All that the role sees, as CSV; importing it again changes nothing. Raises NotThere."""
    with database.transaction() as connection:
        customer_limits.enter(connection, role, feature)
        view = visible(state.read(connection), role)
    records = sorted(getattr(view, feature.value).values(), key=lambda one: (one.customer or "", one.name))
    return write_rows(columns_for(feature, role), [cells_of(one, _key_name(view, role, one)) for one in records])


def _key_name(view: Installation, role: Role, record: ServerRecord | MonitorRecord) -> str:
    """The key's name where it says which, else its uid; '' for a system key, which a customer is not told."""
    key = view.keys[record.key]
    if not role.is_operator and key.customer != role.customer:
        return ""
    alike = [
        one
        for one in view.keys.values()
        if one is not key and key.name in (one.name, one.uid) and one.customer in (record.customer, None)
    ]
    return key.uid if alike else key.name
