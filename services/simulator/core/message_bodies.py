"""Reading stored mail for answers that show bodies: tolerant, because broken mail is served too."""

from __future__ import annotations

import email
import email.policy
from email.message import Message


def parsed(raw: bytes) -> Message:
    """The mail as the standard library sees it under its most forgiving policy."""
    return email.message_from_bytes(raw, policy=email.policy.compat32)


def content(part: Message) -> bytes:
    """A leaf part's decoded bytes; b"" when it cannot be decoded."""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError):
        return b""
    return payload if isinstance(payload, bytes) else b""


def text_of(part: Message) -> str:
    """A leaf part as text, in the charset it claims or else as UTF-8 with replacements."""
    try:
        return content(part).decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return content(part).decode("utf-8", "replace")


def main_text(message: Message) -> tuple[str, str]:
    """("html" or "text", content) of the part a reader would see; ("text", "") when there is none."""
    leaves = [part for part in message.walk() if not part.is_multipart()]
    for wanted, kind in (("text/html", "html"), ("text/plain", "text")):
        for part in leaves:
            if part.get_content_type() == wanted and not part.get_filename():
                return kind, text_of(part)
    return "text", ""


def has_attachments(message: Message) -> bool:
    """Whether a part claims to be an attachment or is a returned mail."""
    return any(part.get_content_disposition() == "attachment" for part in message.walk())
