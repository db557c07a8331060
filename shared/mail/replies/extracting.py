"""The whole way from a text, an HTML text or a mail to the person's words."""

from __future__ import annotations

from collections.abc import Sequence

from shared.mail.replies import banners, contact, html_text, long_cards, signature_hints, signatures, signed_blocks
from shared.mail.replies.html_marks import has_marks
from shared.mail.replies.lines import Lines, of_marked_text, of_text
from shared.mail.replies.mail_texts import MailTexts, mail_texts
from shared.mail.replies.reply import QUOTING, Block, Limits, Outcome, Reason, Reply
from shared.mail.replies.scanning import Scan
from shared.mail.replies.subtracting import SentText, lines_of_sent

DEFAULT = Limits()


def reply_in_mail(raw: bytes, *, sent: str = "", limits: Limits = DEFAULT) -> Reply:
    """What the person wrote in a mail (RFC 5322 bytes, any: never raises for what is in them).

    sent: the plain text of the mail that we sent and they answer, if it is known; its lines are taken out.
    The plain text is read, unless it is empty or only says that there is HTML. The HTML is asked too where the plain
    text shows no quotation and the HTML has signs of one.
    """
    texts = mail_texts(raw, limits)
    if not texts.plain.strip() and not texts.html.strip():
        return Reply("", Outcome.EMPTY if texts.shown else Outcome.UNREADABLE, note=texts.note)
    return reply_in_texts(texts, sent=sent, limits=limits)


def reply_in_texts(texts: MailTexts, *, sent: str = "", limits: Limits = DEFAULT) -> Reply:
    """The same, of texts that were taken out of a mail before."""
    known = _known(sent)
    if not texts.plain_is_enough:
        return _from_html(texts.html, known, limits, texts.note, texts.signer)
    reply = _from_text(texts.plain, known, limits, texts.note, texts.html, texts.signer)
    if texts.html and not reply.quotes and has_marks(texts.html):
        other = _from_html(texts.html, known, limits, texts.note, texts.signer)
        if other.quotes and other.outcome in (Outcome.FOUND, Outcome.EMPTY):
            return other
    return reply


def reply_in_text(text: str, *, sent: str = "", limits: Limits = DEFAULT) -> Reply:
    """What the person wrote in a plain text. Linear in its length."""
    return _from_text(text, _known(sent), limits)


def reply_in_html(source: str, *, sent: str = "", limits: Limits = DEFAULT) -> Reply:
    """What the person wrote in an HTML text. Linear in its length."""
    return _from_html(source, _known(sent), limits)


def _known(sent: str) -> SentText | None:
    return SentText(sent) if sent.strip() else None


def _from_text(
    text: str, sent: SentText | None, limits: Limits, note: str = "", html: str = "", signer: str = ""
) -> Reply:
    lines = of_text(text, limits)
    lines.cut = lines.cut or note
    return _decide(lines, sent, "plain", signer, html)


def _from_html(source: str, sent: SentText | None, limits: Limits, note: str = "", signer: str = "") -> Reply:
    cut = source[: limits.html]
    if len(source) > limits.html:
        note = note or f"HTML cut at {limits.html} characters"
    reply = _decide(_html_lines(cut, limits, note), sent, "html", signer)
    if reply.outcome is Outcome.EMPTY and any(block.reason is Reason.SIGNATURE for block in reply.blocks):
        # Some clients let people write inside the signature's container.
        again = _decide(_html_lines(cut, limits, note, signed=False), sent, "html", signer)
        return again if again.outcome is Outcome.FOUND else reply
    return reply


def _html_lines(source: str, limits: Limits, note: str, signed: bool = True) -> Lines:
    lines = of_marked_text(html_text.marked_text(source, signatures=signed), limits)
    lines.cut = lines.cut or note
    return lines


def _decide(lines: Lines, sent: SentText | None, source: str, signer: str, html: str = "") -> Reply:
    scan = Scan(lines)
    names = signed_blocks.signer_words(signer)
    why = scan.run()
    end = scan.answered or len(why)
    above = why[:end]
    _trim(lines.texts[:end], above, names)
    if (
        html
        and Reason.CONTACT not in above
        and Reason.SIGNATURE not in above
        and _trim_signature(lines.texts, above, html)
    ):
        _trim(lines.texts[:end], above, names)
    why[:end] = above
    if sent is not None:
        _subtract(lines.texts, why, sent)
        _trim_rules(lines.texts, why)
    note = lines.cut or ("too many lines look like the head of a quotation" if scan.exhausted else "")
    blocks = _blocks(lines.texts, why)
    text = "\n".join(line for line, reason in zip(lines.texts, why, strict=True) if reason is None).strip()
    outcome = Outcome.FOUND if text else Outcome.EMPTY
    if note and (scan.exhausted or not _end_was_seen(lines.texts, why)):
        text, outcome = "", Outcome.TOO_BIG
    return Reply(text, outcome, blocks, source, bool(note), note)


def _end_was_seen(texts: Sequence[str], why: Sequence[Reason | None]) -> bool:
    """Whether a text that was cut ends in another mail's words, so that the person's are all there."""
    last = next((why[at] for at in range(len(why) - 1, -1, -1) if texts[at].strip()), None)
    return last is not None and any(reason in QUOTING for reason in why)


def _trim(texts: Sequence[str], why: list[Reason | None], signer: frozenset[str]) -> None:
    """What stands at the end of the person's words and is none: rules, notices, contact blocks, footers."""
    for _ in range(4):
        _trim_rules(texts, why)
        first, end = _last_paragraph(texts, why)
        if first < 0 or not _trim_notice(texts, why, first, end):
            break
    if not _trim_contact(texts, why, signer) and first >= 0 and _trim_company_notice(texts, why, first, end):
        _trim_rules(texts, why)
        _trim_contact(texts, why, signer)
    _trim_rules(texts, why)


def _trim_signature(texts: Sequence[str], why: list[Reason | None], html: str) -> bool:
    """Takes what the HTML marks as a signature, if nothing in the plain text shows that it is one. html: the mail's."""
    own = _own(texts, why)
    signature = signature_hints.signature_lines(texts, own, html) if len(own) > 1 else ()
    for at in signature:
        why[at] = Reason.SIGNATURE
    return bool(signature)


def _own(texts: Sequence[str], why: Sequence[Reason | None]) -> list[int]:
    return [at for at, reason in enumerate(why) if reason is None and texts[at].strip()]


def _trim_rules(texts: Sequence[str], why: list[Reason | None]) -> None:
    for at in range(len(why) - 1, -1, -1):
        if why[at] is not None or not texts[at].strip():
            continue
        if not signatures.is_rule(texts[at]):
            return
        why[at] = Reason.RULE_LINE


def _trim_notice(texts: Sequence[str], why: list[Reason | None], first: int, end: int) -> bool:
    """Takes the last paragraph if it is a notice or a labelled footer link, and never the only one."""
    paragraph = "\n".join(texts[first : end + 1])
    if signatures.is_disclaimer(paragraph):
        why[first : end + 1] = [Reason.DISCLAIMER] * (end + 1 - first)
        return True
    if banners.may_begin(texts[first]) and banners.is_banner(paragraph):
        why[first : end + 1] = [Reason.BANNER] * (end + 1 - first)
        return True
    if signatures.is_footer_link(texts[end]):
        why[end] = Reason.LIST_FOOTER
        return True
    return False


def _last_paragraph(texts: Sequence[str], why: Sequence[Reason | None]) -> tuple[int, int]:
    """First and last line of the person's last paragraph; -1 if it is the only one."""
    end = len(why) - 1
    while end >= 0 and (why[end] is not None or not texts[end].strip()):
        end -= 1
    first = end
    while first > 0 and why[first - 1] is None and texts[first - 1].strip():
        first -= 1
    if end < 0 or not any(why[at] is None and texts[at].strip() for at in range(first)):
        return -1, -1
    return first, end


def _trim_company_notice(texts: Sequence[str], why: list[Reason | None], first: int, end: int) -> bool:
    """Takes the last paragraph if it is what law wants a company to say, and no card stands above it."""
    if why[end] is not None or not long_cards.is_company_notice(texts[first : end + 1]):
        return False
    above = next(texts[at].rstrip() for at in range(first - 1, -1, -1) if why[at] is None and texts[at].strip())
    if above[-1] in ":：":
        return False
    why[first : end + 1] = [Reason.DISCLAIMER] * (end + 1 - first)
    return True


def _trim_contact(texts: Sequence[str], why: list[Reason | None], signer: frozenset[str]) -> bool:
    card = contact.card_at_end(texts, why, _own(texts, why), signer)
    for at in card:
        why[at] = Reason.CONTACT
    return bool(card)


def _subtract(texts: Sequence[str], why: list[Reason | None], sent: SentText) -> None:
    own = _own(texts, why)
    if not own:
        return
    cut = [at for at, reason in enumerate(why) if reason is not None]
    for at in lines_of_sent(texts, own, cut, sent):
        why[at] = Reason.SENT_MAIL


def _blocks(texts: Sequence[str], why: Sequence[Reason | None]) -> tuple[Block, ...]:
    """Lines of one fate together; blank lines go with what stands before them."""
    blocks: list[Block] = []
    start = 0
    reason: Reason | None = None
    begun = False
    for at, each in enumerate(why):
        if not texts[at].strip() or (begun and each is reason):
            continue
        if begun:
            blocks.append(Block("\n".join(texts[start:at]).strip("\n"), reason))
            start = at
        reason, begun = each, True
    if begun:
        blocks.append(Block("\n".join(texts[start:]).strip("\n"), reason))
    return tuple(blocks)
