"""What a list says in List-Unsubscribe: an https URL and a mailto, with placeholders that each mail fills in (RFC 2369, RFC 8058)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

PLACEHOLDERS: Final = ("subscriber", "list", "campaign")
LONGEST_TEMPLATE: Final = 500  # characters, with placeholders
LONGEST_TARGET: Final = 900  # characters, filled in: a line of a header has at most 998 (RFC 5322 §2.1.1)

_NAMED: Final = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
_FIELD: Final = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
_UNFIT: Final = re.compile(r"[^!-~]|[<>,\"\\^`|]")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+")
_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=~{}-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_MAILTO: Final = "mailto:"


class NoTarget(ValueError):
    """The setting can't be filled in for this mail. lacks: the placeholder that has no value, empty if it is too long.

    The text is for who asked for the mail: why, and the fix.
    """

    def __init__(self, lacks: str, message: str) -> None:
        super().__init__(message)
        self.lacks = lacks


@dataclass(frozen=True, slots=True)
class ListUnsubscribing:
    """A list's setting; url or mailto may be None."""

    list_uid: str
    url: str | None
    mailto: str | None

    def targets(self, *, subscriber: str | None, campaign: str | None) -> tuple[str, ...]:
        """The targets of one mail, the URL first: a mail program takes the first that it knows (RFC 2369 §2). Raises NoTarget.

        subscriber: uid of the mail's only recipient, None if it has several. campaign: uid, None if it has none. Values are
        percent-encoded, so that none of them ends a field, a query or the target.
        """
        values = {"subscriber": subscriber, "list": self.list_uid, "campaign": campaign}
        return tuple(_filled(template, values) for template in (self.url, self.mailto) if template)


def _filled(template: str, values: Mapping[str, str | None]) -> str:
    lacking = next((name for name in _FIELD.findall(template) if not values[name]), None)
    if lacking == "subscriber":
        raise NoTarget(
            lacking,
            "The list's List-Unsubscribe names one subscriber, and this mail has several recipients, each of whom could unsubscribe "
            "another; send one request for each, or give list_unsubscribe.",
        )
    if lacking is not None:
        said = f"The list's List-Unsubscribe names the {lacking}, and this mail has none; name it, or give list_unsubscribe."
        raise NoTarget(lacking, said)
    target = _FIELD.sub(lambda found: quote(values[found[1]] or "", safe=""), template)
    if len(target) > LONGEST_TARGET:
        raise NoTarget(
            "",
            f"The list's List-Unsubscribe has more than {LONGEST_TARGET} characters for this mail; give list_unsubscribe.",
        )
    return target


def checked_url(text: str) -> str:
    """The URL as it is kept. Raises ValueError with reason and fix for what is no https URL with known placeholders."""
    _check_characters(text)
    if not text.startswith("https://"):
        raise ValueError("is no https URL, and one click works with https alone (RFC 8058); write https://host/path")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not _HOST.fullmatch(host) or "{" in parts.netloc:
        raise ValueError("names no host; write https://host/path, with placeholders after the host only")
    if "@" in parts.netloc:
        raise ValueError("holds a user or password, which every recipient would read; leave it out")
    if "#" in text:
        raise ValueError("holds a fragment (#…), which mail programs do not post; put it into the path or the query")
    return text


def checked_mailto(text: str) -> str:
    """The mailto URL (RFC 6068) as it is kept; a bare address becomes one. Raises ValueError with reason and fix."""
    _check_characters(text)
    target = text if ":" in text.partition("?")[0] else _MAILTO + text
    address, _, query = target.removeprefix(_MAILTO).partition("?")
    if not target.startswith(_MAILTO) or not _ADDRESS.fullmatch(address):
        raise ValueError("is no mailto URL of one address; write mailto:leave@domain.example?subject=leave")
    unknown = [one for one in query.split("&") if query and one.partition("=")[0].lower() not in ("subject", "body")]
    if unknown:
        raise ValueError("sets other fields than subject and body; leave them out (write & in a value as %26)")
    return target


def _check_characters(text: str) -> None:
    if _UNFIT.search(text):
        raise ValueError(
            'holds a space, a line break, a character outside ASCII or one of < > , " \\ ^ ` |; take it out, or percent-encode it'
        )
    if re.search(r"[{}]", _FIELD.sub("", text)):
        raise ValueError(f"holds an unknown placeholder; there are {_NAMED} (write braces as %7B and %7D)")
    if len(text) > LONGEST_TEMPLATE:
        raise ValueError(f"has more than {LONGEST_TEMPLATE} characters; shorten it")
