"""What a hard bounce has in common with others: the words of its diagnostic without whom and where, and its recipient's domain."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from shared.domain.bounces import RecipientFinding

_READ = 400  # characters of a diagnostic that are looked at
_KEPT = 160  # characters of a pattern


class KeyKind(StrEnum):
    """What a key is made of."""

    DIAGNOSTIC = "diagnostic"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class Key:
    """Something that many hard bounces may share. number: the key in the tables, 64 bits of a digest."""

    kind: KeyKind
    name: str

    @property
    def number(self) -> int:
        """The same in every process."""
        digest = hashlib.blake2b(f"{self.kind}:{self.name}".encode(errors="replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


def diagnostic_key(finding: RecipientFinding) -> Key:
    """The diagnostic in lower case; addresses, hosts, numbers, ids and the recipient's name are left out, its codes are not.

    A report without a diagnostic is known by the rule that decided and by its status.
    """
    if not finding.diagnostic:
        return Key(KeyKind.DIAGNOSTIC, f"rule {finding.rule} {finding.status or ''}".rstrip())
    name = finding.address.partition("@")[0]
    return Key(KeyKind.DIAGNOSTIC, _pattern(finding.diagnostic[:_READ], name) or f"rule {finding.rule}")


def domain_key(address: str) -> Key | None:
    """The domain of an address; None for what has none."""
    domain = address.rpartition("@")[2].strip().lower()
    return Key(KeyKind.DOMAIN, domain) if domain and "@" in address else None


@lru_cache(4_096)  # asked for twice: for the row, and for the guard
def _pattern(diagnostic: str, name: str) -> str:
    """Word by word, until it is long enough. name: the recipient's, before the @."""
    words: list[str] = []
    length = 0
    for word in diagnostic.replace("\x00", "").lower().split():
        if "@" in word:
            shown = "<address>"
        elif word.strip(_MARKS) == name:
            shown = "*"
        elif word.isalpha() or not _VARIES.search(word) or _CODE.fullmatch(word):
            shown = word
        else:
            shown = "*"
        words.append(shown)
        length += len(shown) + 1
        if length > _KEPT:
            break
    return " ".join(words)[:_KEPT].rstrip()


_MARKS = "<>()[]{}'\"`.,:;!?"
_VARIES = re.compile(r"[0-9]|\.[a-z]")  # a number, an id, a host
_CODE = re.compile(
    r"#?[245][0-9][0-9](?:[- ]?[245]\.[0-9]{1,3}\.[0-9]{1,3})?[-:]?|\(?#?[245]\.[0-9]{1,3}\.[0-9]{1,3}\)?[-:]?"
)
