"""oauth2.googleapis.com/token: service accounts acting for a mailbox (jwt-bearer, RFC 7523)."""

from __future__ import annotations

from typing import Any

import jwt

from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.faults import Call
from services.simulator.core.google_errors import grant_answer
from services.simulator.core.registry import Grant, ServiceAccount
from services.simulator.handler import World
from services.simulator.http.pipeline import Job, perform
from services.simulator.http.wire import Request

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
RIGHT_AUDIENCES = ("https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v4/token")
LONGEST_SECONDS = 3600
SKEW_SECONDS = 300


class GoogleToken:
    """Answers /token. `knows(request)` says whether a path is the token endpoint's."""

    def __init__(self, world: World) -> None:
        self.world = world

    def knows(self, request: Request) -> bool:
        return request.segments in (["token"], ["oauth2", "v4", "token"])

    async def respond(self, request: Request) -> Answer:
        form = request.form()
        claims = _unverified(form.get("assertion", ""))
        call = Call("google", "token", mailbox=str(claims.get("sub", "")), client=str(claims.get("iss", "")))
        return await perform(self.world, Job(call, request, lambda: self._token(request, form, claims)))

    def _token(self, request: Request, form: dict[str, str], claims: dict[str, Any]) -> Answer:
        if form.get("grant_type") != GRANT_TYPE:
            return grant_answer("grant_type", form.get("grant_type", ""))
        account = self.world.accounts.get(str(claims.get("iss", "")).lower())
        problem = self._problem(request, form["assertion"], claims, account) if form.get("assertion") else "assertion"
        if problem or account is None:
            return grant_answer(problem)
        now = self.world.now()
        lifetime = int(self.world.token_lifetime)
        token = f"ya29.c.{self.world.unique()}{self.world.unique()}"
        scopes = frozenset(str(claims["scope"]).split())
        subject = str(claims["sub"]).lower()
        self.world.grants[token] = Grant(
            "google", account.email, scopes, now + lifetime, subject=subject, project=account.project
        )
        return json_answer(200, {"access_token": token, "expires_in": lifetime, "token_type": "Bearer"})

    def _problem(self, request: Request, assertion: str, claims: dict[str, Any], account: ServiceAccount | None) -> str:
        """A key of INVALID_GRANTS, "" when the token may be issued."""
        if not claims:
            return "assertion"
        if account is None:
            return "account"
        if not _is_signed(assertion, account.public_key):
            return "signature"
        if claims.get("aud") not in (*RIGHT_AUDIENCES, f"{request.base}{request.path}"):
            return "audience"
        if not self._is_timely(claims):
            return "clock"
        scopes = str(claims.get("scope", "")).split()
        if not scopes:
            return "no_scope"
        if not all(scope.startswith("https://") for scope in scopes):
            return "scope"
        return self._delegation_problem(account, str(claims.get("sub", "")).lower(), set(scopes))

    def _delegation_problem(self, account: ServiceAccount, subject: str, scopes: set[str]) -> str:
        if not scopes <= account.scopes:
            return "unauthorized"
        if "@" not in subject:
            return "not_valid_email" if subject else "unauthorized"
        if account.domains and subject.rpartition("@")[2] not in account.domains:
            return "unauthorized"
        return "" if ("google", subject) in self.world.mailboxes else "subject"

    def _is_timely(self, claims: dict[str, Any]) -> bool:
        try:
            issued, expires = float(claims["iat"]), float(claims["exp"])
        except (KeyError, TypeError, ValueError):
            return False
        now = self.world.now()
        short = 0 < expires - issued <= LONGEST_SECONDS
        return short and issued <= now + SKEW_SECONDS and expires >= now - SKEW_SECONDS


def _unverified(assertion: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}
    return claims


def _is_signed(assertion: str, public_key: str) -> bool:
    """Whether the account's key signed it; times and audience are looked at separately, each with its own error."""
    try:
        jwt.PyJWS().decode(assertion, public_key, algorithms=["RS256"])
    except (jwt.PyJWTError, ValueError):
        return False
    return True
