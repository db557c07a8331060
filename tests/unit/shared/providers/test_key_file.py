"""What a person pastes as a private key is read in every usual shape, or refused with the field that is wrong."""

from __future__ import annotations

import json
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.errors import CredentialsRejected
from shared.providers.gmail.key_file import read_google_key

ACCOUNT = "bounces@mail-tools.iam.gserviceaccount.com"


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem(kind: str = "PKCS8", bits: int = 2048) -> str:
    form = serialization.PrivateFormat.PKCS8 if kind == "PKCS8" else serialization.PrivateFormat.TraditionalOpenSSL
    encoded = rsa_key(bits).private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return encoded.decode()


def key_file(**changed: object) -> str:
    content = {
        "type": "service_account",
        "client_email": ACCOUNT,
        "private_key": pem(),
        "private_key_id": "k1",
        "client_id": "1",
    }
    return json.dumps({name: value for name, value in (content | changed).items() if value is not None})


def test_a_whole_key_file_gives_key_account_and_id() -> None:
    found = read_google_key(key_file())
    assert (found.client_email, found.private_key, found.private_key_id) == (ACCOUNT, pem(), "k1")


@pytest.mark.parametrize("kind", ["PKCS8", "PKCS1"])
def test_both_pem_headers_are_the_same_key(kind: str) -> None:
    assert read_google_key(pem(kind)).private_key == pem()


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda text: text.replace("\n", "\\n"),
        lambda text: text.replace("\n", "\\r\\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n   "),
        lambda text: f"\ufeff  \n{text}\n\n ",
        lambda text: f'"{text.strip()}",',
        lambda text: text.replace("\n", " "),
    ],
    ids=["literal-n", "literal-rn", "crlf", "indented", "bom-and-blanks", "with-quotes", "one-line"],
)
def test_a_key_spoiled_on_its_way_is_still_read(spoiled: object) -> None:
    assert callable(spoiled)
    assert read_google_key(spoiled(pem())).private_key == pem()


def test_a_key_file_whose_escapes_were_turned_into_line_breaks_is_still_read() -> None:
    assert read_google_key(key_file().replace("\\n", "\n")).private_key == pem()


@pytest.mark.parametrize(
    ("pasted", "field", "reason"),
    [
        (lambda: "", "private_key", "empty"),
        (lambda: "s3cret", "private_key", "no -----BEGIN"),
        (lambda: pem()[:400], "private_key", "not a whole"),
        (lambda: pem().replace("MII", "", 1), "private_key", "does not hold a key"),
        (lambda: pem().replace("PRIVATE KEY", "PUBLIC KEY"), "private_key", "Public Key"),
        (lambda: pem().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "private_key", "unencrypted"),
        (lambda: elliptic(), "private_key", "not an RSA key"),
        (lambda: pem(bits=1024), "private_key", "1024 bits"),
        (lambda: "x" * 70_000, "private_key", "far longer"),
        (lambda: key_file()[:-20], "json", "not one"),
        (lambda: key_file(type="authorized_user"), "type", "authorized_user"),
        (lambda: key_file(client_email=None), "client_email", "missing"),
        (lambda: key_file(client_email="nobody"), "client_email", "not an address"),
        (lambda: key_file(private_key=None), "private_key", "missing"),
        (lambda: key_file(private_key=17), "private_key", "missing"),
    ],
)
def test_what_is_no_key_is_refused_with_field_and_reason(pasted: object, field: str, reason: str) -> None:
    assert callable(pasted)
    with pytest.raises(CredentialsRejected) as caught:
        read_google_key(pasted())
    assert caught.value.diagnosis.code == field
    assert reason in caught.value.diagnosis.cause


def elliptic() -> str:
    made = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def test_neither_repr_nor_refusal_shows_the_key() -> None:
    assert "PRIVATE" not in repr(read_google_key(key_file()))
    with pytest.raises(CredentialsRejected) as caught:
        read_google_key(pem().replace("MII", "", 1))
    assert pem().splitlines()[3] not in str(caught.value) + repr(caught.value.diagnosis)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.text().map(lambda text: f"-----BEGIN PRIVATE KEY-----{text}-----END PRIVATE KEY-----")))
def test_anything_pasted_is_read_or_refused(pasted: str) -> None:
    with pytest.raises(CredentialsRejected):
        read_google_key(pasted)
