"""The providers there are: one line each. A new provider is a folder beside graph and gmail, and its line here."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.mailboxes import Provider
from shared.providers.gmail.limits import GmailQuota
from shared.providers.gmail.record import gmail_record
from shared.providers.graph.record import graph_record
from shared.providers.http import Transport
from shared.providers.provider import ProviderRecord
from shared.settings import ProviderSettings
from shared.telemetry import observe_api_call


def catalogue(transport: Transport, *, gmail_quota: GmailQuota | None = None) -> Mapping[Provider, ProviderRecord]:
    """All providers, reached through `transport`."""
    records = (graph_record(transport), gmail_record(transport, gmail_quota))
    return {record.provider: record for record in records}


def catalogue_for(settings: ProviderSettings) -> Mapping[Provider, ProviderRecord]:
    """All providers, reached as the settings say, each call counted."""
    return catalogue(
        Transport(
            ca_file=settings.provider_ca_file,
            connect_timeout=settings.provider_connect_timeout,
            read_timeout=settings.provider_read_timeout,
            observe=observe_api_call,
        )
    )
