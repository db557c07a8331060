"""Microsoft's capability record."""

from __future__ import annotations

from functools import partial

from shared.domain.api_keys import MICROSOFT_ENDPOINTS, ApiKey
from shared.domain.mailboxes import Capability, Folder, Provider, normalize_address
from shared.providers.graph import auth
from shared.providers.graph.client import GraphMailbox
from shared.providers.graph.limits import BATCH_SIZES, LIMITS, MAX_CUSTOM_HEADERS, SEND_LIMITS
from shared.providers.http import Transport
from shared.providers.provider import ProviderRecord


def budget_scope(key: ApiKey, address: str) -> str:
    """Microsoft counts for each app and mailbox, whichever of the app's secrets is used."""
    return f"{Provider.MICROSOFT}/{key.client_id.lower()}/{normalize_address(address)}"


def graph_record(transport: Transport) -> ProviderRecord:
    """What Microsoft 365 is to us. One scope set serves all: permissions are given to the application."""
    return ProviderRecord(
        provider=Provider.MICROSOFT,
        label="Microsoft Graph API",
        server_type="microsoft-graph-api",
        endpoints=MICROSOFT_ENDPOINTS,
        folders=(Folder.INBOX, Folder.JUNK),
        scopes=dict.fromkeys(Capability, (auth.DEFAULT_SCOPE,)),
        sending_scopes=(auth.DEFAULT_SCOPE,),
        max_custom_headers=MAX_CUSTOM_HEADERS,
        limits=LIMITS,
        send_limits=SEND_LIMITS,
        batch_sizes=BATCH_SIZES,
        token_subject=auth.token_subject,
        acquire_token=partial(auth.acquire_token, transport),
        granted=auth.granted,
        open_mailbox=partial(GraphMailbox, transport),
        budget_scope=budget_scope,
    )
