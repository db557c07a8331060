"""amqps:// checks who answers. The server here speaks TLS and then only listens: enough to see whether we talk to it."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.rabbitmq import RabbitBroker


class Listener:
    """A TLS server that keeps the first bytes that each client sends."""

    def __init__(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.heard: list[bytes] = []
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        client, _ = self._socket.accept()
        with client:
            client.settimeout(5)
            try:
                with self._context.wrap_socket(client, server_side=True) as secure:
                    self.heard.append(secure.recv(8))
            except OSError:
                self.heard.append(b"")

    def close(self) -> None:
        """Ends it; call it after a client came."""
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and self-signed certificate for 127.0.0.1, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "broker.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def listener(certificate: Path) -> Iterator[Listener]:
    """The server with that certificate."""
    with closing(Listener(certificate)) as listener:
        yield listener


def test_a_broker_whose_ca_we_know_is_talked_to(listener: Listener, certificate: Path) -> None:
    url = f"amqps://guest:guest@127.0.0.1:{listener.port}/x"
    with closing(RabbitBroker(url, ca_file=str(certificate))) as broker, pytest.raises(BrokerOrDatabaseDown):
        broker.declare()
    listener.close()
    assert listener.heard == [b"AMQP\x00\x00\x09\x01"]


def test_a_broker_whose_ca_we_do_not_know_is_told_nothing(listener: Listener) -> None:
    url = f"amqps://guest:guest@127.0.0.1:{listener.port}/x"
    with closing(RabbitBroker(url)) as broker, pytest.raises(BrokerOrDatabaseDown):
        broker.declare()
    listener.close()
    assert listener.heard == [b""]


def test_a_certificate_for_another_name_is_refused(listener: Listener, certificate: Path) -> None:
    url = f"amqps://guest:guest@localhost:{listener.port}/x"  # the certificate names 127.0.0.1 only
    with closing(RabbitBroker(url, ca_file=str(certificate))) as broker, pytest.raises(BrokerOrDatabaseDown):
        broker.declare()
    listener.close()
    assert listener.heard == [b""]
