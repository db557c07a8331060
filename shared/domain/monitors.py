"""Monitors: conditions on incoming replies, and what they do to a subscriber (guide §8, A134-A169).

Only the vocabulary: matching is the classifier's, what follows is decided by `actions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Operator(StrEnum):
    """How a value is compared with a field. `*` in a value stands for any text, of any length (A141, A142)."""

    CONTAINS = "contains"
    EQUALS = "equals"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"


class Field(StrEnum):
    """What is compared (A145). body: what the person wrote, without what they quoted."""

    BODY = "body"
    SUBJECT = "subject"
    SENDER = "sender"


class IdentifyBy(StrEnum):
    """How the subscriber is found (A135-A137)."""

    EMAIL = "email"
    UID = "uid"
    UID_OR_EMAIL = "uid_or_email"


class Target(StrEnum):
    """What an action needs beside the subscriber."""

    NONE = "none"
    LIST = "list"
    CAMPAIGN_GROUP = "campaign_group"


class MonitorAction(StrEnum):
    """What a condition does (A150-A158). The values are the words of the tables, of CSV files and of `apply`."""

    UNSUBSCRIBE = "unsubscribe"
    BLACKLIST = "blacklist"
    UNCONFIRM = "unconfirm"
    DELETE = "delete"
    MOVE_TO_LIST = "move_to_list"
    COPY_TO_LIST = "copy_to_list"
    STOP_CAMPAIGN_GROUP = "stop_campaign_group"


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """label: for a person. customers_only: only monitors of a customer may have it (A155-A157)."""

    label: str
    customers_only: bool = False
    target: Target = Target.NONE


ACTIONS: Final[dict[MonitorAction, ActionRecord]] = {
    MonitorAction.UNSUBSCRIBE: ActionRecord("Unsubscribe"),
    MonitorAction.BLACKLIST: ActionRecord("Blacklist"),
    MonitorAction.UNCONFIRM: ActionRecord("Unconfirm"),
    MonitorAction.DELETE: ActionRecord("Delete"),
    MonitorAction.MOVE_TO_LIST: ActionRecord("Move to list", True, Target.LIST),
    MonitorAction.COPY_TO_LIST: ActionRecord("Copy to list", True, Target.LIST),
    MonitorAction.STOP_CAMPAIGN_GROUP: ActionRecord("Stop campaign group", True, Target.CAMPAIGN_GROUP),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of a monitor. Lines are tried in their order, and the first that matches wins (A143).

    value: never empty; `*` alone only with any_content. ignore_case: off as in the guide (A144).
    target: uid of the list or campaign group, for actions that need one.
    """

    value: str
    action: MonitorAction
    operator: Operator = Operator.CONTAINS
    field: Field = Field.BODY
    ignore_case: bool = False
    any_content: bool = False
    target: str | None = None


class Verdict(StrEnum):
    """What a monitor made of a mail."""

    MATCHED = "matched"
    NO_MATCH = "no_match"
    NO_TEXT = "no_text"  # nothing that the person wrote could be found; nothing is matched then


@dataclass(frozen=True, slots=True)
class MonitorFinding:
    """What one monitor made of one mail. position: of the condition that matched, from 1; condition: as it stood then.

    matched_text: the words around the hit. note: why there was no text.
    """

    monitor_id: int
    verdict: Verdict
    position: int | None = None
    condition: Condition | None = None
    matched_text: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReplyFinding:
    """What a mail of a person says to the monitors of its mailbox.

    sender: normalized address of From; '' if there is none. subscriber_uids: what tracking links of ours in the quoted text
    carry, in their order.
    """

    sender: str
    subscriber_uids: tuple[str, ...]
    monitors: tuple[MonitorFinding, ...]

    @property
    def matched(self) -> bool:
        """Whether any monitor's condition did."""
        return any(one.verdict is Verdict.MATCHED for one in self.monitors)
