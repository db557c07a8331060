"""Access tokens from Google: google-auth signs the request, our transport carries it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

from shared.domain.api_keys import ApiKey
from shared.domain.errors import CredentialsRejected, Diagnosis
from shared.domain.mailboxes import Capability, Provider, normalize_address
from shared.domain.tokens import AccessToken, TokenSubject
from shared.providers.answers import Answer, Call, unreadable
from shared.providers.gmail.errors import explain
from shared.providers.http import Transport

READONLY = "https://www.googleapis.com/auth/gmail.readonly"
MODIFY = "https://www.googleapis.com/auth/gmail.modify"
SEND = "https://www.googleapis.com/auth/gmail.send"
FULL = "https://mail.google.com/"

# One scope that is not delegated fails the whole token: ask for exactly what a job needs, the narrowest first.
SCOPES: Mapping[Capability, tuple[str, ...]] = {
    Capability.READ: (READONLY, MODIFY, FULL),
    Capability.MODIFY: (MODIFY, FULL),
    Capability.DELETE: (FULL,),
    Capability.SEND: (SEND, MODIFY, FULL),
}

# To send with: one that also looks into the mailbox if it is delegated. Google's token is for all of a set or none.
SENDING_SCOPES = (MODIFY, f"{READONLY} {SEND}", FULL, SEND)


class _Reply:
    """An answer in the shape that google-auth expects of its transport."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = dict(answer.headers)
        self.data = answer.body


class _GoogleHttp:
    """google-auth's transport: ours. A refusal is raised at once, so that google-auth neither sleeps nor repeats."""

    def __init__(self, transport: Transport, call: Call) -> None:
        self._transport = transport
        self._call = call

    def __call__(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> _Reply:
        answer = self._transport.request(self._call, method, url, headers=headers, body=body)
        if answer.status >= 400:
            raise explain(answer)
        answer.object()
        return _Reply(answer)


def token_subject(key: ApiKey, address: str, scopes: str) -> TokenSubject:
    """A token is for one mailbox and one scope set."""
    return TokenSubject(Provider.GOOGLE, key.credential, normalize_address(address), " ".join(sorted(scopes.split())))


def acquire_token(transport: Transport, key: ApiKey, address: str, scopes: str) -> AccessToken:
    """A new token by the JWT bearer grant (RFC 7523), standing in for `address`. scopes: space-separated.

    Raises CredentialsRejected or MailboxMissing for what a person must correct, else ProviderUnavailable or Throttled.
    """
    call = Call(Provider.GOOGLE, "token", address)
    info = {
        "client_email": key.service_account_email,
        "private_key": key.private_key,
        "private_key_id": key.private_key_id or None,
        "token_uri": key.endpoints.authority,
    }
    try:
        make: Any = service_account.Credentials.from_service_account_info
        credentials = make(info, scopes=scopes.split())
    except ValueError:
        raise _unusable_key(call) from None
    try:
        delegated = credentials.with_subject(address)
        delegated.refresh(_GoogleHttp(transport, call))
    except GoogleAuthError:
        raise unreadable(call, "no access token in it") from None
    value, expiry = delegated.token, delegated.expiry
    if not isinstance(value, str) or not value or not isinstance(expiry, datetime):
        raise unreadable(call, "access_token or expires_in is missing")
    return AccessToken(value, expiry.replace(tzinfo=UTC))


def _unusable_key(call: Call) -> CredentialsRejected:
    diagnosis = Diagnosis(
        "private_key",
        "The stored private key can't be read.",
        "Paste the service account's whole JSON key file again.",
        "https://cloud.google.com/iam/docs/keys-create-delete",
    )
    return CredentialsRejected(f"{call}: {diagnosis.cause}", diagnosis, mailbox=call.mailbox, call=call.operation)


def granted(token: AccessToken, scopes: str) -> frozenset[Capability]:
    """What the scopes allow: Google gives a token only if every scope of it is delegated."""
    held = set(scopes.split())
    return frozenset(capability for capability, sets in SCOPES.items() if held & set(sets))
