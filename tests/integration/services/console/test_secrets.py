"""`secrets init|set|show`: what an installation's files hold, and who gets which."""

from __future__ import annotations

import json
import re
import socket
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from services.__main__ import app
from services.simulator.__main__ import start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings
from shared.messaging.definitions import ADMINISTRATOR, MONITOR, RIGHTS
from shared.storage.sealing import Sealer

SERVICES = [user for user in RIGHTS if user not in (MONITOR, ADMINISTRATOR)]


def run(*arguments: object, given: str = "") -> tuple[int, str, str]:
    """Exit code, standard output, error stream."""
    result = CliRunner().invoke(app, ["secrets", *map(str, arguments)], input=given)
    return result.exit_code, result.stdout, result.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    assert run("init", folder)[0] == 0
    return folder


def test_a_second_time_changes_nothing(made: Path) -> None:
    before = files(made)
    code, said, _ = run("init", made)
    assert code == 0
    assert "made" not in said
    assert files(made) == before


def test_two_installations_have_no_secret_in_common(made: Path, tmp_path: Path) -> None:
    run("init", tmp_path / "other")
    stores = [set(files(folder / "store").values()) for folder in (made, tmp_path / "other")]
    assert stores[0] & stores[1] == set()


def test_no_secret_appears_on_the_screen(tmp_path: Path) -> None:
    _, said, complained = run("init", tmp_path / "s")
    assert [name for name, text in files(tmp_path / "s" / "store").items() if text.decode() in said + complained] == []


def test_every_service_has_a_broker_user_of_its_own(made: Path) -> None:
    users = {
        re.match(r"amqp://(\w+):(\w+)@rabbitmq:5672/apiconnect$", (made / s / "rabbitmq_url").read_text())
        for s in SERVICES
    }
    assert None not in users
    assert {user[1] for user in users if user} == set(SERVICES)
    assert len({user[2] for user in users if user}) == len(SERVICES)


def test_the_definitions_hold_no_password_and_no_default_user(made: Path) -> None:
    text = (made / "rabbitmq" / "definitions.json").read_text()
    assert [name for name, secret in files(made / "store").items() if secret.decode() in text] == []
    assert {user["name"] for user in json.loads(text)["users"]} == set(RIGHTS)


def test_only_those_who_open_sealed_values_get_the_keys(made: Path) -> None:
    assert {path.parent.name for path in made.rglob("sealing_keys")} == {
        "store", "token_refresher", "fetcher", "classifier", "sender", "console",
    }  # fmt: skip
    assert Sealer.parse((made / "fetcher" / "sealing_keys").read_text())


def test_the_files_of_a_service_are_its_own_and_those_of_servers_readable_to_them(made: Path) -> None:
    modes = {path.relative_to(made): stat.S_IMODE(path.stat().st_mode) for path in made.rglob("*") if path.is_file()}
    others = {str(path) for path, mode in modes.items() if mode != 0o400}
    assert others == {"postgres/postgres_password", "rabbitmq/definitions.json", "grafana/grafana_password"}


def test_a_lost_password_is_made_anew_and_handed_out(made: Path) -> None:
    (made / "store" / "rabbitmq_fetcher").unlink()
    before = (made / "fetcher" / "rabbitmq_url").read_text()
    _, said, _ = run("init", made)
    assert "1 secret made: rabbitmq_fetcher" in said
    assert (made / "fetcher" / "rabbitmq_url").read_text() != before


def test_servers_elsewhere_go_before_those_made_here(tmp_path: Path) -> None:
    brought = tmp_path / "external"
    brought.mkdir()
    (brought / "database_url").write_text("postgresql://u:p@db.example.com/x?sslmode=verify-full\n")
    (brought / "rabbitmq_url").write_text("amqps://u:p@mq.example.com:5671/v\n")
    (brought / "rabbitmq_url_fetcher").write_text("amqps://fetcher:p@mq.example.com:5671/v\n")
    (brought / "rabbitmq_ca.pem").write_text("the broker's CA")
    assert run("init", tmp_path / "s", "--brought", brought)[0] == 0
    assert (tmp_path / "s/actions/database_url").read_text() == "postgresql://u:p@db.example.com/x?sslmode=verify-full"
    assert (tmp_path / "s/actions/rabbitmq_url").read_text() == "amqps://u:p@mq.example.com:5671/v"
    assert (tmp_path / "s/fetcher/rabbitmq_url").read_text() == "amqps://fetcher:p@mq.example.com:5671/v"
    assert (tmp_path / "s/fetcher/rabbitmq_ca.pem").read_text() == "the broker's CA"
    assert "BEGIN CERTIFICATE" in (tmp_path / "s/fetcher/database_ca.pem").read_text()


def test_a_file_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "external").mkdir()
    (tmp_path / "external" / "databse_url").write_text("x")
    code, _, complained = run("init", tmp_path / "s", "--brought", tmp_path / "external")
    assert code == 1
    assert "databse_url" in complained


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, complained = run("init", tmp_path / "file")
    assert (code, len(complained.splitlines())) == (1, 1)


def test_new_sealing_keys_are_handed_out_and_malformed_ones_refused(made: Path) -> None:
    old = (made / "store" / "sealing_keys").read_text()
    assert run("set", made, "sealing_keys", given="k2:short")[0] == 1
    assert (made / "store" / "sealing_keys").read_text() == old
    new = f"{Sealer.new_key('k2')},{old}"
    assert run("set", made, "sealing_keys", given=new + "\n")[0] == 0
    run("init", made)
    assert (made / "classifier" / "sealing_keys").read_text() == new


def test_show_prints_one_secret_and_nothing_outside_the_folder(made: Path) -> None:
    assert (
        run("show", "monitor_password", "--folder", made / "console")[1].strip()
        == (made / "store" / "rabbitmq_monitor").read_text()
    )
    assert run("show", "../store/rabbitmq_scheduler", "--folder", made / "console")[0] == 2


def test_the_simulators_authority_speaks_for_the_simulator_only(made: Path) -> None:
    certificate = x509.load_pem_x509_certificate((made / "simulator" / "authority.pem").read_bytes())
    limits = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert limits.value.permitted_subtrees == [x509.DNSName("simulator")]
    assert certificate.not_valid_before_utc < datetime.now(UTC) < certificate.not_valid_after_utc


def test_a_simulator_with_that_authority_is_trusted_under_its_name(made: Path) -> None:
    running = start(
        SimulatorSettings(
            authority_file=made / "simulator" / "authority.pem",
            authority_key_file=made / "simulator" / "authority.key",
            extra_names=("simulator",),
        )
    )
    try:
        assert ControlClient(running.http_url).mailboxes() == []
        assert handshake(running.https_url, "simulator", made / "fetcher" / "provider_ca.pem")
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(running.https_url, "graph.microsoft.com", made / "fetcher" / "provider_ca.pem")
    finally:
        running.stop()


def test_a_certificate_of_that_authority_for_another_name_is_worth_nothing(made: Path) -> None:
    running = start(
        SimulatorSettings(
            authority_file=made / "simulator" / "authority.pem",
            authority_key_file=made / "simulator" / "authority.key",
            extra_names=("graph.microsoft.com",),
        )
    )
    try:
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            handshake(running.https_url, "graph.microsoft.com", made / "fetcher" / "provider_ca.pem")
    finally:
        running.stop()


def handshake(https_url: str, name: str, ca_file: Path) -> bool:
    """Whether a client that trusts `ca_file` accepts the server as `name`. Raises SSLCertVerificationError."""
    port = int(https_url.rpartition(":")[2])
    context = ssl.create_default_context(cafile=str(ca_file))
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain, server_hostname=name):
        return True
