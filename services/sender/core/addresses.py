"""Mail addresses as the providers' APIs can take them: the addr-spec of RFC 5322 §3.4.1 without its oddities.

Neither API offers SMTPUTF8 (RFC 6531), so a domain may be international and goes out in IDNA; a local part may not.
"""

from __future__ import annotations

import re
from typing import Final

import idna

LONGEST_LOCAL_PART: Final = 64  # octets, RFC 5321 §4.5.3.1.1
LONGEST_ADDRESS: Final = 254  # RFC 5321 §4.5.3.1.3, the path's 256 without its angle brackets


class BadAddress(ValueError):
    """Not an address that can be sent to. The text is for a person: what is wrong, and the fix."""


def wire_address(email: str) -> str:
    """The address as it goes out: the domain in IDNA and lower case, the local part as given. Raises BadAddress."""
    local, at, domain = email.strip().rpartition("@")
    if not at or not local or not domain:
        raise BadAddress("it is not of the form local@domain; give a whole address")
    _check_local(local)
    sent = f"{local}@{_wire_domain(domain)}"
    if len(sent) > LONGEST_ADDRESS:
        raise BadAddress(f"it is longer than {LONGEST_ADDRESS} characters; correct it")
    return sent


def _check_local(local: str) -> None:
    if _DOT_ATOM.fullmatch(local) and len(local) <= LONGEST_LOCAL_PART:
        return
    if local.startswith('"'):
        raise BadAddress("a quoted local part is not supported by the providers; use an address without quotes")
    if not local.isascii():
        raise BadAddress("a local part outside ASCII can't be sent through these providers; use an ASCII address")
    if len(local) > LONGEST_LOCAL_PART:
        raise BadAddress(f"the part before the @ is longer than {LONGEST_LOCAL_PART} characters; correct it")
    if "." in local and _DOT_ATOM.fullmatch(local.replace(".", "")):
        raise BadAddress("a dot stands first, last or twice in a row before the @; correct it")
    raise BadAddress("a character before the @ is not allowed there; give the bare address, without a name or brackets")


def _wire_domain(domain: str) -> str:
    if domain.startswith("["):
        raise BadAddress("an IP address as the domain is not supported; use a domain name")
    if len(domain) > 253:
        raise BadAddress("the domain is longer than 253 characters; correct it")
    wire = domain.lower() if domain.isascii() else _in_idna(domain)
    if not _HOST_NAME.fullmatch(wire) or any(_bad_a_label(label) for label in wire.split(".") if label[:4] == "xn--"):
        raise BadAddress("the domain is not a full domain name; correct the part after the @")
    return wire


def _in_idna(domain: str) -> str:
    """RFC 5891, after the mapping of UTS #46 (case, width)."""
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise BadAddress("the domain is not a valid international domain name; correct the part after the @") from None


def _bad_a_label(label: str) -> bool:
    try:
        idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        return True
    return False


_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# At least two labels (RFC 1123 §2.1), the last not of digits alone: such a name is an IP address.
_HOST_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?![0-9]+\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
