"""A small client of the control API for demo, benchmarks and tests; needs nothing but the standard library."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

TIMEOUT_SECONDS = 60
_BULK = 1000


class ControlRefused(Exception):
    """The control API said no; the text says why."""


class ControlClient:
    """Talks to `<http_url>/_control`. Methods return the answer's JSON unless they say otherwise."""

    def __init__(self, http_url: str) -> None:
        self.base = http_url.rstrip("/") + "/_control/"
        # Proxies of the environment must not come between a test and its simulator.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """One call. Raises ControlRefused with the simulator's words on any 4xx."""
        asked = {name: value for name, value in query.items() if value is not None}
        url = self.base + path + (f"?{urlencode(asked)}" if asked else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            with problem:
                raise ControlRefused(json.load(problem)["error"]) from None

    def reset(self) -> None:
        self.call("POST", "reset", {})

    def register_app(self, tenant: str, client_id: str, secret: str, **more: Any) -> None:
        """more: secret_expires_at (ISO), roles, names, certificate_public_key."""
        self.call("POST", "apps", {"tenant": tenant, "client_id": client_id, "secret": secret} | more)

    def register_service_account(self, email: str, **more: Any) -> dict[str, Any] | None:
        """more: public_key, scopes, domains, project, token_uri. Returns the JSON key file if no public_key was given."""
        key_file: dict[str, Any] | None = self.call("POST", "service-accounts", {"email": email} | more)["key_file"]
        return key_file

    def register_mailbox(self, provider: str, address: str, **options: Any) -> None:
        """options: message_ids, custom_headers, sent_items_delay(_most), licensed, tenant, denied_clients, folders, …"""
        self.call("POST", "mailboxes", {"provider": provider, "address": address} | options)

    def plant(self, provider: str, mailbox: str, raw: bytes, **more: Any) -> str:
        """One mail; more: folder, received (ISO or seconds), unread. Returns its id."""
        return self.plant_many(provider, mailbox, [raw], **more)[0]

    def plant_many(self, provider: str, mailbox: str, raws: Iterable[bytes], **more: Any) -> list[str]:
        """Many mails with the same folder, time and flag. Returns their ids in order."""
        mails = [{"raw": b64encode(raw).decode()} | more for raw in raws]
        ids: list[str] = []
        for start in range(0, len(mails), _BULK):
            body = {"provider": provider, "mailbox": mailbox, "mails": mails[start : start + _BULK]}
            ids += self.call("POST", "mails", body)["ids"]
        return ids

    def set_latency(self, ms: float, provider: str | None = None, batch_item_ms: float | None = None) -> None:
        self.call("POST", "latency", {"ms": ms, "provider": provider, "batch_item_ms": batch_item_ms})

    def set_limits(self, provider: str | None = None, mailbox: str | None = None, **wishes: Any) -> None:
        """wishes: amount, window (s), concurrent, starts_empty, enforced, units={operation: cost}."""
        self.call("POST", "limits", {"provider": provider, "mailbox": mailbox} | wishes)

    def limits(self, provider: str | None = None, mailbox: str | None = None) -> list[dict[str, Any]]:
        """What was observed per (client, mailbox)."""
        found: list[dict[str, Any]] = self.call("GET", "limits", provider=provider, mailbox=mailbox)["observed"]
        return found

    def restart_statistics(self) -> None:
        self.call("POST", "statistics/restart", {})

    def statistics(self, mailbox: str | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", "statistics", mailbox=mailbox)
        return found

    def force(self, kind: str | int, *, match: dict[str, str] | None = None, **more: Any) -> None:
        """One forced error; more: when, times, probability, retry_after, detail, body."""
        self.call("POST", "faults", {"kind": str(kind), "match": match or {}} | more)

    def clear_faults(self) -> None:
        self.call("DELETE", "faults")

    def faults(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "faults")["rules"]
        return found

    def answer_sends(self, kind: str = "hard", *, recipient: str = "", domain: str = "", **more: Any) -> None:
        """Mail to a recipient or domain is answered with a report; more: shape, delay (s), folder."""
        self.call("POST", "answers", {"kind": kind, "recipient": recipient, "domain": domain} | more)

    def set_seed(self, seed: int) -> None:
        self.call("POST", "seed", {"seed": seed})

    def expire_tokens(self, provider: str | None = None) -> int:
        """End every token issued so far. Returns how many."""
        return int(self.call("POST", "tokens", {"expire": True, "provider": provider})["expired"])

    def set_token_lifetime(self, seconds: float) -> None:
        self.call("POST", "tokens", {"lifetime_seconds": seconds})

    def removals(self, mailbox: str | None = None, provider: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "removals", mailbox=mailbox, provider=provider, after=after)[
            "removals"
        ]
        return found

    def sent(self, mailbox: str | None = None) -> list[dict[str, Any]]:
        """What was sent; `raw` as bytes."""
        found = self.call("GET", "sent", mailbox=mailbox)["sent"]
        return [one | {"raw": b64decode(one["raw"])} for one in found]

    def deliveries(self, mailbox: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """What left, one entry for each time, without its content."""
        found: list[dict[str, Any]] = self.call("GET", "deliveries", mailbox=mailbox, after=after)["deliveries"]
        return found

    def set_send_limits(self, provider: str | None = None, mailbox: str | None = None, **wishes: Any) -> None:
        """wishes: per_minute, messages_per_day, recipients_per_day (None: no limit), over_minute, enforced."""
        self.call("POST", "send-limits", {"provider": provider, "mailbox": mailbox} | wishes)

    def send_limits(self, provider: str | None = None, mailbox: str | None = None) -> list[dict[str, Any]]:
        """What was observed of each mailbox's sends."""
        found: list[dict[str, Any]] = self.call("GET", "send-limits", provider=provider, mailbox=mailbox)["observed"]
        return found

    def mails(self, provider: str, mailbox: str) -> list[dict[str, Any]]:
        """Every mail of a mailbox: id, lasting_id, places, unread, message_id, subject, received, sha256, size."""
        found: list[dict[str, Any]] = self.call("GET", "mailbox", provider=provider, mailbox=mailbox)["mails"]
        return found

    def raw(self, provider: str, mailbox: str, mail_id: str) -> bytes:
        return b64decode(self.call("GET", "mail", provider=provider, mailbox=mailbox, id=mail_id)["raw"])

    def mailboxes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "mailboxes")["mailboxes"]
        return found
