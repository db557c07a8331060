"""Keys of a document: which fields belong to which provider, and where the secret comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.console.core.credentials import ServiceAccount, read_service_account
from services.console.core.documents import KeyPart
from services.console.core.faults import Path
from services.console.core.merging import Scene, said
from services.console.core.reading import Entry
from shared.domain.api_keys import GOOGLE_ENDPOINTS, MICROSOFT_ENDPOINTS
from shared.domain.installation import KeyRecord

_FIELDS = {
    "microsoft": ("tenant_id", "client_id", "client_secret"),
    "google": ("service_account_email", "private_key"),
}


def default_uid(customer: str | None, name: str) -> str:
    """The uid of a key or server that the document gives none: owner and name, which are unique together."""
    return f"{customer or 'system'}:{name}"


def merge_keys(scene: Scene) -> None:
    """Keys, with the secrets that the document brings."""
    for entry in scene.document.keys:
        part = entry.part
        present = _present(scene, part)
        uid = part.uid or (present.uid if present else default_uid(part.customer, part.name))
        if not scene.only_once((*entry.path, "name"), "keys", uid):
            continue
        scene.must_exist((*entry.path, "customer"), "customers", part.customer, "customer")
        if present is not None:
            scene.same_customer((*entry.path, "customer"), present.customer, part.customer, "key")
            if present.provider != part.provider:
                scene.fault((*entry.path, "provider"), f"this key is a {present.provider} key", "make another key")
                continue
        if _fields_fit(scene, entry):
            base = present or _new(part, uid)
            record = _with_fields(base, part)
            finished = _credentials(scene, entry.path, part, record, present)
            if finished is not None:
                scene.wanted.keys[uid] = finished
                continue
        scene.wanted.keys[uid] = present or _new(part, uid)
    _names_once(scene)


def _present(scene: Scene, part: KeyPart) -> KeyRecord | None:
    keys = scene.current.keys
    if part.uid:
        return keys.get(part.uid)
    return next((key for key in keys.values() if (key.customer, key.name) == (part.customer, part.name)), None)


def _new(part: KeyPart, uid: str) -> KeyRecord:
    endpoints = MICROSOFT_ENDPOINTS if part.provider == "microsoft" else GOOGLE_ENDPOINTS
    return KeyRecord(
        uid, part.name, part.provider, part.customer, authority_url=endpoints.authority, api_url=endpoints.api
    )


def _fields_fit(scene: Scene, entry: Entry[KeyPart]) -> bool:
    fits = True
    for provider, names in _FIELDS.items():
        for name in names if provider != entry.part.provider else ():
            if getattr(entry.part, name) is not None:
                scene.fault(
                    (*entry.path, name), f"is a field of {provider} keys", f"remove it, or write provider: {provider}"
                )
                fits = False
    return fits


def _with_fields(base: KeyRecord, part: KeyPart) -> KeyRecord:
    names = ("name", "tenant_id", "client_id", "service_account_email", "secret_expires_on")
    changes: dict[str, Any] = {
        name: value for name, value in said(part, *names).items() if value is not None or name == "secret_expires_on"
    }
    if part.send_limits is not None:
        changes["send_limits"] = part.send_limits.model_dump(exclude_unset=True)
    if part.endpoints and part.endpoints.authority:
        changes["authority_url"] = part.endpoints.authority
    if part.endpoints and part.endpoints.api:
        changes["api_url"] = part.endpoints.api
    return replace(base, **changes)


def _credentials(
    scene: Scene, path: Path, part: KeyPart, record: KeyRecord, present: KeyRecord | None
) -> KeyRecord | None:
    """The record with its fingerprint, or None after noting why it can't have one."""
    name = "client_secret" if part.provider == "microsoft" else "private_key"
    if getattr(part, name) is not None:
        secret = scene.outside.secrets.get((*path, name))
        if secret is None:  # the handler has noted why it can't be read
            return None
        return _sealed_under(scene, path, record, secret)
    if present is None:
        scene.fault(
            (*path, name), "is missing, and no secret is stored for this key yet", "add {file: path} or {env: NAME}"
        )
        return None
    identity = ("tenant_id", "client_id", "service_account_email")
    if any(getattr(present, field) != getattr(record, field) for field in identity):
        scene.fault((*path, name), "is missing, and the key's other credentials change", "give the secret with them")
        return None
    return record


def _sealed_under(scene: Scene, path: Path, record: KeyRecord, secret: str) -> KeyRecord | None:
    if record.provider == "microsoft":
        missing = [name for name in ("tenant_id", "client_id") if not getattr(record, name)]
        for name in missing:
            scene.fault((*path, name), "is missing", "copy it from the app's Overview page")
        if missing:
            return None
        credential = scene.outside.fingerprint("microsoft", record.tenant_id, record.client_id, secret)
        return _brought(scene, (*path, "client_secret"), record, secret, credential)
    try:
        account = read_service_account(secret)
    except ValueError as error:
        reason, _, fix = str(error).partition("; ")
        scene.fault((*path, "private_key"), reason, fix)
        return None
    return _google(scene, path, record, account)


def _google(scene: Scene, path: Path, record: KeyRecord, account: ServiceAccount) -> KeyRecord | None:
    email = record.service_account_email or account.email
    if not email:
        scene.fault((*path, "service_account_email"), "is missing", "add it: a PEM block does not name its account")
        return None
    if account.email and account.email != email:
        scene.fault(
            (*path, "service_account_email"),
            "is not the account of the JSON file",
            "remove it, or give that account's file",
        )
        return None
    credential = scene.outside.fingerprint("google", email, account.pem)
    finished = _brought(scene, (*path, "private_key"), record, account.pem, credential)
    if finished is None or finished.credential != credential:
        return finished
    key_id = account.key_id or (record.private_key_id if credential == record.credential else "")
    return replace(finished, service_account_email=email, private_key_id=key_id)


def _brought(scene: Scene, path: Path, record: KeyRecord, secret: str, credential: str) -> KeyRecord | None:
    """The record with the secret that the document brings, unless `keys rotate-secret` has the key on its way already."""
    if credential == record.next_credential:
        return record  # it waits beside the one in use, and takes its place once it has worked
    if credential == record.previous_credential:
        fix = "put the new secret there; to go back to this one, use apiconnect keys rotate-secret"
        scene.fault(path, "holds the secret that was replaced by keys rotate-secret", fix)
        return None
    scene.wanted.secrets[record.uid] = secret
    return replace(record, credential=credential)


def _names_once(scene: Scene) -> None:
    seen: dict[tuple[str | None, str], str] = {}
    for key in scene.known("keys").values():
        first = seen.setdefault((key.customer, key.name), key.uid)
        if first != key.uid:
            scene.fault(("keys",), f"two keys of one owner are named {key.name!r}", "give them different names")
