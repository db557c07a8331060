"""msgraph-sdk and azure-identity, as their makers ship them, pointed at a simulator."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx
from azure.identity import ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.graph_request_adapter import options
from msgraph_core import GraphClientFactory

from tests.conformance.exchanges import Exchange

Result = TypeVar("Result")


class _Recorder(httpx.AsyncBaseTransport):
    """The transport that httpx would use itself; it also keeps what it is answered. The SDK's own layers lie above."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._inner = httpx.AsyncHTTPTransport(verify=context)
        self.exchanges: list[Exchange] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        content = await response.aread()
        sent = await request.aread()
        self.exchanges.append(
            Exchange(
                request.method,
                str(request.url),
                response.status_code,
                {name.lower(): value for name, value in response.headers.items()},
                content,
                {name.lower(): value for name, value in request.headers.items()},
                sent,
            )
        )
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class GraphClient:
    """`users` is the API; `run` waits for what it gives. exchanges: all that was answered."""

    def __init__(self, url: str, token_url: str, ca_file: Path, tenant: str, client_id: str, secret: str) -> None:
        self._runner = asyncio.Runner()
        self._credential = ClientSecretCredential(
            tenant,
            client_id,
            secret,
            authority=token_url,
            disable_instance_discovery=True,
            connection_verify=str(ca_file),
        )
        context = ssl.create_default_context(cafile=str(ca_file))
        self._recorder = _Recorder(context)
        native = httpx.AsyncClient(transport=self._recorder, trust_env=False, timeout=30)
        authentication = AzureIdentityAuthenticationProvider(
            self._credential, scopes=["https://graph.microsoft.com/.default"], allowed_hosts=["localhost"]
        )
        client = GraphClientFactory.create_with_default_middleware(client=native, options=options)
        self._native = client
        self.adapter = GraphRequestAdapter(authentication, client=client)
        self.adapter.base_url = f"{url}/v1.0"
        self.service = GraphServiceClient(request_adapter=self.adapter)

    @property
    def exchanges(self) -> list[Exchange]:
        return self._recorder.exchanges

    def mailbox(self, address: str) -> Any:
        """The request builder of one user."""
        return self.service.users.by_user_id(address)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Waits for one call of the SDK."""
        return self._runner.run(work)

    def close(self) -> None:
        """Ends its connections."""
        self._runner.run(self._native.aclose())
        self._runner.run(self._recorder.aclose())
        self._credential.close()
        self._runner.close()
