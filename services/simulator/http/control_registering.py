"""Control calls that put something in: apps, service accounts, mailboxes, mails."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.simulator.core.mailboxes import MailboxOptions
from services.simulator.core.registry import FULL_SCOPE, GRAPH_ROLES, App, ServiceAccount
from services.simulator.handler import World
from services.simulator.http.control_parsing import ControlError, flag, moment, provider_named, taken

_GMAIL_SCOPES = ("send", "readonly", "modify", "metadata", "compose", "insert", "labels")
EVERY_SCOPE = (*(f"https://www.googleapis.com/auth/gmail.{name}" for name in _GMAIL_SCOPES), FULL_SCOPE)


def register_app(world: World, document: dict[str, Any]) -> Any:
    """{tenant, client_id, secret, secret_expires_at?, roles?, names?, certificate_public_key?}."""
    given = taken(
        document, "tenant", "client_id", "secret", "secret_expires_at", "roles", "names", "certificate_public_key"
    )
    expires = given.get("secret_expires_at")
    app = App(
        tenant=str(given["tenant"]), client_id=str(given["client_id"]), secret=str(given.get("secret", "")),
        secret_expires_at=datetime.fromtimestamp(moment(expires, 0), UTC) if expires is not None else None,
        roles=frozenset(map(str, given.get("roles", GRAPH_ROLES))),
        names=tuple(str(name).lower() for name in given.get("names", ())),
        certificate_public_key=str(given.get("certificate_public_key", "")),
    )  # fmt: skip
    world.apps[app.tenant.lower(), app.client_id.lower()] = app
    return {"tenant": app.tenant, "client_id": app.client_id, "roles": sorted(app.roles)}


def register_account(world: World, document: dict[str, Any]) -> Any:
    """{email, public_key?, scopes?, domains?, project?, token_uri?}; without a key one is made: answer has key_file."""
    given = taken(document, "email", "public_key", "scopes", "domains", "project", "token_uri")
    email, key_file = str(given["email"]), None
    public_key = str(given.get("public_key", ""))
    project = str(given.get("project", "1234567890"))
    if not public_key:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public_key = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        key_file = _key_file(email, private, world.unique(), project, given.get("token_uri"))
    world.accounts[email.lower()] = ServiceAccount(
        email, public_key, frozenset(map(str, given.get("scopes", EVERY_SCOPE))),
        tuple(str(one).lower() for one in given.get("domains", ())), project,
    )  # fmt: skip
    return {"email": email, "key_file": key_file}


def _key_file(email: str, private_key: str, key_id: str, project: str, token_uri: Any) -> dict[str, str]:
    return {
        "type": "service_account", "project_id": email.partition("@")[2].partition(".")[0] or "simulated",
        "private_key_id": key_id, "private_key": private_key, "client_email": email,
        "client_id": f"1{project:0>20}", "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": str(token_uri or "https://oauth2.googleapis.com/token"), "universe_domain": "googleapis.com",
    }  # fmt: skip


def register_mailboxes(world: World, document: dict[str, Any]) -> Any:
    """{mailboxes: [...]} or one: {provider, address, message_ids?, custom_headers?, sent_items_delay?,
    sent_items_delay_most?, licensed?, tenant?, denied_clients?, display_name?, folders?, mails_before?}. A mailbox that is there gets the options given, keeps its mail.
    """
    listed = document.get("mailboxes", [document])
    for one in listed:
        _register_mailbox(world, one)
    return {"mailboxes": len(listed)}


def _register_mailbox(world: World, document: dict[str, Any]) -> None:
    names = (
        "provider", "address", "message_ids", "custom_headers", "sent_items_delay", "sent_items_delay_most", "licensed", "tenant",
        "denied_clients", "display_name", "folders", "mails_before",
    )  # fmt: skip
    given = taken(document, *names)
    provider = provider_named(given)
    policy = str(given.get("message_ids", "keep" if provider == "microsoft" else "rewrite"))
    headers = str(given.get("custom_headers", "keep"))
    if policy not in ("keep", "rewrite") or headers not in ("keep", "drop", "drop_until_primed"):
        raise ControlError("message_ids is keep or rewrite, custom_headers is keep, drop or drop_until_primed")
    options = MailboxOptions(
        message_ids=policy, custom_headers=headers, sent_items_delay=float(given.get("sent_items_delay", 0)),
        sent_items_delay_most=float(given.get("sent_items_delay_most", 0)), licensed=flag(given, "licensed", True), tenant=str(given.get("tenant", "")),
        denied_clients=tuple(map(str, given.get("denied_clients", ()))), display_name=str(given.get("display_name", "")),
        mails_before=int(given.get("mails_before", 0)),
    )  # fmt: skip
    mailbox = world.register_mailbox(provider, str(given["address"]), options)
    for name in given.get("folders", ()):
        create = getattr(mailbox, "create_folder", None) or mailbox.create_label  # type: ignore[attr-defined]
        create(str(name))


def plant(world: World, document: dict[str, Any]) -> Any:
    """{mails: [...]} or one: {provider, mailbox, raw: base64, folder?="inbox", received?, unread?=true}.

    provider and mailbox beside `mails` are defaults for each. Answer: the ids in order (Graph: the changeable ones).
    """
    listed = document.get("mails", [document])
    defaults = {name: document[name] for name in ("provider", "mailbox", "folder") if name in document}
    ids, lasting = [], []
    now = world.now()
    for one in listed:
        given = {**defaults, **one}
        provider = provider_named(given)
        mailbox = world.mailbox(provider, str(given["mailbox"]))
        if mailbox is None:
            raise ControlError(f"no {provider} mailbox {given['mailbox']!r}")
        mail = world.plant(
            mailbox, b64decode(given["raw"]), str(given.get("folder", "inbox")), moment(given.get("received"), now),
            unread=flag(given, "unread", True),
        )  # fmt: skip
        ids.append(mail.public_id)
        lasting.append(mail.lasting_id)
    return {"ids": ids, "lasting_ids": lasting}
