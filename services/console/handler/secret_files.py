"""The secrets of an installation: made at random once, kept in one folder, and handed out to each service in a folder of its own.

Nobody gets what it does not need: a service's folder holds its own RabbitMQ user, and the sealing keys only if it opens
what is sealed. What the operator brings (addresses of servers elsewhere, their CAs, sealing keys) goes before what is made.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import certifi

from services.console.handler.simulator_authority import make_authority
from shared.domain.errors import ApiConnectError
from shared.messaging.definitions import ADMINISTRATOR, MONITOR, RIGHTS, definitions, password_hash
from shared.storage.sealing import Sealer

VHOST: Final = "apiconnect"
_STORE: Final = "store"
_SERVICES: Final = tuple(user for user in RIGHTS if user not in (MONITOR, ADMINISTRATOR))
_OPENS_SEALED: Final = ("token_refresher", "fetcher", "classifier", "sender", "console")
_CALLS_PROVIDERS: Final = ("token_refresher", "fetcher", "sender", "console")
_MANAGEMENT: Final = "rabbitmq_management_url"
_PASSWORD_BYTES: Final = 24
# Our services run as the user that writes here; RabbitMQ, PostgreSQL and Grafana run as others, and each sees its own folder only.
_OURS_ONLY: Final = 0o400
_FOR_OTHERS: Final = 0o444


class SecretsRefused(ApiConnectError):
    """The folder can't be used, or what was brought is wrong; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services find the servers, as host:port."""

    database: str = "postgres:5432"
    broker: str = "rabbitmq:5672"
    management: str = "rabbitmq:15672"


@dataclass(slots=True)
class Handed:
    """What was done: names of secrets made now, and of the folders written."""

    made: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def init(folder: Path, addresses: Addresses, brought: Path | None = None) -> Handed:
    """Makes what is missing in `folder`/store and writes every service's folder. Running it again changes no secret.

    brought: a folder with any of database_url, rabbitmq_url, rabbitmq_url_SERVICE, rabbitmq_management_url, database_ca.pem,
    rabbitmq_ca.pem (both else the public authorities), sealing_keys. Raises SecretsRefused.
    """
    done = Handed()
    try:
        store = folder / _STORE
        store.mkdir(parents=True, exist_ok=True)
        own = _make_missing(store, done)
        own |= _brought(brought)
        if "sealing_keys" in own:
            _check_sealing_keys(own["sealing_keys"])
        for name, files in _handouts(own, addresses).items():
            mode = _OURS_ONLY if name in _SERVICES or name == "simulator" else _FOR_OTHERS
            (folder / name).mkdir(exist_ok=True)
            for file, text in files.items():
                _write(folder / name / file, text, mode)
            done.folders.append(name)
    except OSError as error:
        raise SecretsRefused(f"secrets: {error.filename or folder}: {error.strerror or type(error).__name__}") from None
    return done


def put(folder: Path, name: str, value: str) -> None:
    """Replaces one secret of the store, such as sealing_keys after a rotation; init() then hands it out.

    Raises SecretsRefused for an unknown name or malformed keys.
    """
    if name not in _names():
        raise SecretsRefused(f"secrets: there is no secret {name!r}; there are: {', '.join(_names())}")
    if name == "sealing_keys":
        _check_sealing_keys(value.strip())
    try:
        (folder / _STORE).mkdir(parents=True, exist_ok=True)
        _write(folder / _STORE / name, value.strip(), _OURS_ONLY)
    except OSError as error:
        raise SecretsRefused(f"secrets: {error.filename or folder}: {error.strerror}") from None


def _names() -> tuple[str, ...]:
    passwords = ("postgres_password", "grafana_password", *(f"rabbitmq_{user}" for user in RIGHTS))
    return (*passwords, "sealing_keys")


def _make_missing(store: Path, done: Handed) -> dict[str, str]:
    """Every secret of the store by name."""
    found: dict[str, str] = {}
    for name in _names():
        path = store / name
        if not path.exists():
            made = Sealer.new_key() if name == "sealing_keys" else secrets.token_hex(_PASSWORD_BYTES)
            _write(path, made, _OURS_ONLY)
            done.made.append(name)
        found[name] = path.read_text("utf-8").strip()
    authority, key = store / "simulator_ca.pem", store / "simulator_ca.key"
    if not (authority.exists() and key.exists()):
        made_authority, made_key = make_authority()
        _write(key, made_key, _OURS_ONLY)
        _write(authority, made_authority, _OURS_ONLY)
        done.made.append(authority.name)
    return found | {path.name: path.read_text("utf-8") for path in (authority, key)}


def _brought(folder: Path | None) -> dict[str, str]:
    """What the operator brings; a name that nobody knows is most likely a slip, so it is refused."""
    if folder is None or not folder.is_dir():
        return {}
    known = {"database_url", "rabbitmq_url", "database_ca.pem", "rabbitmq_ca.pem", "sealing_keys", _MANAGEMENT}
    known |= {f"rabbitmq_url_{service}" for service in _SERVICES}
    found = {path.name: path.read_text("utf-8").strip() for path in folder.iterdir() if path.is_file()}
    unknown = {name for name in found if name not in known and not name.startswith(".")}
    if unknown:
        raise SecretsRefused(
            f"secrets: {', '.join(sorted(unknown))} in {folder}: not known; known are {', '.join(sorted(known))}"
        )
    return {name: text for name, text in found.items() if name in known and text}


def _handouts(own: Mapping[str, str], addresses: Addresses) -> dict[str, dict[str, str]]:
    """Folder -> file -> text."""
    handed = {service: _of_service(service, own, addresses) for service in _SERVICES}
    handed["console"] |= {"monitor_password": own[f"rabbitmq_{MONITOR}"], "grafana_password": own["grafana_password"]}
    handed["console"][_MANAGEMENT] = _management(own, addresses)
    hashes = {user: _hash(own[f"rabbitmq_{user}"]) for user in RIGHTS}
    return handed | {
        "postgres": {"postgres_password": own["postgres_password"]},
        "rabbitmq": {"definitions.json": json.dumps(definitions(VHOST, hashes), indent=1)},
        "grafana": {"grafana_password": own["grafana_password"]},
        "simulator": {"authority.pem": own["simulator_ca.pem"], "authority.key": own["simulator_ca.key"]},
    }


def _management(own: Mapping[str, str], addresses: Addresses) -> str:
    """The management API with an administrator; empty for a broker elsewhere whose administrator was not brought."""
    if any(name.startswith("rabbitmq_url") for name in own):
        return own.get(_MANAGEMENT, "")
    made = f"http://{ADMINISTRATOR}:{own[f'rabbitmq_{ADMINISTRATOR}']}@{addresses.management}/api"
    return own.get(_MANAGEMENT, made)


def _of_service(service: str, own: Mapping[str, str], addresses: Addresses) -> dict[str, str]:
    database = f"postgresql://apiconnect:{own['postgres_password']}@{addresses.database}/apiconnect"
    broker = f"amqp://{service}:{own[f'rabbitmq_{service}']}@{addresses.broker}/{VHOST}"
    files = {
        "database_url": own.get("database_url", database),
        "rabbitmq_url": own.get(f"rabbitmq_url_{service}", own.get("rabbitmq_url", broker)),
    }
    public = Path(certifi.where()).read_text("utf-8")
    for server in ("database", "rabbitmq"):
        if any(name.startswith(f"{server}_url") for name in own):
            files[f"{server}_ca.pem"] = own.get(f"{server}_ca.pem", public)
    if service in _OPENS_SEALED:
        files["sealing_keys"] = own["sealing_keys"]
    if service in _CALLS_PROVIDERS:
        # The usual authorities, and the simulator's, which may speak for the host `simulator` and for nobody else.
        files["provider_ca.pem"] = public + own["simulator_ca.pem"]
    return files


def _hash(password: str) -> str:
    # The salt follows from the password, which is random itself, so that the file stays the same from start to start.
    return password_hash(password, hashlib.sha256(b"salt" + password.encode()).digest()[:4])


def _check_sealing_keys(text: str) -> None:
    try:
        Sealer.parse(text)
    except ValueError as error:
        raise SecretsRefused(f"secrets: sealing_keys: {error}") from None


def _write(path: Path, text: str, mode: int) -> None:
    """Whole or not at all, and with its rights from the beginning."""
    if path.exists() and path.read_text("utf-8") == text:
        return
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    half.chmod(mode)  # whatever the process's mask says
    half.replace(path)
