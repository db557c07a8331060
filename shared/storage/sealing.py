"""Sealing of secrets and raw mail at rest: AES-256-GCM under a key ring, so that keys can be rotated.

Sealed form: one byte length of the key id, the key id, 12 bytes nonce, ciphertext with its 16-byte tag. What a value belongs to
(table and row) goes in as associated data: a sealed value copied into another row does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import zlib
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.domain.errors import ApiConnectError

_NONCE = 12


class SealBroken(ApiConnectError):
    """A sealed value does not open: its key is not in the ring, or it was changed or moved."""


class Sealer:
    """Seals with the first key of the ring, opens with any."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """keys: id -> 32 bytes, the sealing one first."""
        if not keys:
            raise ValueError("sealing_keys: at least one key is needed")
        self.ring = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.current = next(iter(keys))
        self._header = bytes([len(self.current)]) + self.current.encode()
        # What fingerprints were made with before they had a key of their own; see sealed_values.fingerprints.
        self.first_fingerprint_key = hashlib.sha256(b"fingerprint" + list(keys.values())[-1]).digest()

    @classmethod
    def parse(cls, text: str) -> Sealer:
        """From `id:base64,id:base64`. Raises ValueError naming what is wrong, never the key."""
        keys: dict[str, bytes] = {}
        for n, part in enumerate(filter(None, (piece.strip() for piece in text.split(","))), start=1):
            key_id, colon, encoded = part.partition(":")
            if not colon or not (key_id.isascii() and key_id.isalnum()) or len(key_id) > 32:
                raise ValueError(f"sealing_keys: entry {n} must read `id:base64`, the id letters and digits only")
            try:
                key = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError(f"sealing_keys: entry {n} ({key_id}) is not base64") from None
            if len(key) != 32:
                raise ValueError(f"sealing_keys: entry {n} ({key_id}) must be 32 bytes, is {len(key)}")
            if key_id in keys:
                raise ValueError(f"sealing_keys: entry {n} ({key_id}) has the id of an earlier one")
            keys[key_id] = key
        return cls(keys)

    @staticmethod
    def new_key(key_id: str = "k1") -> str:
        """A fresh random entry for the setting."""
        return f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}"

    @property
    def header(self) -> bytes:
        """What every value begins with that the current key has sealed."""
        return self._header

    def holds(self, sealed: bytes) -> bool:
        """Whether the key that sealed this value is in the ring."""
        return key_id_of(sealed) in self.ring

    def seal(self, plain: bytes, belongs_to: str) -> bytes:
        """The sealed form of `plain`. belongs_to: what it is and of which row, such as `api_key:<uid>`."""
        nonce = os.urandom(_NONCE)
        return self._header + nonce + self.ring[self.current].encrypt(nonce, plain, belongs_to.encode())

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        """The plain value. Raises SealBroken."""
        key_id = key_id_of(sealed)
        size = len(key_id)
        cipher = self.ring.get(key_id)
        if cipher is None:
            raise SealBroken(f"{belongs_to}: sealed under key {key_id!r}, which is not in APICONNECT_SEALING_KEYS")
        nonce = sealed[1 + size : 1 + size + _NONCE]
        try:
            return cipher.decrypt(nonce, sealed[1 + size + _NONCE :], belongs_to.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"{belongs_to}: the sealed value was changed or belongs elsewhere") from None

    def seal_mail(self, raw: bytes, mail_id: int) -> bytes:
        """Raw MIME, compressed (a report shrinks to about a third), then sealed."""
        return self.seal(zlib.compress(raw, 1), f"raw_mail:{mail_id}")

    def open_mail(self, sealed: bytes, mail_id: int) -> bytes:
        """What seal_mail was given."""
        return zlib.decompress(self.open(sealed, f"raw_mail:{mail_id}"))


class Fingerprints:
    """Names for credentials that show nothing of them. Their key is the installation's own, so that they outlive sealing keys."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, *parts: str) -> str:
        """Keyed hash of the parts and their borders, hex."""
        return hmac.new(self._key, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()[:40]


def key_id_of(sealed: bytes) -> str:
    """The id of the key that a value says it is sealed under."""
    size = sealed[0] if sealed else 0
    return sealed[1 : 1 + size].decode("ascii", "replace")
