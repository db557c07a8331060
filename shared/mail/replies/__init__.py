"""What a person wrote in a reply, without what they quoted, signed or were made to append. Pure, linear, capped."""

from __future__ import annotations

from shared.mail.replies.extracting import reply_in_html, reply_in_mail, reply_in_text, reply_in_texts
from shared.mail.replies.mail_texts import MailTexts, mail_texts, whole_text
from shared.mail.replies.reply import Block, Limits, Outcome, Reason, Reply

__all__ = [
    "Block",
    "Limits",
    "MailTexts",
    "Outcome",
    "Reason",
    "Reply",
    "mail_texts",
    "reply_in_html",
    "reply_in_mail",
    "reply_in_text",
    "reply_in_texts",
    "whole_text",
]
