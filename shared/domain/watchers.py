"""Who looks into a mailbox: bounce servers and monitors. A mail is disposed of once every watcher of its mailbox has been served."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.domain.mailboxes import Disposal, Folder
from shared.domain.monitors import Condition, IdentifyBy


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody who looks into a mailbox wants of a poll: the folders, the time, and what is done with its mail."""

    disposal: Disposal
    dry_run: bool
    only_mail_from: datetime | None
    read_junk: bool


@dataclass(frozen=True, slots=True)
class MonitorWatch:
    """One active monitor. customer_id: whose lists it acts on; None: everybody's. conditions: in their order.

    disposal, move_to: of a mail that it acted on. ignore_machine_mail: reports and auto-replies are none of its business.
    """

    monitor_id: int
    name: str
    customer_id: int | None
    identify_by: IdentifyBy
    conditions: tuple[Condition, ...]
    disposal: Disposal = Disposal.LEAVE
    move_to: str | None = None
    dry_run: bool = False
    only_mail_from: datetime | None = None
    read_junk: bool = False
    ignore_machine_mail: bool = True
    plus_addressing: bool = False
    global_blacklist: bool = True

    def sees(self, folder: Folder, received_at: datetime | None) -> bool:
        """Whether a mail there, received then, is this monitor's business. An unknown time counts as new."""
        if folder is Folder.JUNK and not self.read_junk:
            return False
        return self.only_mail_from is None or received_at is None or received_at >= self.only_mail_from


@dataclass(frozen=True, slots=True)
class Watcher:
    """One active bounce server.

    customer_id: whose mail it acts on; None: everybody's (a backend server).
    only_mail_from: mail received before is not its business; None: all. dry_run: logged, no effect, nothing removed.
    global_blacklist: its hard bounces go on everybody's blacklist (backend servers only).
    """

    bounce_server_id: int
    customer_id: int | None
    disposal: Disposal
    move_to: str | None = None
    dry_run: bool = False
    only_mail_from: datetime | None = None
    read_junk: bool = True
    global_blacklist: bool = False

    def sees(self, received_at: datetime | None) -> bool:
        """Whether a mail received then is this watcher's business. An unknown time counts as new."""
        return self.only_mail_from is None or received_at is None or received_at >= self.only_mail_from

    def serves(self, customer_id: int) -> bool:
        """Whether it may act on that customer's subscribers."""
        return self.customer_id is None or self.customer_id == customer_id
