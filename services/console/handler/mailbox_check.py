"""`mailbox check`: tries what a key may do in a mailbox, says what fails and why, and stores what it learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.api_keys import ApiKey
from shared.domain.mailboxes import Capability, MailboxId, Provider, domain_of
from shared.domain.mailboxes import Connection as MailboxConnection
from shared.domain.tokens import AccessToken
from shared.mailbox_access import MailboxAccess
from shared.providers.probe import ProbeStep, StepState, probe, probe_sending
from shared.providers.provider import ProviderRecord
from shared.storage import api_keys, mailbox_orders, mailboxes, server_checks
from shared.storage import tokens as stored_tokens
from shared.storage.database import Connection, Database
from shared.storage.mailbox_orders import Changed
from shared.storage.sealing import Sealer

# Without these a mailbox is no use at all; without the others it works read-only, by its ledger (A010).
_NEEDED = frozenset({"token", "list", "read"})
_CAPABILITIES = {
    "read": Capability.READ,
    "modify": Capability.MODIFY,
    "delete": Capability.DELETE,
    "send": Capability.SEND,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """The check of one mailbox link. connection: what was stored of reading; `unknown`: a passing fault left it as it was.

    sending: the same of sending, '' where no delivery server sends from it. activated: servers that had waited for this.
    """

    email: str
    provider: str
    owner: str | None
    key: str
    connection: str
    steps: tuple[ProbeStep, ...]
    note: str
    activated: tuple[str, ...] = ()
    sending: str = ""

    @property
    def faulty(self) -> bool:
        """Whether a step failed, or the mailbox could not be reached."""
        states = (self.connection, self.sending or self.connection)
        return states != ("connected", "connected") or any(step.state is StepState.FAILED for step in self.steps)


def check(
    database: Database, sealer: Sealer, catalogue: Mapping[Provider, ProviderRecord], link: Changed, *, holder: str
) -> Checked:
    """Checks one link for what its servers do with it: looking into it, sending from it, or both.

    Each scope set gets a fresh token from the provider, so that a corrected key is seen at once. Changes and sends no mail. Stores the connection and the key's permissions for the mailbox's domain.
    """
    with database.transaction() as connection:
        key = api_keys.load(connection, sealer, link.api_key_id)
        reads, sends = server_checks.used_for(connection, link.mailbox_id)
    record = catalogue[key.provider]
    access = MailboxAccess(database, sealer, catalogue, holder)
    budget = access.budget(record, key, link.email, patience=10.0)
    tokens: dict[str, AccessToken] = {}

    def token_for(scopes: str) -> AccessToken:
        if scopes not in tokens:
            tokens[scopes] = access.tokens.acquire(key, link.email, scopes)
        return tokens[scopes]

    try:
        steps = probe(record, key, link.email, budget, token_for) if reads or not sends else []
        if sends:
            steps.append(probe_sending(record, key, link.email, budget, token_for))
    finally:
        budget.close()
    with database.transaction() as connection:
        state = _store(connection, key, link, steps)
        sending = _store_sending(connection, link, steps, reads=reads) if sends else ""
        waited = server_checks.activate_waiting(connection, link.mailbox_id)
    if sends and not reads:
        state = sending  # nobody looks into it, so nobody tried
    return Checked(
        link.email, link.provider, link.owner, key.name, state, tuple(steps), _note(steps), tuple(waited), sending
    )


def _store_sending(connection: Connection, link: Changed, steps: list[ProbeStep], *, reads: bool) -> str:
    """What the check says about sending from the mailbox. reads: whether it was also looked into; then that says whether it is there."""
    step = next(step for step in steps if step.name == "send")
    if step.state is StepState.FAILED and step.diagnosis is not None:
        server_checks.can_not_send(connection, link.mailbox_id, step.diagnosis)
        return "not connected"
    if step.state is StepState.OK:
        if not reads:
            mailboxes.connected(connection, MailboxId(link.mailbox_id))
        if server_checks.can_send(connection, link.mailbox_id):
            stored_tokens.reset(connection, link.email)  # they may be older than the permission that was missing
        return "connected"
    return "unknown"


def _store(connection: Connection, key: ApiKey, link: Changed, steps: list[ProbeStep]) -> str:
    mailbox_id = MailboxId(link.mailbox_id)
    for step in steps:
        capability = _CAPABILITIES.get(step.name) or step.capability
        if capability is None or step.state is StepState.UNKNOWN:
            continue
        granted = step.state is StepState.OK
        code = step.diagnosis.code if step.diagnosis else ""
        api_keys.record_capability(
            connection,
            key.api_key_id,
            domain_of(link.email),
            capability,
            granted=granted,
            scopes=step.scopes,
            code=code,
        )
    refused = next((s for s in steps if s.name in _NEEDED and s.state is StepState.FAILED and s.diagnosis), None)
    if refused is not None and refused.diagnosis is not None:
        mailboxes.not_connected(connection, mailbox_id, refused.diagnosis)
        return "not connected"
    states = {step.name: step.state for step in steps}
    if states.get("token") is StepState.OK:
        api_keys.accepted(connection, key.api_key_id)
    if states.get("list") is StepState.OK:
        before = mailboxes.load(connection, mailbox_id)
        mailboxes.connected(connection, mailbox_id)
        if before is not None and before.connection is not MailboxConnection.CONNECTED:
            # It may have been waiting for its hourly try.
            mailbox_orders.poll_now(connection, [mailbox_id], requested_for=None)
        return "connected"
    return "unknown"


def _note(steps: list[ProbeStep]) -> str:
    states = {step.name: step.state for step in steps}
    if set(states) == {"send"}:  # nobody looks into it
        undecided = "Not decided: this fault may pass by itself. Try again; nothing was stored."
        return undecided if states["send"] is StepState.UNKNOWN else ""
    if StepState.FAILED in states.values() and states.get("list") is not StepState.OK:
        return ""
    if states.get("list") is not StepState.OK:
        return "Not decided: this fault may pass by itself. Try again; nothing was stored."
    if states.get("modify") is StepState.FAILED:
        return "Works read-only: mail is read and remembered, but stays in the mailbox as it is."
    if states.get("delete") is StepState.FAILED:
        return "Mail can be marked read, moved and trashed, but not deleted for good."
    return ""
