"""Bytes to a tree: tolerant of what real mail does, capped against what hostile mail does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.mime import Caps, Part, content_type, decode, html_to_text, parse, split_head

TWO_PARTS = (
    b'Content-Type: multipart/mixed; boundary="b"\n\npreamble\n--b\nContent-Type: text/plain\n\none\n'
    b"--b\nContent-Type: text/html\n\n<p>two</p>\n--b--\nepilogue\n"
)


def root(raw: bytes, caps: Caps = Caps()) -> Part:
    return parse(raw, caps).root


def kinds(part: Part) -> list[str]:
    return [one.kind for one in part.walk()]


def test_parts_stand_between_the_delimiters() -> None:
    part = root(TWO_PARTS)
    assert kinds(part) == ["multipart/mixed", "text/plain", "text/html"]
    assert [child.body for child in part.children] == [b"one", b"<p>two</p>"]


@pytest.mark.parametrize(
    "raw",
    [
        TWO_PARTS.replace(b"\n", b"\r\n"),
        TWO_PARTS.replace(b"\n", b"\r"),
        b"\n\n \n".replace(b" ", b"") + TWO_PARTS,
        b"From someone Mon Nov 16 09:00:00 2026\n" + TWO_PARTS,
        b"\xef\xbb\xbf" + TWO_PARTS,
        TWO_PARTS.replace(b"--b--\nepilogue\n", b""),  # cut before the end delimiter
        TWO_PARTS.replace(b'; boundary="b"', b'; boundary="b'),
        TWO_PARTS.replace(b'boundary="b"', b"BOUNDARY=b"),
        TWO_PARTS.replace(b"multipart/mixed", b"MULTIPART/MIXED"),
        TWO_PARTS.replace(b"--b\n", b"--b  \n"),
        TWO_PARTS.replace(b"\n\npreamble", b"\n"),
    ],
)
def test_what_real_mail_does_to_itself_is_read_all_the_same(raw: bytes) -> None:
    assert kinds(root(raw)) == ["multipart/mixed", "text/plain", "text/html"]


def test_a_boundary_that_begins_like_another_is_not_it() -> None:
    inner = b'--b\nContent-Type: multipart/mixed; boundary="b2"\n\n--b2\n\nx\n--b2--\n'
    raw = b'Content-Type: multipart/mixed; boundary="b"\n\n' + inner + b"--b\n\ny\n--b--\n"
    outer = root(raw)
    assert len(outer.children) == 2
    assert outer.children[0].children[0].body == b"x"
    assert outer.children[1].body == b"y"


def test_a_lost_boundary_is_guessed_from_the_first_delimiter_line() -> None:
    raw = b"Content-Type: multipart/mixed\n\n------=_Part_7\nContent-Type: text/plain\n\none\n------=_Part_7--\n"
    assert kinds(root(raw)) == ["multipart/mixed", "text/plain"]


def test_a_returned_mail_is_a_leaf() -> None:
    raw = b"Content-Type: message/rfc822\n\n" + TWO_PARTS
    assert kinds(root(raw)) == ["message/rfc822"]


def test_parts_of_a_digest_are_mails() -> None:
    raw = b'Content-Type: multipart/digest; boundary="b"\n\n--b\n\nSubject: x\n\ny\n--b--\n'
    assert kinds(root(raw)) == ["multipart/digest", "message/rfc822"]


@pytest.mark.parametrize(
    ("caps", "note"),
    [
        (Caps(mail_bytes=50), "cut at 50 bytes"),
        (Caps(parts=2), "more than 2 parts"),
        (Caps(depth=0), "nested deeper than 0"),
        (Caps(headers=0), "more than 0 headers"),
    ],
)
def test_over_a_cap_the_mail_is_cut_and_marked(caps: Caps, note: str) -> None:
    mail = parse(TWO_PARTS, caps)
    assert (mail.truncated, mail.note) == (True, note)


def test_at_a_cap_nothing_is_cut() -> None:
    caps = Caps(mail_bytes=len(TWO_PARTS), parts=3, depth=1, headers=1)
    assert not parse(TWO_PARTS, caps).truncated


def test_a_delivery_report_behind_the_byte_cap_is_kept() -> None:
    raw = (
        b'Content-Type: multipart/report; boundary="b"\n\n--b\n\n'
        + b"x" * 5_000
        + b"\n--b\nContent-Type: message/delivery-status\n\nAction: failed\n--b--\n"
    )
    assert "message/delivery-status" in kinds(root(raw, Caps(mail_bytes=2_000)))


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        ("base64", b"aGVsbG8=", b"hello"),
        ("BASE64", b"aGVs\nbG8=\n", b"hello"),
        ("base64", b"aGVsbG8", b"hello"),  # no padding
        ("base64", b"aGVs!!bG8=garbage", b"hello"),
        ("base64", b"aGVsbG8=\n--", b"hello"),
        ("base64", b"a", b""),
        ("quoted-printable", b"h=65llo=\n!", b"hello!"),
        ("quoted-printable", b"h=ZZ", b"h=ZZ"),
        ("7bit", b"hello", b"hello"),
        ("x-unknown", b"hello", b"hello"),
    ],
)
def test_transfer_encodings_give_what_they_can(encoding: str, body: bytes, expected: bytes) -> None:
    part = root(b"Content-Transfer-Encoding: " + encoding.encode() + b"\n\n" + body)
    assert part.payload(1_000) == expected


def test_decoded_text_is_capped() -> None:
    part = root(b"Content-Transfer-Encoding: base64\n\n" + b"QUJD" * 1_000)
    assert part.payload(100) == (b"ABC" * 34)[:100]


@pytest.mark.parametrize(
    ("data", "charset", "expected"),
    [
        ("é".encode(), "", "é"),
        ("é".encode("latin-1"), "", "é"),
        ("é".encode("latin-1"), "iso-8859-1", "é"),
        ("一杯".encode("iso-2022-jp"), "ISO-2022-JP", "一杯"),
        ("тест".encode("koi8-r"), '"koi8-r"', "тест"),
        ("é".encode(), "x-klingon-8", "é"),
        ("é".encode("latin-1"), "utf-8", "\ufffd"),
        (b"a-b", "punycode", "a-b"),  # a codec, but no charset of mail
        ("宛先不明".encode(), "iso-2022-jp", "宛先不明"),  # a translated template below an old header
        ("邮箱不存在，鎔".encode("gb18030"), "gb2312", "邮箱不存在，鎔"),  # GB 2312 has not the last of them
        (b"a\\q", "unicode_escape", "a\\q"),
        (b"61", "hex", "61"),
    ],
)
def test_a_lying_or_unknown_charset_never_stops_the_reading(data: bytes, charset: str, expected: str) -> None:
    assert decode(data, charset) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/plain", ("text/plain", {})),
        ("Text/Plain; Charset=UTF-8", ("text/plain", {"charset": "UTF-8"})),
        (
            'multipart/report; report-type="delivery-status"; boundary="a;b"',
            ("multipart/report", {"report-type": "delivery-status", "boundary": "a;b"}),
        ),
        ("text", ("text/plain", {})),
        ("", ("text/plain", {})),
        ("text/plain; charset", ("text/plain", {})),
    ],
)
def test_a_content_type_is_read_with_its_parameters(value: str, expected: tuple[str, dict[str, str]]) -> None:
    assert content_type(value) == expected


def test_head_and_body_part_at_the_first_blank_line() -> None:
    assert split_head(b"A: b\n\nc\n\nd") == (b"A: b", b"c\n\nd")
    assert split_head(b"A: b") == (b"A: b", b"")
    assert split_head(b"no header") == (b"", b"no header")
    assert split_head(b"\nbody") == (b"", b"body")


def test_html_becomes_its_words() -> None:
    assert html_to_text("<style>p{}</style><p>Mailbox&nbsp;full<br>a &lt; b</p>").split() == [
        "Mailbox",
        "full",
        "a",
        "<",
        "b",
    ]


@given(st.binary(max_size=400))
def test_any_bytes_give_a_tree(raw: bytes) -> None:
    for part in root(raw).walk():
        part.text(100)


@given(
    st.lists(
        st.sampled_from([b"--b", b"--b--", b"\n", b"\n\n", b"x", b"Content-Type: multipart/mixed; boundary=b", b":"]),
        max_size=30,
    )
)
def test_any_arrangement_of_delimiters_gives_a_tree(pieces: list[bytes]) -> None:
    part = root(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(pieces))
    assert sum(1 for _ in part.walk()) <= Caps().parts
