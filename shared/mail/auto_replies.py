"""Mail that a machine answered with: auto-replies and their kin (RFC 3834), list mail, receipts (RFC 8098)."""

from __future__ import annotations

import re

from shared.mail.headers import Headers, words


def is_auto_reply(headers: Headers) -> bool:
    """Whether the headers say `automatic answer`.

    Delivery reports often carry `Auto-Submitted: auto-replied` too, so ask only after the mail is known not to be one.
    """
    submitted = headers.get("auto-submitted").lower()
    return submitted.startswith(("auto-replied", "auto-notified")) or is_marked_auto_reply(headers)


def is_marked_auto_reply(headers: Headers) -> bool:
    """Whether a mark that no delivery report has says `automatic answer`: fields of autoresponders, or the subject."""
    if any(headers.any_begins(start) and any(name in headers for name in _MARKS[start]) for start in _MARKS):
        return True
    if "auto_reply" in (headers.get("x-precedence").lower(), headers.get("precedence").lower()):
        return True
    return bool(_SUBJECT.search(words(headers.get("subject"))[:300]))


def is_list_mail(headers: Headers) -> bool:
    """Whether a mailing list distributed it (RFC 2369, 2919): such mail quotes anything."""
    return any(name in headers for name in ("list-id", "list-post", "list-unsubscribe", "x-mailing-list"))


# By what they begin with: few mails have a field that does, so that three searches say no instead of seven.
_MARKS = {
    "x-auto": ("x-autoreply", "x-autorespond", "x-autoreply-from", "x-autoresponder", "x-auto-response-from"),
    "x-vacation": ("x-vacation",),
    "x-mail-autoreply": ("x-mail-autoreply",),
}
_SUBJECT = re.compile(
    r"^\s{0,8}\[?(?:re:\s{0,4})?(?:auto(?:matic|mated)?[ -]?(?:reply|response|responder|antwort)|auto:|autoreply"
    r"|out of (?:the )?office"
    r"|away from (?:the |my )?(?:office|mail)|on (?:vacation|holiday|leave)|vacation (?:reply|notice|response)"
    r"|abwesen|automatische (?:antwort|abwesenheit)|r[ée]ponse automatique|absence du bureau|respuesta autom[áa]tica"
    r"|risposta automatica|fuori sede|resposta autom[áa]tica|automatisch antwoord|afwezig|automatyczna odpowied|autosvar"
    r"|自動(?:返信|応答)"
    r"|自动(?:回复|答复)|автоответ|автоматический ответ)|\((?:automatic|auto) (?:response|reply)\)",
    re.IGNORECASE,
)
