"""The languages' words, turned into what is looked up while scanning: sets, prefixes, small expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from shared.mail.replies.languages import LANGUAGES, Language

# What may stand around words without meaning anything: dashes, stars, brackets of all kinds.
DECORATION = " \t-_*=~>|<#•·.—–‐‑―−─━＝－…\xa0\u3000\u1427+"
_EAST_ASIAN = re.compile("[\u2e80-\ud7af\uf900-\ufaff]")


def _every(part: Callable[[Language], Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.casefold() for language in LANGUAGES for word in part(language)))


def is_east_asian(text: str) -> bool:
    """Whether it has characters of scripts that put no space between words."""
    return not text.isascii() and _EAST_ASIAN.search(text) is not None


VERBS = _every(lambda language: language.verbs)
# A verb of several words is known by its last: "a écrit" by "écrit".
VERB_WORDS = frozenset(
    re.sub(r"[(/].*", "", verb).split()[-1] for verb in VERBS if not is_east_asian(verb) and verb[0] not in "(/"
)
VERBS_WITHOUT_SPACES = tuple(verb for verb in VERBS if is_east_asian(verb))
STARTS = tuple(start + " " for start in _every(lambda language: language.starts))
# Those that are told from ordinary words in the middle of a line, as they begin with a capital there.
MIDDLE_STARTS = ("On", "Am", "Le", "El", "Il", "Em", "Op", "Den", "W dniu", "Dnia", "Dne", "Vào", "在")

SENDER, DATE, TO, SUBJECT = "sender", "date", "to", "subject"
# A date's labels that other things have too: with them a header block needs an address or a subject.
PLAIN_DATES = frozenset(
    ("date", "datum", "data", "fecha", "dato", "when", "дата", "日期", "时间", "時間", "날짜", "日付", "日時", "tarih")
)
LABELS: dict[str, str] = {}
for _kind, _words in (
    (SUBJECT, _every(lambda language: language.subject)),
    (SENDER, _every(lambda language: language.sender)),
    (DATE, _every(lambda language: language.date)),
    (TO, _every(lambda language: language.to)),
):
    for _word in _words:
        LABELS.setdefault(_word, _kind)

ORIGINAL = frozenset(_every(lambda language: language.original))
FORWARDED = frozenset(_every(lambda language: language.forwarded))
FORWARDED_STARTS = tuple(FORWARDED)
ABOVE = _every(lambda language: language.above)
NOTICES = _every(lambda language: language.notices)
PRIVATE = tuple(tuple(word.casefold() for word in language.private) for language in LANGUAGES if language.private)
# What Gmail says of an emoji that was sent as an answer.
REACTED = (
    "reacted via",
    "reagiert",
    "a réagi",
    "ha reaccionado",
    "reaccionó",
    "ha reagito",
    "reagiu",
    "reageerde",
    "gereageerd",
    "reagerade",
    "har reagert",
    "reagerte",
    "reagerede",
    "har reageret",
    "zareagował",
    "отреагировал",
    "отреагировала",
    "отреагировал(а)",
    "リアクションしました",
    "回应了",
    "回應",
    "반응",
)
SIGN_OFFS = frozenset(_every(lambda language: language.sign_offs))
OPT_OUT = _every(lambda language: language.opt_out)
OPT_OUT_LABELS = frozenset(OPT_OUT)


def _device_pattern(wording: str) -> str:
    """One wording of an app's signature: * is a device or product, so a few words without a sentence's marks."""
    return re.escape(wording).replace(r"\*", r"[^,!?;:\n]{1,60}?").replace(r"\ ", r"\s")


_DEVICES = _every(lambda language: language.device)
DEVICE = re.compile(r"(?:" + "|".join(map(_device_pattern, _DEVICES)) + r")[.!。]?")
DEVICE_FIRST = frozenset(
    wording.split()[0] for wording in _DEVICES if not wording.startswith("*") and not is_east_asian(wording)
)
DEVICE_LAST = frozenset(re.split(r"[ '*]", wording)[-1] for wording in _DEVICES if wording.startswith("*"))
