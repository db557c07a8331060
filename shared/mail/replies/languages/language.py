"""The form of a language's entry: the words that mail clients write around a reply. Lower case, one entry per wording."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """What clients write in one language.

    starts: how an attribution begins (`On …`). verbs: what it says the other did (`wrote`).
    sender, date, to, subject: labels of the header block that Outlook and its kin put over a quoted mail.
    original: what stands between dashes over a quoted mail. forwarded: the same, over a forwarded one.
    device: signatures that apps add, * for the device; nothing else may stand in that line.
    notices: how a disclaimer begins. private: words of which it has several. sign_offs: the line before a name. opt_out: how a footer's link for leaving is labelled.
    above: what asks for the answer above a line.
    """

    code: str
    starts: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    sender: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    original: tuple[str, ...] = ()
    forwarded: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    sign_offs: tuple[str, ...] = ()
    opt_out: tuple[str, ...] = ()
    above: tuple[str, ...] = ()


def language(code: str, **words: str) -> Language:
    """An entry whose words are written as `one | another`."""
    return Language(code, **{field: tuple(text.split(" | ")) for field, text in words.items()})
