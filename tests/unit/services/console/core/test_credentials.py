"""A Google private key in each form in which it is pasted (A026, A027, A205)."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from services.console.core.credentials import read_service_account

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PKCS8 = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PKCS1 = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.mark.parametrize(
    "pasted",
    [
        PKCS8,
        PKCS1,
        PKCS8.replace("\n", "\r\n"),
        PKCS8.replace("\n", "\\n"),
        f"\n   {PKCS8.replace(chr(10), '  ' + chr(10) + '  ')}   ",
        json.dumps({"private_key": PKCS8, "client_email": "a@b.iam.example"}),
        "\ufeff" + json.dumps({"private_key": PKCS1}),
    ],
    ids=["pkcs8", "pkcs1", "crlf", "literal newlines", "spaces", "json", "json with pkcs1 and a byte order mark"],
)
def test_every_form_of_one_key_gives_the_same_key(pasted: str) -> None:
    assert read_service_account(pasted).pem == PKCS8


def test_the_json_file_names_its_account_and_key() -> None:
    text = json.dumps({"private_key": PKCS8, "client_email": " Robot@B.iam.example ", "private_key_id": "abc"})

    account = read_service_account(text)

    assert (account.email, account.key_id) == ("robot@b.iam.example", "abc")


@pytest.mark.parametrize(
    ("pasted", "reason"),
    [
        ("", "holds no private key"),
        ("{broken", "neither a PEM block nor JSON"),
        ('{"installed": {"client_id": "x"}}', "has no private_key"),
        (PKCS8[:300], "does not parse"),
        (PKCS8.replace("M", "N", 3), "does not parse"),
        (
            ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "is not an RSA key",
        ),
        (
            KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode(),
            "protected by a pass phrase",
        ),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_the_reason_and_without_the_text(pasted: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        read_service_account(pasted)

    assert "BEGIN PRIVATE" not in str(refused.value).replace("-----BEGIN PRIVATE KEY-----, or", "")


def test_a_service_account_shows_no_key() -> None:
    assert "BEGIN" not in repr(read_service_account(PKCS8))
