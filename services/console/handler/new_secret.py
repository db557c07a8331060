"""`keys rotate-secret`: a new secret beside the one in use, tried at once, and in use once it has worked (no mail waits for it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.console.core.credentials import read_service_account
from shared.domain.api_keys import ApiKey
from shared.domain.errors import ApiConnectError, Diagnosis, Permanent, Temporary
from shared.domain.mailboxes import Capability, Provider
from shared.mailbox_access import Tokens
from shared.providers.provider import ProviderRecord
from shared.storage import api_keys, new_secrets, sealed_values
from shared.storage.database import Connection, Database
from shared.storage.provisioning import keys, state
from shared.storage.provisioning.keys import KeyLine
from shared.storage.sealing import Sealer

Result = Literal["in use", "waiting", "refused", "unchanged", "dropped", "none waited"]


class SecretRefused(ApiConnectError):
    """What was given is no secret for this key; the text is `reason; fix` and never holds any of it."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """How a rotation stands. diagnosis: why the new secret is refused. detail: what a passing fault said, or empty."""

    key: str
    owner: str | None
    result: Result
    diagnosis: Diagnosis | None = None
    detail: str = ""


def find(connection: Connection, name: str, customer: str | None) -> list[KeyLine]:
    """The keys that go by a name or uid; of one customer's, if one is named."""
    return [
        line
        for line in keys.lines(connection)
        if name in (line.uid, line.name) and (customer is None or line.customer == customer)
    ]


def add(database: Database, sealer: Sealer, line: KeyLine, text: str, *, expires_on: date | None) -> Rotated | None:
    """Stores a new secret beside the one in use; None: it waits now. Raises SecretRefused; SealBroken."""
    with database.transaction() as connection:
        state.lock(connection)
        key = _load(connection, sealer, line)
        secret, key_id = _read(key, text)
        fingerprint = sealed_values.fingerprints(connection, sealer)
        names = (
            ("microsoft", key.tenant_id, key.client_id)
            if key.provider is Provider.MICROSOFT
            else ("google", key.service_account_email)
        )
        credential = fingerprint(*names, secret)
        if credential == key.credential:
            return Rotated(line.name, line.customer, "unchanged")
        new_secrets.add(
            connection,
            key.api_key_id,
            sealed=sealer.seal(secret.encode(), api_keys.belongs_to(key.uid)),
            credential=credential,
            private_key_id=key_id,
            expires_on=expires_on,
        )
    return None


def drop(database: Database, sealer: Sealer, line: KeyLine) -> Rotated:
    """Forgets the new secret that waits."""
    with database.transaction() as connection:
        dropped = new_secrets.drop(connection, _load(connection, sealer, line).api_key_id)
    return Rotated(line.name, line.customer, "dropped" if dropped else "none waited")


def try_now(
    database: Database,
    sealer: Sealer,
    catalogue: Mapping[Provider, ProviderRecord],
    line: KeyLine,
    *,
    holder: str,
) -> Rotated:
    """Asks the provider for a token with the new secret, for a mailbox of the key. Nothing else changes if it is refused."""
    with database.transaction() as connection:
        key = _load(connection, sealer, line)
        address = keys.any_address(connection, key.api_key_id)
    if key.provider is Provider.GOOGLE and not address:
        return Rotated(line.name, line.customer, "waiting", None, "no mailbox uses the key yet, so it can't be tried")
    record = catalogue[key.provider]
    detail = ""
    try:
        Tokens(database, sealer, catalogue, holder).acquire(key, address, record.scopes[Capability.READ][0])
    except Permanent as error:
        detail = error.diagnosis.cause  # of the secret in use, or of the mailbox; the new one's own is on the key
    except Temporary as error:
        detail = str(error)
    with database.transaction() as connection:
        [after] = [found for found in keys.lines(connection) if found.uid == line.uid]
    if after.next_secret_added_at is None:
        return Rotated(line.name, line.customer, "in use")
    refused = Diagnosis(**after.next_secret_failure) if after.next_secret_failure else None
    return Rotated(line.name, line.customer, "refused" if refused else "waiting", refused, detail)


def _load(connection: Connection, sealer: Sealer, line: KeyLine) -> ApiKey:
    return api_keys.load(connection, sealer, keys.row_id(connection, line.uid))


def _read(key: ApiKey, text: str) -> tuple[str, str]:
    """(the secret as it is stored, the private key's id)."""
    stripped = text.strip()
    if not stripped:
        raise SecretRefused("is empty; give the new secret")
    if key.provider is Provider.MICROSOFT:
        return stripped, ""
    try:
        account = read_service_account(stripped)
    except ValueError as error:
        raise SecretRefused(str(error)) from None
    if account.email and account.email != key.service_account_email:
        raise SecretRefused("is of another service account; make the new key for the account that this key names")
    return account.pem, account.key_id
