"""The words that mail clients write around a reply, by language, as data."""

from __future__ import annotations

from shared.mail.replies.languages.east_asian import EAST_ASIAN
from shared.mail.replies.languages.germanic import GERMANIC
from shared.mail.replies.languages.language import Language
from shared.mail.replies.languages.other import OTHER
from shared.mail.replies.languages.romance import ROMANCE

__all__ = ["LANGUAGES", "Language"]

LANGUAGES: tuple[Language, ...] = (*GERMANIC, *ROMANCE, *OTHER, *EAST_ASIAN)
