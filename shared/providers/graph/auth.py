"""Access tokens from Entra: msal does the protocol, our transport carries it.

A new msal application is made for every token. msal would otherwise replay a refusal from its own cache for a minute,
and a person who has just corrected a key would be told the old reason again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import jwt
import msal

from shared.domain.api_keys import ApiKey
from shared.domain.errors import CredentialsRejected, Diagnosis
from shared.domain.mailboxes import Capability, Provider
from shared.domain.tokens import AccessToken, TokenSubject
from shared.providers.answers import Answer, Call, unreadable
from shared.providers.graph.errors import explain
from shared.providers.http import Transport

DEFAULT_SCOPE = ".default"
_ROLES: Mapping[str, frozenset[Capability]] = {
    "Mail.Read": frozenset({Capability.READ}),
    "Mail.ReadWrite": frozenset({Capability.READ, Capability.MODIFY, Capability.DELETE}),
    "Mail.Send": frozenset({Capability.SEND}),
}


class _Reply:
    """An answer in the shape that msal expects of its HTTP client."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.headers = dict(answer.headers)
        self.text = answer.body.decode("utf-8", "replace")

    def raise_for_status(self) -> None:
        """Refusals never get this far."""


class _MsalHttp:
    """msal's HTTP client: our transport. A refusal is raised at once, with its reason, which msal would partly drop."""

    def __init__(self, transport: Transport, call: Call) -> None:
        self._transport = transport
        self._call = call

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> _Reply:
        return self._send("GET", url, params, headers, None)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> _Reply:
        return self._send("POST", url, params, headers, data)

    def close(self) -> None:
        """The transport outlives msal's application."""

    def _send(self, method: str, url: str, params: Any, headers: Any, data: Any) -> _Reply:
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"
        sent = dict(headers or {})
        body = urlencode(data) if isinstance(data, Mapping) else data
        if isinstance(data, Mapping):
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self._transport.request(self._call, method, url, headers=sent, body=body)
        if answer.status >= 400:
            raise explain(answer)
        answer.object()
        return _Reply(answer)


def token_subject(key: ApiKey, address: str, scopes: str) -> TokenSubject:
    """One token opens every mailbox of the tenant, so the address is not part of it."""
    return TokenSubject(Provider.MICROSOFT, key.credential, key.tenant_id, full_scope(key, scopes))


def full_scope(key: ApiKey, scopes: str) -> str:
    """`.default` with the API it is for: the clouds differ (deployments page of Graph)."""
    return f"{key.endpoints.api}/{DEFAULT_SCOPE}" if scopes == DEFAULT_SCOPE else scopes


def acquire_token(transport: Transport, key: ApiKey, address: str, scopes: str) -> AccessToken:
    """A new token by client credentials.

    Raises CredentialsRejected for what the key's owner must correct, ProviderUnavailable or Throttled for the rest.
    """
    call = Call(Provider.MICROSOFT, "token", address or key.tenant_id)
    asked_at = transport.clock()
    try:
        app = msal.ConfidentialClientApplication(
            key.client_id,
            client_credential=key.client_secret,
            authority=f"{key.endpoints.authority}/{key.tenant_id}",
            instance_discovery=False,
            http_client=_MsalHttp(transport, call),
        )
        found = app.acquire_token_for_client([full_scope(key, scopes)])
    except (ValueError, KeyError) as refused:
        raise _refused_by_msal(call, refused) from None
    value, seconds = found.get("access_token"), found.get("expires_in")
    if not isinstance(value, str) or not value or not isinstance(seconds, int | float):
        raise unreadable(call, "access_token or expires_in is missing")
    return AccessToken(value, datetime.fromtimestamp(asked_at + seconds, UTC))


def _refused_by_msal(call: Call, refused: Exception) -> Exception:
    """msal checks the authority's form before it asks, and the discovery document's after."""
    if isinstance(refused, KeyError):
        return unreadable(call, f"the discovery document lacks {refused}")
    words = "The login address of the key is refused: it must be https:// and a host, followed by the tenant."
    diagnosis = Diagnosis(
        "invalidAuthority",
        words,
        "Correct the Tenant ID and the key's login address.",
        "https://learn.microsoft.com/entra",
    )
    return CredentialsRejected(f"{call}: {words}", diagnosis, mailbox=call.mailbox, call=call.operation)


def granted(token: AccessToken, scopes: str) -> frozenset[Capability]:
    """What the token's `roles` claim shows. Empty means unknown: the token may be opaque, and rights given in Exchange
    (RBAC for Applications) are in no token. The signature is Graph's to check, not ours."""
    try:
        claims = jwt.decode(token.value, options={"verify_signature": False})
    except jwt.PyJWTError:
        return frozenset()
    roles = claims.get("roles")
    found: set[Capability] = set()
    for role in roles if isinstance(roles, list) else ():
        found |= _ROLES.get(str(role), frozenset())
    return frozenset(found)
