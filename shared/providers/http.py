"""The one request function: every byte to and from a provider passes here, tokens included.

A session per thread, no environment (no proxies, no netrc, no CA variables that would silently win), no cookies, no
redirects, no retries; a byte cap on every answer. What a status means is the provider's error table's to say.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import parse_qs, quote

import requests

from shared.domain.errors import Diagnosis, OutcomeUnknown, PayloadRejected, ProviderUnavailable
from shared.providers import wire
from shared.providers.answers import Answer, Call, unreadable

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_REFUSAL_BYTES = 256 * 1024
_CHUNK = 64 * 1024

_SECRET_FIELDS = ("client_secret", "client_assertion", "assertion", "refresh_token")
_DID_NOTHING = frozenset({501, 505, 507})  # of the 5xx: not offered, and no room to store it
_SHORTEST_SECRET = 6  # anything shorter would cut ordinary words

Observe = Callable[[str, str, int, float], None]
"""observe(provider, operation, status, seconds): status 0 when no answer came."""


def _ignore(provider: str, operation: str, status: int, seconds: float) -> None:
    """The default for those who don't measure."""


class Transport:
    """How this process reaches the providers; made once.

    ca_file: PEM of the authorities to trust, None for the ones that requests ships. connect_timeout, read_timeout:
    seconds, the latter between two bytes; total_timeout: seconds for a whole answer. pool_size: kept connections per
    host and thread. clock: epoch seconds, for what a provider states relative to now.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        total_timeout: float = 300.0,
        pool_size: int = 2,
        user_agent: str = "api-connect",
        observe: Observe = _ignore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self._verify: str | bool = ca_file or True
        self._timeouts = (connect_timeout, read_timeout)
        self._total_timeout = total_timeout
        self._pool_size = pool_size
        self._user_agent = user_agent
        self._observe = observe
        self._local = threading.local()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._lock = threading.Lock()

    def request(
        self,
        call: Call,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
        repeatable: bool = True,
    ) -> Answer:
        """Sends one request and reads the answer, whatever its status, up to `max_bytes`.

        Raises ProviderUnavailable for a network fault, OutcomeUnknown if the request may have been carried out and is
        not `repeatable`, PayloadRejected for an address that can't be called at all. Not repeatable: no connection, no name
        and no TLS is ProviderUnavailable still, since nothing was written; a cut or a time-out after that, and a status of
        500 to 599 or 300 to 399, is OutcomeUnknown; 400 to 499 is a refusal, even when its text does not arrive. A 308 without a
        Location is an answer: Google's uploads say "go on" with it.
        """
        started, status = time.monotonic(), 0
        wire.begin()
        try:
            with self._session().request(
                method,
                url,
                data=body,
                headers=dict(headers or {}),
                stream=True,
                timeout=self._timeouts,
                allow_redirects=False,
            ) as response:
                status = response.status_code
                cap = max_bytes if status < 400 else max(max_bytes, MAX_REFUSAL_BYTES)
                content, truncated = self._read(call, response, cap, started + self._total_timeout)
                found = {name.lower(): value for name, value in response.headers.items()}
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
            raise _bad_address(call) from None
        except (requests.RequestException, ProviderUnavailable) as fault:
            raise _network_fault(call, fault, done_nothing=repeatable or _did_nothing(status)) from None
        finally:
            self._observe(call.provider, call.operation, status, time.monotonic() - started)
        if status >= 500 and not repeatable and not _did_nothing(status):
            raise OutcomeUnknown(f"{call}: status {status}, the work may have been done")
        if 300 <= status < 400 and (status != 308 or "location" in found):
            redirect = unreadable(call, f"status {status}: redirects are not followed, a token would travel along")
            raise redirect if repeatable else OutcomeUnknown(str(redirect))
        if status >= 400:
            content = _without_what_we_sent(content, headers or {}, body)
        return Answer(call, status, found, content, truncated, self.clock())

    def close(self) -> None:
        """Closes the connections of all threads. For the end of the process."""
        with self._lock:
            for session in list(self._sessions):
                session.close()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.verify = self._verify
            session.headers["User-Agent"] = self._user_agent
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # one session serves many customers
            adapter = wire.NotingAdapter(pool_connections=8, pool_size=self._pool_size)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
            with self._lock:
                self._sessions.add(session)
        return session

    @staticmethod
    def _read(call: Call, response: requests.Response, max_bytes: int, deadline: float) -> tuple[bytes, bool]:
        content = bytearray()
        for chunk in response.iter_content(_CHUNK):
            content += chunk
            if len(content) > max_bytes:
                return bytes(content[:max_bytes]), True
            if time.monotonic() > deadline:
                raise unreadable(call, "it did not end in time")
        return bytes(content), False


def _without_what_we_sent(content: bytes, headers: Mapping[str, str], body: bytes | str | None) -> bytes:
    """A refusal without the token or secret that it was sent, should it repeat them: its text ends in logs and in rows."""
    named = {name.lower(): value for name, value in headers.items()}
    sent = [named.get("authorization", "").rpartition(" ")[2]]
    if named.get("content-type", "").startswith("application/x-www-form-urlencoded") and body is not None:
        fields = parse_qs(body if isinstance(body, str) else body.decode("utf-8", "replace"))
        sent += [value for name in _SECRET_FIELDS for value in fields.get(name, ())]
    for secret in sent:
        if len(secret) >= _SHORTEST_SECRET:
            content = content.replace(secret.encode(), b"[secret]").replace(
                quote(secret, safe="").encode(), b"[secret]"
            )
    return content


def _did_nothing(status: int) -> bool:
    """Whether it is certain that nothing was done: nothing was written, or it was refused."""
    return not wire.was_written() or 400 <= status < 500 or status in _DID_NOTHING


def _network_fault(call: Call, fault: Exception, *, done_nothing: bool) -> ProviderUnavailable:
    if isinstance(fault, ProviderUnavailable):
        return fault if done_nothing else OutcomeUnknown(str(fault))
    message = f"{call}: {type(fault).__name__}: {str(fault)[:200]}"
    return ProviderUnavailable(message) if done_nothing else OutcomeUnknown(message)


def _bad_address(call: Call) -> PayloadRejected:
    diagnosis = Diagnosis(
        "invalidEndpoint",
        "The base URL of the key is not an address that can be called.",
        "Correct the key's endpoints: https://, a host, no path for the API.",
    )
    return PayloadRejected(f"{call}: {diagnosis.cause}", diagnosis, mailbox=call.mailbox, call=call.operation)
