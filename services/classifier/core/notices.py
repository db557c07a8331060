"""The text of a report for people: whether it is one, whom it names, and what it quotes about each of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from services.classifier.core.rule_book import RuleBook
from shared.mail.auto_replies import is_marked_auto_reply
from shared.mail.headers import Headers, words
from shared.mail.message_ids import RETURNED_KINDS
from shared.mail.mime import Caps, Part, html_to_text

NOTICE_LIMIT = 12_000  # characters of the notice that are read for signs, addresses and rules


class Notice(NamedTuple):
    """The words of a report before the returned mail.

    `rest`: what follows them in the same text (a quoted returned mail).
    """

    text: str
    rest: str = ""


class NoticeOf:
    """A mail's notice, read when it is first asked for: a report that tells all itself needs none."""

    __slots__ = ("_caps", "_read", "_root", "_rules")

    def __init__(self, root: Part, rules: RuleBook, caps: Caps) -> None:
        self._root, self._rules, self._caps = root, rules, caps
        self._read: Notice | None = None

    def __call__(self) -> Notice:
        """The notice."""
        if self._read is None:
            self._read = read_notice(self._root, self._rules, self._caps)
        return self._read


def read_notice(root: Part, rules: RuleBook, caps: Caps) -> Notice:
    """The first readable text of a mail, cut where the returned mail begins. Plain text is preferred over HTML."""
    first_html: Part | None = None
    texts: list[str] = []
    for part in root.walk():
        if part.kind in RETURNED_KINDS or part.kind == "message/delivery-status":
            break
        if part.kind == "text/plain" or (part.kind.startswith("text/") and part.kind != "text/html"):
            texts.append(part.text(caps.text_bytes))
            if texts[-1].strip():
                break
        elif part.kind == "text/html" and first_html is None:
            first_html = part
    text = "\n".join(texts)
    if not text.strip() and first_html is not None:
        text = html_to_text(first_html.text(caps.text_bytes))
    if not text.strip() and root.body and not root.children:
        text = root.text(caps.text_bytes) if root.kind.startswith("multipart/") else text
    return _parted(text, rules)


def _parted(text: str, rules: RuleBook) -> Notice:
    head = text[:NOTICE_LIMIT]
    found = rules.signs.returned.search(head.lower(), 1) if head else None
    if found is None:
        return Notice(head, text[NOTICE_LIMIT:])
    return Notice(text[: found.start()], text[found.start() :])


def is_report(headers: Headers, notice: Notice, has_returned: bool, rules: RuleBook) -> bool:
    """Whether a mail without a report part reports a failure; see `report_sign`."""
    return bool(report_sign(headers, notice, has_returned, rules))


def report_sign(headers: Headers, notice: Notice, has_returned: bool, rules: RuleBook) -> str:
    """By what a mail without a report part is known to report a failure; empty if it is not.

    A machine wrote it, and subject or opening say so. One sign alone is not enough: people write about bounces, and
    machines write about other things.
    """
    if "x-failed-recipients" in headers:
        return "X-Failed-Recipients"
    signs = rules.signs
    subject = words(headers.get("subject")).lower()[:300]
    sender = words(headers.get("from")).lower()[:300]
    null_path = is_null_path(headers)
    by_machine = signs.sender.search(sender)
    if _TOLD_OTHERWISE.search(subject) or (not by_machine and is_marked_auto_reply(headers)):
        return ""
    if not sender.strip() or by_machine:
        if signs.subject.search(subject):
            return "a machine's sender and the subject"
        text = notice.text[:3_000]
        alone = null_path or has_returned or signs.daemon.search(sender) or _REPLY_LINE.search(text)
        if by_machine and alone and signs.opening.search(text.lower()):
            return "a machine's sender and the opening words"
        if null_path and _names_another(headers, notice, signs.daemon.search(sender) is not None, has_returned):
            return "a daemon's sender, a null return path and a recipient"
    elif null_path:
        opening = signs.opening.search(notice.text[: 600 if has_returned else 3_000].lower())
        if opening and (has_returned or signs.subject.search(subject)):
            return "a null return path, the opening words and " + ("a returned mail" if has_returned else "the subject")
    if has_returned and signs.automatic.search(sender):
        known = signs.subject.search(subject) and signs.opening.search(notice.text[:3_000].lower())
        return "an automatic sender, a returned mail, the subject and the opening words" if known else ""
    by_list = signs.list_server.search(sender) and signs.list_subject.search(subject)
    return "a list server's sender and subject" if by_list else ""


def _names_another(headers: Headers, notice: Notice, daemon: bool, has_returned: bool) -> bool:
    """Whether a notice in words that no sign knows still names a recipient where only recipients stand.

    A server writes to a null path about nothing else (RFC 5321 §4.5.5); a name that people use (postmaster) must also
    return the mail.
    """
    if not (daemon or has_returned or notice.rest):
        return False
    ours = frozenset(_FIND.findall(" ".join(headers.get(name) for name in _OUR_FIELDS).lower()[:4_000]))
    return bool(_found((one.group(1) for one in _PLACED.finditer(notice.text[:3_000])), ours))


def is_null_path(headers: Headers) -> bool:
    """A null reverse path (RFC 5321 §4.5.5):

    the mark of every notification; some servers write a daemon's name instead.
    """
    path = headers.get("return-path").strip().lower()
    return path in ("<>", "< >") or path.startswith(("<mailer-daemon", "mailer-daemon"))


def addresses(headers: Headers, notice: Notice) -> list[str]:
    """The recipients that a notice names, in order, each once.

    Best are those the header names (X-Failed-Recipients), then those in a place where only recipients stand: a line of
    their own, before a colon, after `RCPT TO`. Failing that the first one in the text. The sender and daemons are
    left out.
    """
    named = _found(_FIND.findall(headers.get("x-failed-recipients")[:4_000]), frozenset())
    if named:
        return named
    ours = frozenset(_FIND.findall(" ".join(headers.get(name) for name in _OUR_FIELDS).lower()[:4_000]))
    text = "\n".join([line for line in notice.text.split("\n") if "@" in line])  # no pattern reads across lines
    for places in (_PLACED, _TO_LINE):
        placed = _found((one.group(1) for one in places.finditer(text)), ours)
        if placed:
            return placed[:200]
    anywhere = _found(_FIND.findall(text), ours)
    if not anywhere and not _has_sender(headers):
        anywhere = _found(_FIND.findall(text), frozenset())  # a mail to oneself
    return anywhere[:1]


def _has_sender(headers: Headers) -> bool:
    """Whether the envelope named a sender, which a notification never does (RFC 5321 §4.5.5).

    Who then names nobody but the mailbox that he writes to writes to its reader: so does phishing that poses as a notice.
    """
    return "@" in headers.get("return-path") and not is_null_path(headers)


class _Lines(NamedTuple):
    """The lines of a notice, whom each names, and whether it holds a server's words."""

    lines: list[str]
    named: list[frozenset[str]]
    said: list[bool]


class Quotes:
    """What a notice quotes about each of the recipients that it names. Reads the notice once, however many they are."""

    def __init__(self, notice: Callable[[], Notice], recipients: Iterable[str], several: bool) -> None:
        """recipients: every address of the report, in lower case: where one is named, the words about another end."""
        self._notice = notice
        self._known = frozenset(recipients)
        self._several = several
        self._table: _Lines | None = None
        self._whole: list[str] | None = None

    def _read(self) -> _Lines:
        if self._table is None:
            lines = [line.strip() for line in self._notice().text.split("\n")]
            known = self._known
            named = [known.intersection(_FIND.findall(line.lower())) if "@" in line else _NOBODY for line in lines]
            self._table = _Lines(lines, named, [_is_said(line) for line in lines])
        return self._table

    def tells_command(self) -> bool:
        """Whether the notice may say that a server refused before it heard of a recipient. Cheap."""
        text = self._notice().text
        return any(words in text for words in _EARLY_COMMANDS)

    def about(self, recipient: str) -> tuple[str, ...]:
        """Texts about one recipient, the most telling first: servers' reply lines near its name, then the words near it.

        The whole notice follows, first its reply lines, each with the line that continues it, unless it names several
        recipients and this one among them.
        """
        lines, named, said = self._read()
        near = _near(recipient, named)
        found = [" ".join([lines[place] for place in near if said[place]])]
        found.append(" ".join([lines[place] for place in near]))
        if not self._several or not near:
            if self._whole is None:  # once, however many recipients a report has
                replies = [" ".join(lines[place : place + 2]) for place, one in enumerate(said) if one]
                self._whole = [" ".join(replies), " ".join(lines)]
            found += self._whole
        return tuple(text for text in found if text)


def _near(recipient: str, lines: list[frozenset[str]]) -> list[int]:
    """The lines from a recipient's name to the next recipient's, or a dozen and two. lines: whom each names."""
    kept: list[int] = []
    left = 0
    for place, named in enumerate(lines):
        if named:
            left = _NEAR_LINES if recipient in named else 0
        if left:
            left -= 1
            kept.append(place)
    return kept


def _found(candidates: Iterable[str], ours: frozenset[str]) -> list[str]:
    kept: dict[str, None] = {}
    for candidate in candidates:
        address = candidate.strip("'\".").lower()
        if "@" in address and address not in ours and not _DAEMONS.match(address):
            kept.setdefault(address)
    return list(kept)


_ADDRESS = r"[\w.+=/&%~#$!?^'*-]{1,64}@[\w-][\w.-]{0,200}\w"
_FIND = re.compile(rf"(?<![\w.+=/-])({_ADDRESS})")
# Where only recipients stand. A label may be any words that begin like one of a recipient's, as in
# "User mailbox exceeds allowed size: a@example.com".
_LABEL = (
    r"(?:failed |final |original )?recipient(?:s|\(s\))?:|(?:>>> )?rcpt to:|user:|e-?mail(?: address)?:|address:"
    r"|(?:user|invalid|unknown|mailbox|delivery|target|failed)[^\n@:]{0,60}:"
)
_PLACED = re.compile(
    rf"^[ \t>*]{{0,12}}(?:-{{1,2}}>[ \t]{{0,4}})?(?:{_LABEL})?[ \t]{{0,8}}[<'\"(\[]?(?:smtp:|mailto:)?({_ADDRESS})"
    rf"(?=[>'\")\]]{{0,2}}(?:$|[\s:(,;]|\.{{3}}))",
    re.IGNORECASE | re.MULTILINE,
)
_TO_LINE = re.compile(
    rf"(?:^[ \t]{{0,12}}to:|rcpt to|recipient|undeliverable to|failed:|to the address|address:)"
    rf"[ \t]{{0,4}}:?[ \t]{{0,4}}<?({_ADDRESS})",
    re.IGNORECASE | re.MULTILINE,
)
# A report that all went well, or a filter's about a mail that somebody sent to its reader.
_TOLD_OTHERWISE = re.compile(
    r"\bsuccess|\brelayed\b|\berfolgreich|\bin (?:an? )?(?:e-?mail|mail|message) (?:to|for) you\b"
    # A list manager tells the owner of a list what it did with a member, or how many bounced.
    r"|\bbounces? (?:action|processing) notif|\bbounces? (?:rate|statistic|summary|digest)"
)
_REPLY_LINE = re.compile(r"^\W{0,6}[45]\d\d[ -]", re.MULTILINE)
_NEAR_LINES = 14
# As Postfix and Exim write them; the rules of body.toml with `whole` say what follows.
_EARLY_COMMANDS = ("to MAIL FROM c", "to EHLO c", "to HELO c", "after MAIL FROM", "after EHLO", "after HELO")
_OUR_FIELDS = ("to", "from", "delivered-to", "cc")
_NOBODY: frozenset[str] = frozenset()
_DAEMONS = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|abuse|hostmaster|noreply|no-reply)@")
# A code of a failure; as in `status_codes`, what must not stand before it is asked behind its first characters.
_CODE = re.compile(r"[45](?:\d\d(?<![^\s<>\"'(:=]...)(?:[ -]|$)|\.(?<![\d.]..)\d{1,3}\.\d{1,3}(?![\d.]))")


def _is_said(line: str) -> bool:
    """Whether a line holds a server's words: a code, or a label before them."""
    if ("5" in line or "4" in line) and _CODE.search(line):
        return True
    if ":" in line:
        lowered = line.lower()
        return any(label in lowered for label in _LABELS) or "<<<" in line
    return "<<<" in line or ("iagnostic" in line and "diagnostic" in line.lower())


_LABELS = ("said:", "reason:", "error:", "diagnostic")
