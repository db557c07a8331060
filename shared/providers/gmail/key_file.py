"""Reading what a person pastes as a Google private key: the PEM block, or the whole JSON key file.

Source: guide §3 "Private Key"; both `BEGIN RSA PRIVATE KEY` (PKCS#1) and `BEGIN PRIVATE KEY` (PKCS#8) are taken, with
literal \\n, CRLF, or stray spaces, which mail programs and forms leave behind.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from shared.domain.errors import CredentialsRejected, Diagnosis

_LINK = "https://cloud.google.com/iam/docs/keys-create-delete"
_PEM = re.compile(r"-----BEGIN ((?:RSA )?PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_ANY_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_MAX_CHARACTERS = 64 * 1024
_MIN_BITS = 2048


@dataclass(frozen=True, slots=True)
class GoogleKey:
    """A service account's key. private_key: PEM, PKCS#8, LF. The other two are empty if only a PEM block was given."""

    client_email: str
    private_key: str = field(repr=False)
    private_key_id: str = ""


def read_google_key(pasted: str) -> GoogleKey:
    """The key in `pasted`. Raises CredentialsRejected; the diagnosis' code is the field that is wrong."""
    if len(pasted) > _MAX_CHARACTERS:
        raise _rejected("private_key", "It is far longer than a key.")
    trimmed = pasted.strip().lstrip("\ufeff").strip()
    if not trimmed:
        raise _rejected("private_key", "It is empty.")
    if trimmed.startswith("{"):
        return _from_json(trimmed)
    return GoogleKey("", _private_key(trimmed))


def _from_json(pasted: str) -> GoogleKey:
    try:
        parsed = json.loads(pasted, strict=False)  # a key with real line breaks inside the string is still readable
    except (ValueError, RecursionError):
        raise _rejected("json", "It begins like a JSON file but is not one; perhaps a part is missing.") from None
    kind = parsed.get("type")
    if kind is not None and kind != "service_account":
        raise _rejected("type", f"It is {str(kind)[:40]!r}, not 'service_account': another kind of key file.")
    email = _field(parsed, "client_email")
    if "@" not in email:
        raise _rejected("client_email", "It is not an address.")
    key_id = parsed.get("private_key_id")
    return GoogleKey(email, _private_key(_field(parsed, "private_key")), key_id if isinstance(key_id, str) else "")


def _field(parsed: dict[str, Any], name: str) -> str:
    value = parsed.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _rejected(name, "It is missing from the JSON file.")
    return value.strip()


def _private_key(text: str) -> str:
    """The same key as clean PKCS#8 PEM."""
    plain = text.replace("\\r", "").replace("\\n", "\n").replace("\r", "\n")
    found = _PEM.search(plain)
    if found is None:
        other = _ANY_PEM.search(plain)
        raise _rejected(
            "private_key",
            f"It is a {other.group(1).title()} block, not a whole unencrypted private key."
            if other
            else "It has no -----BEGIN PRIVATE KEY----- block.",
        )
    kind, body = found.group(1), re.sub(r"\s+", "", found.group(2))
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    try:
        key = serialization.load_pem_private_key(
            f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n".encode(), password=None
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _rejected("private_key", "The block does not hold a key; perhaps a part was not copied.") from None
    if not isinstance(key, RSAPrivateKey):
        raise _rejected("private_key", "It is a key, but not an RSA key.")
    if key.key_size < _MIN_BITS:
        raise _rejected("private_key", f"It is an RSA key of {key.key_size} bits; Google uses at least {_MIN_BITS}.")
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _rejected(name: str, cause: str) -> CredentialsRejected:
    diagnosis = Diagnosis(name, cause, "Download the service account's JSON key again and paste the whole file.", _LINK)
    return CredentialsRejected(f"{name}: {cause}", diagnosis, call="key file")
