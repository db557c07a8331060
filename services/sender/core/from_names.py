"""The name a mail comes from, and the tag `[DS_FROM_NAME]` that stands for it in subject, text and HTML (A072-A074)."""

from __future__ import annotations

import html as html_text
from typing import Final

FROM_NAME_TAG: Final = "[DS_FROM_NAME]"


def from_header_name(requested: str | None, server: str) -> str:
    """The name for the From header: the request's, else the server's; empty where the provider puts the mailbox's own."""
    return (requested or "").strip() or server.strip()


def tag_name(requested: str | None, server: str, display_name: str, address: str) -> str:
    """What the tag stands for: the request's name, the server's, the display name last seen, the address's local part."""
    return from_header_name(requested, server) or display_name.strip() or address.rpartition("@")[0]


def fill_in(source: str, name: str, *, html: bool = False, tag: str = FROM_NAME_TAG) -> str:
    """`source` with every tag replaced, once: a tag within the name stays as it is. html: the name is escaped."""
    if tag not in source:
        return source
    return source.replace(tag, html_text.escape(name) if html else name)
