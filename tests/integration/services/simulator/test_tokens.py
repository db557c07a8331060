"""Both token endpoints, asked by the real msal and google-auth over https with the simulator's own authority."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import google.auth.exceptions
import jwt
import msal
import pytest
import requests

SCOPE = ["https://graph.microsoft.com/.default"]
TENANT = "22222222-2222-2222-2222-222222222222"
CLIENT = "11111111-1111-1111-1111-111111111111"
GMAIL = "bounces@corp.example"
SEND = "https://www.googleapis.com/auth/gmail.send"
READ = "https://www.googleapis.com/auth/gmail.readonly"


def test_msal_gets_a_token_that_names_the_apps_roles(bench: Any) -> None:
    answer = bench.msal_app().acquire_token_for_client(SCOPE)
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["roles"] == ["Mail.Read", "Mail.ReadWrite", "Mail.Send"]
    assert (claims["tid"], claims["appid"]) == (TENANT, CLIENT)
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 3599


class _OverHttp:
    """An http client for msal that goes to the simulator's plain http port whatever host it is told."""

    def __init__(self, bench: Any) -> None:
        self.base, self.session = bench.simulator.http_url, bench.session()

    def _sent(self, method: str, url: str, headers: dict[str, str] | None, **more: Any) -> requests.Response:
        split = urlsplit(url)
        told = {**(headers or {}), "X-Forwarded-Host": split.netloc}
        here = self.base + split.path + (f"?{split.query}" if split.query else "")
        answer: requests.Response = self.session.request(method, here, headers=told, timeout=20, **more)
        return answer

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> requests.Response:
        return self._sent("GET", url, headers, params=params)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> requests.Response:
        return self._sent("POST", url, headers, params=params, data=data)

    def close(self) -> None:
        self.session.close()


def test_msal_works_over_plain_http_with_microsofts_own_addresses(bench: Any) -> None:
    authority = f"https://login.microsoftonline.com/{TENANT}"
    app = msal.ConfidentialClientApplication(
        CLIENT, client_credential="s3cret", authority=authority, http_client=_OverHttp(bench)
    )
    assert "access_token" in app.acquire_token_for_client(SCOPE)


def test_the_published_key_verifies_a_token(bench: Any) -> None:
    token = bench.msal_app().acquire_token_for_client(SCOPE)["access_token"]
    keys = bench.session().get(f"{bench.simulator.https_url}/{TENANT}/discovery/v2.0/keys", timeout=20).json()
    key = jwt.PyJWK(keys["keys"][0])
    assert jwt.decode(token, key, audience="https://graph.microsoft.com", algorithms=["RS256"])["ver"] == "1.0"


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"secret": "wrong"}, "invalid_client", 7000215),
        ({"client": "99999999-9999-9999-9999-999999999999"}, "unauthorized_client", 700016),
    ],
)
def test_msal_reports_what_is_wrong_with_the_key(bench: Any, change: dict[str, str], error: str, code: int) -> None:
    answer = bench.msal_app(**change).acquire_token_for_client(SCOPE)
    assert (answer["error"], answer["error_codes"]) == (error, [code])
    assert set(answer) >= {"error_description", "timestamp", "trace_id", "correlation_id", "error_uri"}


def test_an_expired_secret_has_its_own_code(bench: Any) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    bench.control.register_app(TENANT, CLIENT, "s3cret", secret_expires_at=yesterday)
    assert bench.msal_app().acquire_token_for_client(SCOPE)["error_codes"] == [7000222]


def test_an_unknown_tenant_fails_at_discovery(bench: Any) -> None:
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        bench.msal_app(tenant="33333333-3333-3333-3333-333333333333")


@pytest.mark.parametrize(
    ("form", "code"),
    [({"scope": "Mail.Read"}, 70011), ({"scope": "https://graph.microsoft.com/Mail.Read"}, 1002012),
     ({"client_secret": ""}, 7000218), ({"grant_type": "password"}, 70003)],
)  # fmt: skip
def test_a_wrong_token_request_is_refused(bench: Any, form: dict[str, str], code: int) -> None:
    right = {"client_id": CLIENT, "client_secret": "s3cret", "scope": SCOPE[0], "grant_type": "client_credentials"}
    url = f"{bench.simulator.http_url}/{TENANT}/oauth2/v2.0/token"
    assert bench.session().post(url, right | form, timeout=20).json()["error_codes"] == [code]


@pytest.mark.parametrize("number", [50196, 65001, 700024, 700027, 53003, 90033])
def test_any_entra_error_can_be_forced(bench: Any, number: int) -> None:
    app = bench.msal_app()
    bench.control.force(f"aadsts:{number}", match={"provider": "microsoft", "operation": "token"}, times=1)
    form = {"client_id": CLIENT, "client_secret": "s3cret", "scope": SCOPE[0], "grant_type": "client_credentials"}
    url = f"{bench.simulator.http_url}/{TENANT}/oauth2/v2.0/token"
    assert bench.session().post(url, form, timeout=20).json()["error_codes"] == [number]
    assert "access_token" in app.acquire_token_for_client(SCOPE)


def test_google_auth_gets_a_token_for_a_mailbox(bench: Any) -> None:
    assert bench.google_token().startswith("ya29.")


def _refused(bench: Any, **change: Any) -> str:
    with pytest.raises(google.auth.exceptions.RefreshError) as refused:
        bench.google_token(**change)
    return str(refused.value.args[0])


def test_a_scope_that_is_not_delegated_fails_the_whole_token(bench: Any) -> None:
    public = bench.control
    bench.key_file = public.register_service_account(
        "mail-app@proj.iam.gserviceaccount.com", scopes=[SEND], token_uri=f"{bench.simulator.https_url}/token"
    )
    assert bench.google_token(scopes=(SEND,))
    assert _refused(bench, scopes=(SEND, READ)).startswith("unauthorized_client: Client is unauthorized")


def test_a_mailbox_that_is_not_there_is_an_invalid_grant(bench: Any) -> None:
    assert _refused(bench, subject="nobody@corp.example") == "invalid_grant: Invalid email or User ID"


def test_a_rotated_key_is_an_invalid_signature(bench: Any) -> None:
    bench.control.register_service_account("mail-app@proj.iam.gserviceaccount.com")
    assert _refused(bench) == "invalid_grant: Invalid JWT Signature."


def test_an_unknown_account_is_not_found(bench: Any) -> None:
    bench.key_file = bench.key_file | {"client_email": "other@proj.iam.gserviceaccount.com"}
    assert _refused(bench) == "invalid_grant: Invalid grant: account not found"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"iat": -7200, "exp": -3600}, "short-lived token"), ({"iat": 0, "exp": 7200}, "short-lived token"),
     ({"aud": "https://other.example/token"}, "audience")],
)  # fmt: skip
def test_a_clock_or_audience_that_is_off_is_refused(bench: Any, change: dict[str, Any], words: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": bench.key_file["client_email"], "sub": GMAIL, "scope": READ, "iat": 0, "exp": 3600}
    claims |= {"aud": "https://oauth2.googleapis.com/token"} | change
    claims |= {name: now + int(claims[name]) for name in ("iat", "exp")}
    assertion = jwt.encode(claims, bench.key_file["private_key"], algorithm="RS256")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    answer = bench.session().post(f"{bench.simulator.http_url}/token", form, timeout=20)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    assert words in answer.json()["error_description"]


def test_a_token_that_is_over_is_refused_by_both_apis(bench: Any) -> None:
    graph, gmail = bench.graph(), bench.gmail()
    assert bench.control.expire_tokens() == 2
    refused = graph("GET", "/messages")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer realm")
    assert gmail("GET", "/profile").json()["error"]["errors"][0]["reason"] == "authError"


def test_the_certificate_is_worth_nothing_without_its_authority(bench: Any) -> None:
    session = bench.session()
    session.verify = True
    with pytest.raises(requests.exceptions.SSLError):
        session.get(f"{bench.simulator.https_url}/_control/health", timeout=20)
