"""What a mail is that reports neither a failure nor a complaint."""

from __future__ import annotations

from shared.domain.bounces import MailKind
from shared.mail.auto_replies import is_auto_reply
from shared.mail.headers import words
from shared.mail.mime import Part

_OPAQUE = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted"))
_AGGREGATES = (
    "application/zip",
    "application/gzip",
    "application/x-gzip",
    "application/x-zip-compressed",
    "application/tlsrpt+gzip",
    "application/tlsrpt+json",
)


def kind_of(root: Part, parts: list[Part]) -> tuple[MailKind, str]:
    """The kind, and for an unreadable mail why: nothing in it could be decided."""
    if not root.headers.has_fields():
        return MailKind.UNREADABLE, "no header fields"
    if root.kind in _OPAQUE:
        return MailKind.UNREADABLE, f"sealed: {root.kind}"
    if root.kind == "multipart/report" or _is_aggregate(root, parts):
        return MailKind.OTHER_REPORT, ""
    if is_auto_reply(root.headers):
        return MailKind.AUTO_REPLY, ""
    if root.kind.startswith("multipart/") and not root.children and not root.body.strip():
        return MailKind.UNREADABLE, "no parts"
    return MailKind.HUMAN, ""


def _is_aggregate(root: Part, parts: list[Part]) -> bool:
    """DMARC aggregates (RFC 7489 §7.2.1.1) and TLS reports (RFC 8460 §5.3):

    known by their subject and a packed part.
    """
    if "tls-report-domain" in root.headers:
        return True
    subject = words(root.headers.get("subject")).lower()
    return "report domain:" in subject and any(part.kind in _AGGREGATES for part in parts)
