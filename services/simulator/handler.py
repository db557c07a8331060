"""The simulated world: registrations, mailboxes, tokens, limits, forced errors and the log of what happened.

Everything runs on one event loop, so nothing here locks. Whoever needs the time asks `world.now()`.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from services.simulator.core.answering import AnswerRule, answer_for
from services.simulator.core.answers import Answer, Refused
from services.simulator.core.faults import Call, FaultRule, choose
from services.simulator.core.gmail_mailbox import GmailMailbox
from services.simulator.core.google_errors import gmail_answer
from services.simulator.core.graph_errors import graph_answer
from services.simulator.core.graph_mailbox import GraphMailbox
from services.simulator.core.header_fields import field as header_field
from services.simulator.core.limits import GMAIL_ALLOWANCE, GMAIL_UNITS, GRAPH_ALLOWANCE, Allowance, Meter, changed
from services.simulator.core.mailboxes import Mailbox, MailboxOptions, StoredMail
from services.simulator.core.registry import App, Grant, ServiceAccount
from services.simulator.core.send_limits import (
    GOOGLE_SENDS,
    MICROSOFT_SENDS,
    SendAllowance,
    SendExcess,
    SendMeter,
    changed_sends,
)
from services.simulator.core.sending import as_sent, recipients_of
from services.simulator.settings import SimulatorSettings


@dataclass(slots=True)
class Latency:
    """Milliseconds a request takes, and an item inside a batch."""

    request_ms: float = 0.0
    batch_item_ms: float = 0.0


@dataclass(slots=True)
class World:
    """All state of one simulator. `reset` empties it; tokens issued before are then unknown."""

    settings: SimulatorSettings
    now: Callable[[], float] = time.time
    chance: random.Random = field(default_factory=random.Random)
    apps: dict[tuple[str, str], App] = field(default_factory=dict)
    accounts: dict[str, ServiceAccount] = field(default_factory=dict)
    mailboxes: dict[tuple[str, str], Mailbox] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    faults: list[FaultRule] = field(default_factory=list)
    answers: list[AnswerRule] = field(default_factory=list)
    latency: dict[str, Latency] = field(default_factory=dict)
    allowances: dict[str, Allowance] = field(default_factory=dict)
    own_allowances: dict[tuple[str, str], Allowance] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    meters: dict[tuple[str, str, str], Meter] = field(default_factory=dict)
    send_allowances: dict[str, SendAllowance] = field(default_factory=dict)
    own_send_allowances: dict[tuple[str, str], SendAllowance] = field(default_factory=dict)
    send_meters: dict[tuple[str, str], SendMeter] = field(default_factory=dict)
    removals: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    calls_by_mailbox: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    token_lifetime: float = 3599
    metered_since: float = 0.0

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Back to an empty world with the settings' defaults."""
        containers: tuple[Any, ...] = (
            self.apps, self.accounts, self.mailboxes, self.grants, self.faults, self.answers, self.meters,
            self.own_allowances, self.removals, self.sent, self.calls, self.calls_by_mailbox, self.uploads,
            self.own_send_allowances, self.send_meters,
        )  # fmt: skip
        for container in containers:
            container.clear()
        enforced = {"enforced": self.settings.enforce_limits}
        self.allowances = {
            "microsoft": changed(GRAPH_ALLOWANCE, enforced),
            "google": changed(GMAIL_ALLOWANCE, enforced),
        }
        self.send_allowances = {
            "microsoft": changed_sends(MICROSOFT_SENDS, enforced),
            "google": changed_sends(GOOGLE_SENDS, enforced),
        }
        self.units = dict(GMAIL_UNITS)
        both = self.settings.latency_ms
        self.latency = {provider: Latency(both, both) for provider in ("microsoft", "google")}
        self.token_lifetime = self.settings.token_lifetime_seconds
        self.metered_since = self.now()
        self.chance.seed(self.settings.seed)

    def restart_observation(self) -> None:
        """Forget statistics, and let the meters start over."""
        self.calls.clear()
        self.calls_by_mailbox.clear()
        self.restart_meters()

    def restart_meters(self) -> None:
        """Meters as new, with buckets that begin now; requests on their way stay counted until they end."""
        self.metered_since = self.now()
        self.send_meters.clear()
        for (provider, _, address), meter in self.meters.items():
            meter.restart(self.allowance(provider, address), self.metered_since)

    def allowance(self, provider: str, address: str) -> Allowance:
        """The mailbox's own allowance, else its provider's."""
        return self.own_allowances.get((provider, address), self.allowances[provider])

    def register_mailbox(self, provider: str, address: str, options: MailboxOptions) -> Mailbox:
        """A new mailbox, or other options for one that is there."""
        key = (provider, address.lower())
        known = self.mailboxes.get(key)
        if known is not None:
            known.options = options
            return known
        kind = GraphMailbox if provider == "microsoft" else GmailMailbox
        self.mailboxes[key] = created = kind(address, options)
        return created

    def mailbox(self, provider: str, address: str) -> Mailbox | None:
        """The mailbox with what is due shown."""
        found = self.mailboxes.get((provider, address.lower()))
        if found is not None and found.pending:
            found.settle(self.now())
        return found

    def meter(self, provider: str, client: str, address: str) -> Meter:
        """The meter of one application (Graph) or project (Gmail) on one mailbox."""
        key = (provider, client, address.lower())
        found = self.meters.get(key)
        if found is None:
            found = self.meters[key] = Meter(self.allowance(provider, key[2]), self.metered_since)
        return found

    def send_meter(self, provider: str, address: str) -> SendMeter:
        """The meter of one mailbox's sends."""
        key = (provider, address.lower())
        found = self.send_meters.get(key)
        if found is None:
            allowance = self.own_send_allowances.get(key, self.send_allowances[provider])
            found = self.send_meters[key] = SendMeter(allowance)
        return found

    def fault(self, call: Call) -> FaultRule | None:
        return choose(self.faults, call, self.chance.random) if self.faults else None

    def count(self, call: Call, status: int) -> None:
        self.calls[call.provider, call.operation, status] += 1
        if call.mailbox:
            self.calls_by_mailbox[call.provider, call.mailbox.lower(), call.operation, status] += 1

    def unique(self) -> str:
        """32 hex digits, reproducible under a seed."""
        return f"{self.chance.getrandbits(128):032x}"

    def guid(self) -> str:
        """A GUID as the providers put into answers."""
        digits = self.unique()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def log_removal(self, mailbox: Mailbox, mail: StoredMail, mail_id: str, how: str, **more: Any) -> None:
        """One line of the removals log: who took what out, how, and when (UTC, microseconds)."""
        moment = datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="microseconds")
        self.removals.append({
            "provider": mailbox.provider, "mailbox": mailbox.address, "id": mail_id, "lasting_id": mail.lasting_id,
            "how": how, "message_id": mail.message_id, "draft": mail.draft, "at": moment, **more,
        })  # fmt: skip

    def plant(
        self, mailbox: Mailbox, raw: bytes, folder: str, received: float, *, unread: bool = True, visible_at: float = 0
    ) -> StoredMail:
        """Put a mail into a folder or under a label. Raises KeyError for a folder that is not there."""
        if isinstance(mailbox, GraphMailbox):
            target = mailbox.folder_named(folder)
            if target is None:
                raise KeyError(f"no folder {folder!r} in {mailbox.address}")
            mail = mailbox.new_mail(raw, target, received, unread=unread, draft=target.well_known == "drafts")
        else:
            assert isinstance(mailbox, GmailMailbox)
            name = {"junkemail": "SPAM", "deleteditems": "TRASH", "sentitems": "SENT"}.get(folder.lower(), folder)
            label = mailbox.label_id(name)
            if label is None:
                raise KeyError(f"no label {folder!r} in {mailbox.address}")
            mail = mailbox.new_mail(raw, {label, "UNREAD"} if unread else {label}, received)
        return mailbox.add(mail, visible_at, self.now() if visible_at else 0)

    def send(
        self, mailbox: Mailbox, raw: bytes, *, save: bool = True, recipients: list[str] | None = None
    ) -> tuple[bytes, float]:
        """Let a mail leave: limits, policy, Sent Items, delivery to mailboxes here, answers by rule.

        Returns it as sent, and when its copy shows. Raises Refused with the provider's words when a limit is reached.
        """
        to = recipients if recipients is not None else recipients_of(raw)
        moment = self.now() + self._admitted(mailbox, len(to))
        at = datetime.fromtimestamp(moment, UTC)
        final = as_sent(raw, mailbox.provider, mailbox.options, self.unique()[:16], at, mailbox.primed)
        shown_at = moment + self._copy_delay(mailbox)
        if save:
            self.plant(mailbox, final, "sentitems", moment, unread=False, visible_at=shown_at)
        self.sent.append(self._sent_entry(mailbox, raw, final, to, at))
        for recipient in to:
            self._deliver(mailbox, final, recipient, moment)
        return final, shown_at

    def _admitted(self, mailbox: Mailbox, recipients: int) -> float:
        """In how many seconds the mail leaves."""
        admitted = self.send_meter(mailbox.provider, mailbox.address).enter(recipients, self.now())
        if isinstance(admitted, SendExcess):
            raise Refused(self.over_send_limit(mailbox.provider, admitted))
        return admitted

    def over_send_limit(self, provider: str, excess: SendExcess) -> Answer:
        """The provider's own words for too much sent."""
        if provider == "google":
            at = datetime.fromtimestamp(self.now() + excess.retry_after, UTC)
            return gmail_answer("sendingLimit", at.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        code = "ErrorExceededMessageLimit" if excess.limit == "minute" else "ErrorSubmissionQuotaExceeded"
        return graph_answer(code, headers=(("Retry-After", str(math.ceil(excess.retry_after))),))

    def _copy_delay(self, mailbox: Mailbox) -> float:
        least, most = mailbox.options.sent_items_delay, mailbox.options.sent_items_delay_most
        return least if most <= least else self.chance.uniform(least, most)

    def _deliver(self, sender: Mailbox, raw: bytes, recipient: str, moment: float) -> None:
        rule = next((one for one in self.answers if one.fits(recipient)), None)
        if rule is not None:
            at = datetime.fromtimestamp(moment + rule.delay, UTC)
            answer = answer_for(rule, raw, sender.provider, sender.address, recipient, at, self.unique()[:16])
            inbox = rule.folder or "inbox"
            self.plant(sender, answer, inbox, moment + rule.delay, visible_at=moment + rule.delay)
            return
        for provider in ("microsoft", "google"):
            target = self.mailbox(provider, recipient)
            if target is not None:
                self.plant(target, raw, "inbox", moment, visible_at=moment)

    def _sent_entry(self, mailbox: Mailbox, raw: bytes, final: bytes, to: list[str], at: datetime) -> dict[str, Any]:
        before = StoredMail(0, raw, 0.0, set())
        after = StoredMail(0, final, 0.0, set())
        return {
            "provider": mailbox.provider, "mailbox": mailbox.address, "recipients": to, "subject": after.subject,
            "submitted_message_id": before.message_id, "message_id": after.message_id,
            "reference": header_field(raw, "X-ApiConnect-Reference"),
            "at": at.isoformat(timespec="microseconds"), "raw": final,
        }  # fmt: skip
