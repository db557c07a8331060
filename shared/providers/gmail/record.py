"""Google's capability record."""

from __future__ import annotations

from functools import partial

from shared.domain.api_keys import GOOGLE_ENDPOINTS, ApiKey
from shared.domain.mailboxes import Folder, Provider, normalize_address
from shared.providers.gmail import auth
from shared.providers.gmail.client import GmailMailbox
from shared.providers.gmail.limits import BATCH_SIZES, SEND_LIMITS, GmailQuota
from shared.providers.http import Transport
from shared.providers.provider import ProviderRecord

_ACCOUNTS_OF_A_PROJECT = ".iam.gserviceaccount.com"


def budget_scope(key: ApiKey, address: str) -> str:
    """Google counts for each project and user. The service accounts of one project share their mail domain."""
    account = key.service_account_email.lower()
    domain = account.rpartition("@")[2]
    project = domain if domain.endswith(_ACCOUNTS_OF_A_PROJECT) else account
    return f"{Provider.GOOGLE}/{project}/{normalize_address(address)}"


def gmail_record(transport: Transport, quota: GmailQuota | None = None) -> ProviderRecord:
    """What Google Workspace is to us. `quota`: the project's, by default that of projects made since May 2026."""
    known = quota or GmailQuota()
    return ProviderRecord(
        provider=Provider.GOOGLE,
        label="Gmail API",
        server_type="gmail-api",
        endpoints=GOOGLE_ENDPOINTS,
        folders=(Folder.INBOX, Folder.JUNK),
        scopes=auth.SCOPES,
        sending_scopes=auth.SENDING_SCOPES,
        max_custom_headers=None,
        limits=known.limits(),
        send_limits=SEND_LIMITS,
        batch_sizes=BATCH_SIZES,
        token_subject=auth.token_subject,
        acquire_token=partial(auth.acquire_token, transport),
        granted=auth.granted,
        open_mailbox=partial(GmailMailbox, transport, known),
        budget_scope=budget_scope,
    )
