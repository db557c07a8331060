"""Delivery status notifications (RFC 3464): the fields of a message/delivery-status part.

Real reports stray from the RFC: blank lines inside or doubled, `Action :`, `rfc/822`, addresses without a type, folded
lines that are not indented. They are read as meant. What follows from a status is not decided here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# RFC 3464 §2.3.3, with the words that some senders use instead.
ACTIONS = {
    "failed": "failed",
    "failure": "failed",
    "fail": "failed",
    "error": "failed",
    "expired": "failed",
    "bounced": "failed",
    "deferred": "delayed",
    "delayed": "delayed",
    "delay": "delayed",
    "delivered": "delivered",
    "relayed": "relayed",
    "expanded": "expanded",
}


class RecipientStatus(NamedTuple):
    """One per-recipient group (RFC 3464 §2.3). Addresses are lower case and may be empty; the rest as reported."""

    original: str
    final: str
    action: str | None
    status: str | None
    diagnostic: str
    remote_mta: str
    fields: dict[str, str]


class DeliveryStatus(NamedTuple):
    """A whole delivery-status part: the per-message fields (lower-case names) and the per-recipient groups."""

    message: dict[str, str]
    recipients: tuple[RecipientStatus, ...]


def parse_delivery_status(text: str, limit: int = 1_000) -> DeliveryStatus:
    """Reads the text of a delivery-status part; never raises. At most `limit` recipients."""
    message: dict[str, str] = {}
    groups: list[dict[str, str]] = []
    stray: dict[str, str] = {}
    for block in _blocks(text):
        if _ADDRESS_FIELDS & block.keys():
            if len(groups) < limit:
                groups.append({**stray, **block})
            stray = {}
        elif not (_RECIPIENT_FIELDS & block.keys()):
            message = {**block, **message}
        elif groups:  # a blank line fell into a group
            groups[-1] = {**block, **groups[-1]}
        else:
            stray = {**block, **stray}
    if stray and not groups:
        groups.append(stray)
    return DeliveryStatus(message, tuple(_recipient(group) for group in groups))


def address_of(value: str) -> str:
    """The address in a typed field (`rfc822; a@b`), lower case; empty if there is none (`system;<>`, X.400)."""
    if ";" in value:
        kind, _, rest = value.partition(";")
        if len(kind) < 30 and "@" not in kind and "<" not in kind:
            value = rest
    found = _ANGLED.search(value) or _BARE.search(value)
    return found.group(1).strip("'.").lower() if found else ""


_ANGLED = re.compile(
    r"<\s{0,4}(?:smtp:|mailto:|@[\w.,@-]{1,200}:)?((?:\"[^\"<>]{1,64}\"|[^\s<>@\"]{1,100})@[^\s<>@]{1,255})\s{0,4}>",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"(?<![^\s<>()\[\]:;,\"'=])((?:\"[^\"<>]{1,64}\"|[^\s<>@,;:()\[\]\"]{1,100})@[^\s<>@,;:()\"'\]\[]{1,255})"
)
_NAME = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]{0,4}:(.*)", re.DOTALL)
_ADDRESS_FIELDS = frozenset(("original-recipient", "final-recipient"))
_RECIPIENT_FIELDS = _ADDRESS_FIELDS | {"action", "status", "diagnostic-code"}


def _blocks(text: str) -> list[dict[str, str]]:
    """Field blocks, parted by blank lines or by a field that begins a new recipient."""
    blocks: list[dict[str, str]] = []
    block: dict[str, str] = {}
    last = ""
    for line in text.split("\n"):
        stripped = line.strip()
        if not stripped:
            if block:
                blocks.append(block)
            block, last = {}, ""
            continue
        found = None if line[0] in " \t" else _NAME.match(line)
        if found is None:
            if last and len(block[last]) < 8_000:
                block[last] += " " + stripped
            continue
        last = found.group(1).lower()
        starts_over = last in _ADDRESS_FIELDS and (last in block or "action" in block or "reporting-mta" in block)
        if starts_over:
            blocks.append(block)
            block = {}
        block.setdefault(last, found.group(2).strip())
    if block:
        blocks.append(block)
    return blocks


def _recipient(group: dict[str, str]) -> RecipientStatus:
    action = group.get("action", "").split(None, 1)
    status = _STATUS.search(group.get("status", ""))
    return RecipientStatus(
        original=address_of(group.get("original-recipient", "")),
        final=address_of(group.get("final-recipient", "")) or address_of(group.get("x-actual-recipient", "")),
        action=ACTIONS.get(action[0].strip(";,.()").lower()) if action else None,
        status=status.group(0) if status else None,
        diagnostic=_diagnostic(group.get("diagnostic-code", "")),
        remote_mta=_typed(group.get("remote-mta", "")),
        fields=group,
    )


_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_DIAGNOSTIC_TYPE = re.compile(
    r"\s*(?:x-?)?(?:smtp|unix|postfix|local|unknown|dns|notes|lmtp|[a-z][\w-]{0,30})\s{0,4};", re.IGNORECASE
)


def _diagnostic(value: str) -> str:
    """The text behind the diagnostic type (RFC 3464 §2.3.6)."""
    return _DIAGNOSTIC_TYPE.sub("", value, count=1).strip()


def _typed(value: str) -> str:
    return value.partition(";")[2].strip().lower() if ";" in value else value.strip().lower()
