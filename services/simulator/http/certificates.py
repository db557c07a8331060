"""The simulator's own certificate authority: made new at every start, its private key never written anywhere; or a given one."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

STANDARD_NAMES = (
    "localhost", "127.0.0.1", "::1", "login.microsoftonline.com", "graph.microsoft.com", "oauth2.googleapis.com",
    "gmail.googleapis.com", "www.googleapis.com",
)  # fmt: skip
LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM texts: the authority for clients; chain and key for the server."""

    authority: bytes
    chain: bytes
    key: bytes


def make_certificates(extra_names: tuple[str, ...], now: datetime) -> Certificates:
    """A fresh authority and one server certificate for the standard and the extra names."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = _name("API Connect simulator CA")
    root = (
        _builder(root_name, root_name, root_key.public_key(), root_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return _issued(root, root_key, (*STANDARD_NAMES, *extra_names), now)


def certificates_of(authority: bytes, authority_key: bytes, names: tuple[str, ...], now: datetime) -> Certificates:
    """One server certificate for these names, issued by a given authority (PEM, its key on an elliptic curve).

    Raises ValueError when a PEM is malformed, TypeError when the key is of another kind.
    """
    key = load_pem_private_key(authority_key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key must be one on an elliptic curve")
    return _issued(x509.load_pem_x509_certificate(authority), key, names, now)


def _issued(
    root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey, names: tuple[str, ...], now: datetime
) -> Certificates:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = (
        _builder(_name("API Connect simulator"), root.subject, key.public_key(), root_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), False)
        .sign(root_key, hashes.SHA256())
    )
    authority = root.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certificates(authority, leaf.public_bytes(Encoding.PEM) + authority, private)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePublicKey,
    now: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
