"""google-api-python-client and google-auth, as their makers ship them, pointed at a simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import google_auth_httplib2
import httplib2
from google.oauth2 import service_account
from googleapiclient.discovery import build_from_document

from tests.conformance.exchanges import Exchange

FULL = "https://mail.google.com/"


class _Recorder(httplib2.Http):  # type: ignore[misc]
    """Google's own http library; it also keeps what it is answered."""

    def __init__(self, ca_file: Path) -> None:
        super().__init__(ca_certs=str(ca_file), proxy_info=None, timeout=30)
        self.redirect_codes = self.redirect_codes - {308}  # as the client's own build_http: 308 asks for the next piece
        self.exchanges: list[Exchange] = []

    def request(self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **more: Any) -> Any:
        response, content = super().request(uri, method=method, body=body, headers=headers, **more)
        sent = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b""
        self.exchanges.append(
            Exchange(method, uri, response.status, _lower(response), content, _lower(headers or {}), sent)
        )
        return response, content


class GoogleClient:
    """`users` is the API; `new` makes another with other scopes. exchanges: all that was answered."""

    def __init__(
        self,
        document: dict[str, Any],
        url: str,
        ca_file: Path,
        key_file: Mapping[str, Any],
        mailbox: str,
        scopes: Sequence[str] = (FULL,),
    ) -> None:
        # The addresses come from the document; changed there, every kind of call goes to the simulator, uploads and batches too.
        self._document = {**deepcopy(document), "rootUrl": f"{url}/", "baseUrl": f"{url}/"}
        self._recorder = _Recorder(ca_file)
        self._key_file = key_file
        credentials: Any = service_account.Credentials
        self.credentials = credentials.from_service_account_info(key_file, scopes=scopes).with_subject(mailbox)
        http = google_auth_httplib2.AuthorizedHttp(self.credentials, http=self._recorder)
        self.service: Any = build_from_document(self._document, http=http)
        self.users: Any = self.service.users()
        self.messages: Any = self.users.messages()
        self.drafts: Any = self.users.drafts()

    @property
    def exchanges(self) -> list[Exchange]:
        return self._recorder.exchanges

    def close(self) -> None:
        """Ends its connections."""
        self.service.close()
        self._recorder.close()


def _lower(headers: Mapping[str, Any]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}
