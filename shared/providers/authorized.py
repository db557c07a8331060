"""A mailbox's calls: each draws on the budget, carries the token, and is repeated once after a 401."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.errors import (
    ApiConnectError,
    OutcomeUnknown,
    SendingLimitReached,
    SendOutcomeUnknown,
    Temporary,
    Throttled,
)
from shared.providers.answers import Answer, Call
from shared.providers.http import MAX_ANSWER_BYTES, Transport
from shared.providers.provider import Budget, TokenSource

Explain = Callable[[Answer], ApiConnectError]
"""Turns an answer with a status of 400 or more into the error to raise."""


class AuthorizedCalls:
    """The requests of one mailbox at one provider. Safe to use from several threads."""

    def __init__(
        self, transport: Transport, provider: str, mailbox: str, tokens: TokenSource, budget: Budget, explain: Explain
    ) -> None:
        self._transport = transport
        self._provider = provider
        self._mailbox = mailbox
        self._tokens = tokens
        self._budget = budget
        self._explain = explain

    def __call__(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        units: float,
        slots: int = 1,
        headers: Mapping[str, str] | None = None,
        json_body: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
        repeatable: bool = True,
        token: bool = True,
    ) -> Answer:
        """One call that must succeed. Raises what the provider's error table says of a refusal.

        body: as it is, with a Content-Type among `headers`; json_body: an object to write as JSON. token False: the address is
        a credential of its own, and may be on another host.
        """
        call = Call(self._provider, operation, self._mailbox)
        sent = dict(headers or {})
        if json_body is not None:
            body = json.dumps(json_body).encode()
            sent["Content-Type"] = "application/json"

        def once(renew: bool) -> Answer:
            if token:
                sent["Authorization"] = f"Bearer {self._tokens(renew).value}"
            with self._budget.spend(units, slots):
                return self._transport.request(
                    call, method, url, headers=sent, body=body, max_bytes=max_bytes, repeatable=repeatable
                )

        answer = once(renew=False)
        if answer.status == 401 and token:
            answer = once(renew=True)
        if answer.status >= 400:
            error = self._explain(answer)
            self.note_refusal(error)
            raise error
        return answer

    def submit(self, operation: str, url: str, *, draft_id: str | None = None, **more: Any) -> Answer:
        """A POST that lets a mail go: made once, for nobody knows what a second one does.

        Raises SendOutcomeUnknown where the mail may have left; any other error means that it did not.
        """
        try:
            return self(operation, "POST", url, repeatable=False, **more)
        except OutcomeUnknown as unknown:
            raise SendOutcomeUnknown(str(unknown), draft_id=draft_id) from None

    def note_refusal(self, error: ApiConnectError) -> None:
        """Tells the budget when the provider asked us to wait. A limit for sending leaves everything else free."""
        if isinstance(error, SendingLimitReached):
            return
        if isinstance(error, Throttled) or (isinstance(error, Temporary) and error.retry_after is not None):
            self._budget.refused(error.retry_after)
