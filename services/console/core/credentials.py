"""What an operator gives as a Google private key: a PEM block or the whole JSON file, however it was pasted (A026, A027, A205)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """`pem`: PKCS #8, whatever form was given, so that one key has one fingerprint. `email`, `key_id`: empty if not given."""

    pem: str = field(repr=False)
    email: str = ""
    key_id: str = ""


def read_service_account(text: str) -> ServiceAccount:
    """Reads either form. Raises ValueError `reason; fix`, which never holds any of the text."""
    stripped = text.strip().removeprefix("\ufeff")
    if stripped.startswith("{"):
        return _from_json(stripped)
    return ServiceAccount(pem=_canonical(stripped))


def _from_json(text: str) -> ServiceAccount:
    try:
        document = json.loads(text)
    except ValueError:
        raise ValueError("is neither a PEM block nor JSON; download the key file again and use it unchanged") from None
    private_key, email = document.get("private_key"), document.get("client_email", "")
    if not isinstance(private_key, str) or not isinstance(email, str):
        raise ValueError(  # noqa: TRY004 - it is what was pasted that is wrong
            "has no private_key: this is another of Google's JSON files; "
            "make a key under IAM > Service accounts > Keys > Add key > JSON"
        )
    key_id = document.get("private_key_id", "")
    return ServiceAccount(pem=_canonical(private_key), email=email.strip().lower(), key_id=str(key_id))


def _canonical(text: str) -> str:
    lines = text.replace("\\r", "").replace("\\n", "\n").splitlines()
    pem = "\n".join(stripped for line in lines if (stripped := line.strip())) + "\n"
    if "-----BEGIN" not in pem:
        raise ValueError(
            "holds no private key; it must start with -----BEGIN PRIVATE KEY-----, or be Google's JSON file"
        )
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ValueError("is protected by a pass phrase; give the key without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("does not parse as a private key; download it again and paste it whole") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("is not an RSA key; Google signs with RSA: use the key that Google made")  # noqa: TRY004
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
