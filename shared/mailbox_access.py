"""The way to a mailbox: a provider client that holds a fresh token and draws on the mailbox's budget.

Whoever opens a mailbox (fetcher, sender) does it here, so that tokens are refreshed once, and limits are kept once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import get_ident

from shared.domain.api_keys import ApiKey
from shared.domain.errors import (
    BrokerOrDatabaseDown,
    CredentialsRejected,
    Diagnosis,
    Permanent,
    SendingLimitReached,
    SendNotYet,
    Temporary,
)
from shared.domain.mailboxes import Capability, Provider, domain_of
from shared.domain.sending import SendLimits
from shared.domain.tokens import AccessToken, TokenSubject, needs_refresh
from shared.providers.pacing import PacedBudget, Reservation
from shared.providers.provider import Mailbox, ProviderRecord
from shared.storage import api_keys, budgets, new_secrets, send_places, tokens
from shared.storage.database import Database
from shared.storage.sealing import SealBroken, Sealer
from shared.storage.tokens import TokenRow
from shared.telemetry import TOKENS_REFRESHED, log

_LEASE = timedelta(seconds=60)
_RETRY_BROKEN = timedelta(hours=1)
_RETRY_NEW_SECRET = timedelta(minutes=15)
_RETRY_TEMPORARY = timedelta(seconds=30)
_SENDING_PAUSE_SECONDS = 900.0  # after a refusal to send that names no time
_RECHECK_DENIED = timedelta(hours=24)
# What a provider says when the credential is good but one of the scopes is not given to it.
_SCOPE_DENIED = frozenset({"unauthorized_client", "invalid_scope", "access_denied"})


@dataclass(frozen=True, slots=True)
class OpenMailbox:
    """A mailbox that is ready for use. granted: what its token may do; empty means that the token does not say.

    sending(): around each `mailbox.send` or `send_draft`: a place under the provider's send rate for one mail. Never waits: raises
    SendNotYet, with the next free moment, while none is free or the provider has refused to send more.
    """

    mailbox: Mailbox
    key: ApiKey
    record: ProviderRecord
    granted: frozenset[Capability]
    sending: Callable[[], AbstractContextManager[None]]

    def may(self, capability: Capability) -> bool:
        """Whether to try: it is granted, or nobody knows."""
        return not self.granted or capability in self.granted


class Tokens:
    """Fresh access tokens out of the shared table, each refreshed by one process at a time."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        catalogue: Mapping[Provider, ProviderRecord],
        holder: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """holder: names this process for refresh leases."""
        self._database = database
        self._sealer = sealer
        self._catalogue = catalogue
        self._holder = holder
        self._sleep = sleep

    def fresh(self, key: ApiKey, address: str, scopes: str, *, renew: bool = False) -> AccessToken:
        """A token with ten minutes left, refreshed here and now if need be. renew: even if it looks fresh.

        Raises CredentialsRejected, PermissionMissing, MailboxMissing, Throttled, ProviderUnavailable; Permanent, without
        asking, for what was refused within the hour.
        """
        record = self._catalogue[key.provider]
        subject = record.token_subject(key, address, scopes)
        with self._database.transaction() as connection:
            row = tokens.use(connection, self._sealer, subject, key.api_key_id)
        if row.token is not None and not renew and not needs_refresh(row.expires_at, _now()):
            return row.token
        return self.refresh(row, key, address, renew=renew)

    def refresh(self, row: TokenRow, key: ApiKey, address: str, *, renew: bool = False) -> AccessToken:
        """Refreshes under the token's lease; if another process holds it, waits for that one's result."""
        if row.retry_at is not None and row.retry_at > _now() and row.failure is not None:
            # Not CredentialsRejected: what was refused may have been this mailbox alone, and not the key.
            raise Permanent(f"token for {address}: {row.failure.cause}", row.failure, mailbox=address, call="token")
        holder = f"{self._holder}-{get_ident()}"
        for _ in range(40):
            with self._database.transaction() as connection:
                mine = tokens.take_lease(connection, row.token_id, holder, _LEASE)
            if mine:
                return self._acquire(row, key, address, holder, renew=renew)
            if row.token is not None and not renew and not needs_refresh(row.expires_at, _now(), timedelta(minutes=1)):
                return row.token  # still good for this work, and somebody is renewing it
            self._sleep(0.25)
            with self._database.transaction() as connection:
                again = tokens.by_id(connection, self._sealer, row.token_id)
            if again is None:
                break
            renew = renew and again.expires_at == row.expires_at
            row = again
            if row.token is not None and not renew and not needs_refresh(row.expires_at, _now()):
                return row.token
        raise Temporary(f"token for {address}: another process is refreshing it", retry_after=10)

    def _acquire(self, row: TokenRow, key: ApiKey, address: str, holder: str, *, renew: bool) -> AccessToken:
        """Asks the provider; no transaction is open meanwhile."""
        with self._database.transaction() as connection:
            current = tokens.by_id(connection, self._sealer, row.token_id)
        if current is not None and current.token is not None and current.expires_at != row.expires_at:
            self._give_back(row, holder, current.token)
            return current.token  # refreshed between our look and our lease
        try:
            token = self.acquire(key, address, row.subject.scopes)
        except Permanent as error:
            TOKENS_REFRESHED.labels(key.provider, "refused").inc()
            with self._database.transaction() as connection:
                tokens.fail(connection, row.token_id, holder, error.diagnosis, _RETRY_BROKEN)
            raise
        except Exception:
            TOKENS_REFRESHED.labels(key.provider, "failed").inc()
            with self._database.transaction() as connection:
                tokens.fail(connection, row.token_id, holder, None, _RETRY_TEMPORARY)
            raise
        TOKENS_REFRESHED.labels(key.provider, "refreshed").inc()
        self._give_back(row, holder, token)
        return token

    def acquire(self, key: ApiKey, address: str, scopes: str) -> AccessToken:
        """A token straight from the provider: by the key's new secret if one waits, and by the one in use if that is refused.

        A new secret that works takes the other one's place; a refused one is noted on the key and tried again later.
        """
        ask = self._catalogue[key.provider].acquire_token
        if not key.next_secret:
            return ask(key, address, scopes)
        try:
            token = ask(key.with_next_secret(), address, scopes)
        except CredentialsRejected as error:
            if error.diagnosis.code in _SCOPE_DENIED:
                raise  # not the secret's fault: the old one would be told the same
            log.warning("key.new_secret_refused", key=key.uid, code=error.diagnosis.code)
            with self._database.transaction() as connection:
                new_secrets.refused(connection, key.api_key_id, key.next_credential, error.diagnosis, _RETRY_NEW_SECRET)
            return ask(key, address, scopes)
        with self._database.transaction() as connection:
            if new_secrets.worked(connection, key.api_key_id, key.next_credential):
                log.info("key.new_secret_works", key=key.uid)
        return token

    def _give_back(self, row: TokenRow, holder: str, token: AccessToken) -> None:
        with self._database.transaction() as connection:
            tokens.store(connection, self._sealer, row.token_id, holder, token)


class MailboxAccess:
    """Opens mailboxes for one process."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        catalogue: Mapping[Provider, ProviderRecord],
        holder: str,
        *,
        observe: Callable[[str, str, float], None] | None = None,
    ) -> None:
        """holder: names this process for leases and budget slots. observe(provider, what, seconds): see PacedBudget."""
        self._observe = observe or (lambda provider, what, seconds: None)
        self.tokens = Tokens(database, sealer, catalogue, holder)
        self._database = database
        self._sealer = sealer
        self._catalogue = catalogue
        self._holder = holder

    def send_limits(self, provider: Provider, differing: Mapping[str, int | None]) -> SendLimits:
        """What the provider lets a mailbox send. differing: fields in which the mailbox's key differs from its figures."""
        return replace(self._catalogue[provider].send_limits, **differing)

    @contextmanager
    def open(
        self, api_key_id: int, address: str, wanted: Capability, *, patience: float = 30.0
    ) -> Iterator[OpenMailbox]:
        """A client for the mailbox `address` with the widest token up to `wanted` that the key is allowed.

        wanted SEND: one that sends, comes first where requests are few, and also reads and writes drafts where the key may.
        Raises the errors of Tokens.fresh. patience: seconds that a call waits for the budget before it raises Throttled.
        """
        key = self._key(api_key_id, address)
        record = self._catalogue[key.provider]
        scopes, granted = self._scopes(record, key, address, wanted)
        budget = self.budget(record, key, address, patience=patience, first=wanted is Capability.SEND)

        held: list[AccessToken] = []

        def token(renew: bool) -> AccessToken:
            # Asked for before each call: the table is asked only when the token in hand won't do any more.
            if renew or not held or needs_refresh(held[0].expires_at, _now()):
                held[:] = [self.tokens.fresh(key, address, scopes, renew=renew)]
            return held[0]

        try:
            sending = partial(self._sending, record, key, address)
            yield OpenMailbox(record.open_mailbox(key, address, token, budget), key, record, granted, sending)
        finally:
            with suppress(BrokerOrDatabaseDown):  # the slots expire by themselves
                budget.close()

    def _key(self, api_key_id: int, address: str) -> ApiKey:
        try:
            with self._database.transaction() as connection:
                return api_keys.load(connection, self._sealer, api_key_id)
        except SealBroken as broken:
            diagnosis = Diagnosis(
                "seal-broken",
                "The key's stored secret can't be opened: its sealing key is not in APICONNECT_SEALING_KEYS.",
                "Add the old sealing key to APICONNECT_SEALING_KEYS, or enter the key's secret again.",
            )
            raise CredentialsRejected(str(broken), diagnosis, mailbox=address, call="open") from None

    @contextmanager
    def _sending(self, record: ProviderRecord, key: ApiKey, address: str) -> Iterator[None]:
        scope = record.budget_scope(key, address)
        with self._database.transaction() as connection:
            place = send_places.take(connection, scope, self._holder, record.send_limits_of(key).per_minute)
        if not place.holder:
            raise SendNotYet(
                f"{address} may not send before {place.free_at.isoformat()}",
                until=place.free_at,
                retry_after=place.wait,
            )
        try:
            yield
        except SendingLimitReached as refused:
            with self._database.transaction() as connection:
                send_places.block(connection, scope, refused.retry_after or _SENDING_PAUSE_SECONDS)
            raise
        finally:
            with suppress(BrokerOrDatabaseDown), self._database.transaction() as connection:
                send_places.give_back(connection, scope, place)

    def budget(
        self, record: ProviderRecord, key: ApiKey, address: str, *, patience: float = 30.0, first: bool = False
    ) -> PacedBudget:
        """This process's part of the mailbox's allowance. Close it at the end of the work. first: for sends."""
        scope = record.budget_scope(key, address)
        limits = record.limits
        holder = f"{self._holder}-{get_ident()}"

        def reserve(units: float, slots: int) -> Reservation:
            with self._database.transaction() as connection:
                found = budgets.reserve(
                    connection,
                    scope,
                    holder,
                    rate=limits.units_per_second,
                    burst=limits.burst,
                    slot_limit=limits.slots,
                    units=units,
                    slots=slots,
                    kept=0.0 if first else limits.kept_for_sends,
                    first=first,
                )
            return Reservation(found.units, found.slots, found.retry_in, budgets.SLOT_SECONDS * 0.8)

        def block(seconds: float) -> None:
            with self._database.transaction() as connection:
                budgets.block(connection, scope, seconds)

        observe = partial(self._observe, record.provider.value)
        return PacedBudget(reserve, limits, name=address, block=block, observe=observe, patience_seconds=patience)

    def _scopes(
        self, record: ProviderRecord, key: ApiKey, address: str, wanted: Capability
    ) -> tuple[str, frozenset[Capability]]:
        """The widest scope set up to `wanted` that a token is given for, tried from the widest; what was denied within a
        day is not tried again. Microsoft has one scope set, and the token says what was granted.
        """
        if wanted is Capability.SEND:
            return self._sending_scopes(record, key, address)
        ladder = [c for c in (Capability.DELETE, Capability.MODIFY, Capability.READ) if _reach(c) <= _reach(wanted)]
        with self._database.transaction() as connection:
            known = api_keys.capabilities(connection, key.api_key_id, domain_of(address), _RECHECK_DENIED)
        denied = {
            scopes for c in ladder if c is not Capability.READ and known.get(c) is False for scopes in record.scopes[c]
        }
        refusal: Permanent | None = None
        for capability in ladder:
            for scopes in record.scopes[capability]:
                if scopes in denied:
                    continue
                try:
                    token = self.tokens.fresh(key, address, scopes)
                except Permanent as error:
                    if error.diagnosis.code not in _SCOPE_DENIED:
                        raise
                    refusal = error
                    denied.add(scopes)
                    continue
                granted = record.granted(token, scopes)
                self._note_granted(key, address, granted, known, scopes)
                # Rights that Exchange itself gives to the app are in no token: there a probe has found them.
                probed = frozenset(c for c, good in known.items() if good) if granted else frozenset()
                return scopes, granted | probed
            if refusal is not None and known.get(capability) is not False:
                code = refusal.diagnosis.code
                self._note(key, address, capability, granted=False, scopes=record.scopes[capability][0], code=code)
        assert refusal is not None  # READ's own scope set is always tried
        raise refusal

    def _sending_scopes(self, record: ProviderRecord, key: ApiKey, address: str) -> tuple[str, frozenset[Capability]]:
        """The first of the sending scope sets that a token is given for. A refused set is not asked for again within the hour."""
        with self._database.transaction() as connection:
            known = api_keys.capabilities(connection, key.api_key_id, domain_of(address), _RECHECK_DENIED)
        refusal: Permanent | None = None
        for scopes in record.sending_scopes:
            try:
                token = self.tokens.fresh(key, address, scopes)
            except Permanent as error:
                if error.diagnosis.code not in _SCOPE_DENIED:
                    raise
                refusal = error
                continue
            granted = record.granted(token, scopes)
            self._note_granted(key, address, granted, known, scopes)
            probed = frozenset(c for c, good in known.items() if good) if granted else frozenset()
            return scopes, granted | (probed if len(record.sending_scopes) == 1 else frozenset())
        assert refusal is not None  # there is at least one set
        if known.get(Capability.SEND) is not False:
            code, narrowest = refusal.diagnosis.code, record.sending_scopes[-1]
            self._note(key, address, Capability.SEND, granted=False, scopes=narrowest, code=code)
        raise refusal

    def _note_granted(
        self,
        key: ApiKey,
        address: str,
        granted: frozenset[Capability],
        known: Mapping[Capability, bool],
        scopes: str,
    ) -> None:
        for capability in granted:
            if known.get(capability) is not True:
                self._note(key, address, capability, granted=True, scopes=scopes, code="")

    def _note(
        self, key: ApiKey, address: str, capability: Capability, *, granted: bool, scopes: str, code: str
    ) -> None:
        with self._database.transaction() as connection:
            api_keys.record_capability(
                connection, key.api_key_id, domain_of(address), capability, granted=granted, scopes=scopes, code=code
            )


def _reach(capability: Capability) -> int:
    return (Capability.READ, Capability.MODIFY, Capability.DELETE).index(capability)


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


__all__ = ["MailboxAccess", "OpenMailbox", "TokenSubject", "Tokens"]
