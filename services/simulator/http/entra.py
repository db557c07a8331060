"""Microsoft Entra: discovery documents and the token endpoint for client credentials."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.faults import Call
from services.simulator.core.registry import App, Grant
from services.simulator.handler import World
from services.simulator.http.pipeline import Job, entra_refusal, perform
from services.simulator.http.wire import Request

_TENANT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[\w-]+(\.[\w-]+)+")
_SHARED = ("common", "organizations", "consumers")
_DEFAULT_SCOPE = "/.default"
GRAPH_RESOURCE = "00000003-0000-0000-c000-000000000000"


class Entra:
    """login.microsoftonline.com. `knows(request)` says whether a path is Entra's."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = world.unique()

    def knows(self, request: Request) -> bool:
        return any(part in ("oauth2", ".well-known", "discovery") for part in request.segments[1:3])

    async def respond(self, request: Request) -> Answer:
        tenant, *rest = request.segments
        rest = [part for part in rest if part != "v2.0"]
        if rest[:1] == [".well-known"]:
            return await self._job("discovery", request, lambda: self._configuration(request, tenant))
        if rest[:2] == ["discovery", "instance"]:
            return self._instances(request)
        if rest[:2] == ["discovery", "keys"]:
            return json_answer(200, {"keys": [self._public_key()]})
        if rest[:2] == ["oauth2", "token"] and request.method == "POST":
            return await self._job("token", request, lambda: self._token(request, tenant))
        return json_answer(404, {"error": "not_found"})

    async def _job(self, operation: str, request: Request, work: Any) -> Answer:
        client = request.form().get("client_id", "") if request.body else ""
        return await perform(self.world, Job(Call("microsoft", operation, client=client), request, work))

    def _configuration(self, request: Request, tenant: str) -> Answer:
        if tenant not in _SHARED and not self._tenant_id(tenant):
            malformed = not _TENANT.fullmatch(tenant)
            words = {"tenant": tenant} if malformed else {"tenant": tenant, "error": "invalid_tenant"}
            return entra_refusal(self.world, request, 900023 if malformed else 90002, **words)
        base = f"{request.base}/{tenant}"
        version = "/v2.0" if "v2.0" in request.segments else ""
        issuer_tenant = "{tenantid}" if tenant in _SHARED else tenant
        return json_answer(200, {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": f"{request.base}/{issuer_tenant}{version}",
            "request_uri_parameter_supported": False,
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
        })  # fmt: skip

    def _instances(self, request: Request) -> Answer:
        asked = request.asked("authorization_endpoint")
        tenant = asked.split("/")[3] if asked.count("/") > 3 else "common"
        names = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
        one = {"preferred_network": names[0], "preferred_cache": names[1], "aliases": names}
        endpoint = f"{request.base}/{tenant}/v2.0/.well-known/openid-configuration"
        return json_answer(200, {"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [one]})

    def _token(self, request: Request, tenant: str) -> Answer:
        form = request.form()
        client = form.get("client_id", "")
        number, words = self._problem(tenant, form)
        if number:
            return entra_refusal(self.world, request, number, **({"client": client, "tenant": tenant} | words))
        app = self._app(self._tenant_id(tenant), client)
        assert app is not None
        return self._issue(app, request)

    def _problem(self, tenant: str, form: dict[str, str]) -> tuple[int, dict[str, str]]:
        """(AADSTS number, words), number 0 when the token may be issued. Entra's order of checks."""
        if not _TENANT.fullmatch(tenant):
            return 900023, {}
        tenant_id = self._tenant_id(tenant)
        if not tenant_id:
            return 90002, {}
        if not form.get("grant_type"):
            return 900144, {}
        if form["grant_type"] != "client_credentials":
            return 70003, {"scope": form["grant_type"]}
        app = self._app(tenant_id, form.get("client_id", ""))
        if app is None:
            return 700016, {}
        scope = form.get("scope", "")
        if not scope.startswith("https://"):
            return 70011, {"scope": scope}
        if not scope.endswith(_DEFAULT_SCOPE):
            return 1002012, {"scope": scope}
        return self._credential_problem(app, form), {}

    def _credential_problem(self, app: App, form: dict[str, str]) -> int:
        if assertion := form.get("client_assertion"):
            return self._assertion_problem(app, assertion)
        if not form.get("client_secret"):
            return 7000218
        if form["client_secret"] != app.secret:
            return 7000215
        now = datetime.fromtimestamp(self.world.now(), UTC)
        return 7000222 if app.secret_expires_at is not None and app.secret_expires_at <= now else 0

    def _assertion_problem(self, app: App, assertion: str) -> int:
        try:
            jwt.decode(
                assertion, app.certificate_public_key, algorithms=["RS256", "PS256"], options={"verify_aud": False}
            )
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
            return 700024
        except (jwt.PyJWTError, ValueError, TypeError):
            return 700027
        return 0

    def _issue(self, app: App, request: Request) -> Answer:
        now = self.world.now()
        lifetime = int(self.world.token_lifetime)
        claims = {
            "aud": "https://graph.microsoft.com", "iss": f"https://sts.windows.net/{app.tenant}/", "iat": int(now),
            "nbf": int(now), "exp": int(now) + lifetime, "app_displayname": "API Connect", "appid": app.client_id,
            "appidacr": "1", "idtyp": "app", "oid": str(uuid.uuid5(uuid.NAMESPACE_OID, app.client_id)),
            "roles": sorted(app.roles), "tid": app.tenant, "uti": self.world.unique()[:22], "ver": "1.0",
        }  # fmt: skip
        token = jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.key_id, "x5t": self.key_id})
        self.world.grants[token] = Grant("microsoft", app.client_id, app.roles, now + lifetime, tenant=app.tenant)
        body = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        return json_answer(200, body, ("Cache-Control", "no-store, no-cache"), ("Pragma", "no-cache"))

    def _tenant_id(self, name: str) -> str:
        """The tenant behind a GUID or one of its domains, "" when unknown."""
        for app in self.world.apps.values():
            if name.lower() == app.tenant.lower() or name.lower() in app.names:
                return app.tenant
        return ""

    def _app(self, tenant: str, client: str) -> App | None:
        return self.world.apps.get((tenant.lower(), client.lower()))

    def _public_key(self) -> dict[str, Any]:
        key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return key | {"use": "sig", "kid": self.key_id, "x5t": self.key_id}
