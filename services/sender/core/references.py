"""What names one sent mail: our Message-ID, and the signed value of the reference header by which a report finds it again.

The reference is signed, not secret: whoever holds the mail can read the customer's number in it, and can't make another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

LONGEST_REFERENCE: Final = 100
LONGEST_KEY_ID: Final = 32
SHORTEST_KEY: Final = 16  # bytes

_SIGNATURE = 12  # bytes: 96 bits of HMAC-SHA256 (RFC 2104 §5 allows no fewer than 80)
_CUSTOMER, _SEND, _INDEX = 8, 16, 2
_PAYLOAD = _CUSTOMER + _SEND + _INDEX
_WHOLE_MAIL = 0xFFFF
_CONTEXT = b"apiconnect.reference.1"


@dataclass(frozen=True, slots=True)
class ReferenceFacts:
    """What a reference of ours says. recipient_index: position among the send's recipients, None for the mail as a whole."""

    customer_id: int
    send_uid: UUID
    recipient_index: int | None


def new_message_id(unique: str, sender_address: str) -> str:
    """A Message-ID without angle brackets (RFC 5322 §3.6.4). unique: letters, digits, dots and hyphens, never used before.

    sender_address: with its domain in IDNA; the id carries that domain, since others judge an id by it.
    """
    if not unique or not all(ch.isascii() and (ch.isalnum() or ch in ".-_") for ch in unique):
        raise ValueError("the unique part of a Message-ID is letters, digits, dots, hyphens")
    return f"{unique}@{sender_address.rpartition('@')[2].lower()}"


def new_reference(keys: Mapping[str, bytes], customer_id: int, send_uid: UUID, recipient_index: int | None) -> str:
    """The value of the reference header: `key id . facts . signature`, at most 100 characters of [a-z0-9.] and the key id's.

    keys: id -> secret, the signing one first; ids are letters and digits. The same facts under the same key give the same
    value. Base32 without case, since systems on the way lower or raise what they copy.
    """
    key_id = next(iter(keys))
    index = _WHOLE_MAIL if recipient_index is None else recipient_index
    if not 0 <= index <= _WHOLE_MAIL or (recipient_index == _WHOLE_MAIL):
        raise ValueError(f"no position of a recipient: {recipient_index}")
    payload = customer_id.to_bytes(_CUSTOMER, "big") + send_uid.bytes + index.to_bytes(_INDEX, "big")
    return f"{key_id}.{_encoded(payload)}.{_encoded(_signature(_checked(key_id, keys[key_id]), key_id, payload))}"


def verify_reference(keys: Mapping[str, bytes], value: str) -> ReferenceFacts | None:
    """The facts of a reference that one of the keys signed; None for anything else, however it looks."""
    parts = value.strip().split(".") if len(value) <= 2 * LONGEST_REFERENCE else []
    if len(parts) != 3:
        return None
    key_id = next((known for known in keys if known.lower() == parts[0].lower()), None)
    payload, signature = _decoded(parts[1]), _decoded(parts[2])
    if key_id is None or len(payload) != _PAYLOAD:
        return None
    if not hmac.compare_digest(_signature(keys[key_id], key_id, payload), signature):
        return None
    index = int.from_bytes(payload[-_INDEX:], "big")
    return ReferenceFacts(
        int.from_bytes(payload[:_CUSTOMER], "big"),
        UUID(bytes=payload[_CUSTOMER : _CUSTOMER + _SEND]),
        None if index == _WHOLE_MAIL else index,
    )


def _checked(key_id: str, key: bytes) -> bytes:
    if not (key_id.isascii() and key_id.isalnum() and len(key_id) <= LONGEST_KEY_ID) or len(key) < SHORTEST_KEY:
        raise ValueError(f"reference keys: ids are letters and digits, keys {SHORTEST_KEY} bytes or more")
    return key


def _signature(key: bytes, key_id: str, payload: bytes) -> bytes:
    signed = b"\x1f".join((_CONTEXT, key_id.lower().encode(), payload))
    return hmac.new(key, signed, hashlib.sha256).digest()[:_SIGNATURE]


def _encoded(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _decoded(text: str) -> bytes:
    try:
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        return b""
