"""Texts of a mail: charsets, flowed text, which parts are text."""

from __future__ import annotations

import pytest

from shared.mail.replies import Outcome, reply_in_mail, whole_text
from shared.mail.replies.mail_texts import decoded_bytes, unflowed


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("löschen".encode(), "utf-8", "löschen"),
        ("löschen".encode("latin-1"), "iso-8859-1", "löschen"),
        ("löschen".encode(), "iso-8859-1", "löschen"),
        ("löschen".encode(), "us-ascii", "löschen"),
        ("löschen".encode("cp1252"), "utf-8", "löschen"),
        ("löschen".encode("cp1252"), "", "löschen"),
        ("löschen".encode(), "no-such-charset", "löschen"),
        ("“no”".encode("cp1252"), "iso-8859-1", "“no”"),
        ("удалить".encode("koi8-r"), "koi8-r", "удалить"),
        ("удалить".encode(), "koi8-r", "удалить".encode().decode("koi8-r")),  # fits, so it is believed
        ("停止".encode("iso-2022-jp"), "iso-2022-jp", "停止"),
        ("①停止".encode("cp932"), "shift_jis", "①停止"),
        ("退订".encode("gb18030"), "gb2312", "退订"),
        ("取消訂閱".encode("big5"), "big5", "取消訂閱"),
        ("똠방각하".encode("cp949"), "euc-kr", "똠방각하"),
        ("żegnaj".encode("iso-8859-2"), '"ISO-8859-2"'.strip('"').lower(), "żegnaj"),
        (b"abc\xff" + "ü".encode(), "utf-8", "abc\ufffdü"),
        (b"plain", "unicode_escape", "plain"),
        (b"\\x41\xe9", "unicode_escape", "\\x41é"),
    ],
)
def test_bytes_are_read_in_the_charset_they_are_in(data: bytes, charset: str, text: str) -> None:
    assert decoded_bytes(data, charset) == text


@pytest.mark.parametrize(
    ("flowed", "joined"),
    [
        ("a \nb\n", "a b\n"),
        ("a\nb", "a\nb"),
        ("> a \n> b\nc", "> a b\nc"),
        ("> a \nb", "> a \nb"),
        (">> a \n> b", ">> a \n> b"),
        ("a \n-- \nb", "a \n-- \nb"),
        (" >a\n b", ">a\nb"),
    ],
)
def test_soft_breaks_are_undone_within_one_quote_depth(flowed: str, joined: str) -> None:
    assert unflowed(flowed, delete_space=False) == joined


def test_the_html_charset_is_found_in_its_head() -> None:
    source = '<html><head><meta charset="iso-8859-2"></head><body>żegnaj</body></html>'.encode("iso-8859-2")
    assert reply_in_mail(b"Content-Type: text/html\n\n" + source).text == "żegnaj"


@pytest.mark.parametrize("raw", [b"", b"Subject: x\n\n", b"Content-Type: image/png\n\nx"])
def test_a_mail_without_text_has_no_reply(raw: bytes) -> None:
    assert reply_in_mail(raw).outcome in (Outcome.EMPTY, Outcome.UNREADABLE)


def test_the_whole_text_has_both_texts_and_the_quotation() -> None:
    raw = b"Content-Type: text/html\n\n<p>yes</p><blockquote>https://shop.example/u/1</blockquote>"
    assert whole_text(raw).split() == ["yes", "https://shop.example/u/1"]


def mixed(*parts: tuple[str, str]) -> bytes:
    pieces = "".join(f"--b\nContent-Type: {kind}\n\n{text}\n" for kind, text in parts)
    return f'Content-Type: multipart/mixed; boundary="b"\n\n{pieces}--b--\n'.encode()


def test_a_footer_that_a_list_appends_to_html_is_not_taken_for_the_answer() -> None:
    raw = mixed(("text/html", "<p>I agree</p>"), ("text/plain", "To unsubscribe write to list@list.example"))
    assert reply_in_mail(raw).text == "I agree"


def test_a_footer_that_a_list_appends_to_text_is_cut() -> None:
    footer = "_" * 47 + "\nwalkers mailing list\nhttps://list.example/mailman/listinfo/walkers"
    assert reply_in_mail(mixed(("text/plain", "I agree"), ("text/plain", footer))).text == "I agree"


def test_a_large_attached_file_behind_a_short_answer_does_no_harm() -> None:
    raw = mixed(("text/plain", "see the picture"), ("image/png", "x" * 5_000_000))
    assert (reply_in_mail(raw).text, reply_in_mail(raw).outcome) == ("see the picture", Outcome.FOUND)


def test_an_answer_that_the_end_of_what_is_read_cuts_is_too_big() -> None:
    raw = mixed(("image/png", "x" * 3_999_800), ("text/plain", "please stop " * 100))
    assert reply_in_mail(raw).outcome is Outcome.TOO_BIG
