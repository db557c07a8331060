"""What is composed is read back the same, by the standard library's reader and by our own, whatever was given."""

from __future__ import annotations

import base64
import email
import email.policy
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sender.core.checking import check
from shared.mail.headers import words
from shared.mail.mime import Caps, parse
from tests.send_requests import IDS, NOW, a_mail, a_request

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
lines = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=120)
bodies = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=2_000) | st.lists(
    st.sampled_from(["x" * 500, "ü", "\r\n", "\n", "\r", ".", "From ", "--=_", " ", "\t", "=", "\x0c", "日本", "-- "]),
    max_size=60,
).map("".join)


def unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def squeezed(name: str) -> str:
    """The library's reader merges white space in a display name, and puts some between encoded words (not so RFC 2047 §6.2)."""
    return re.sub(r"\s+", "", name)


@settings(deadline=None, max_examples=60)
@given(lines, lines, lines, lines)
def test_header_texts_are_read_back(subject: str, name: str, from_name: str, value: str) -> None:
    request = a_request(
        subject=subject,
        from_name=from_name,
        to=[{"email": "anna@example.net", "name": name}],
        headers=[{"name": "X-A", "value": value}],
    )
    mail = email.message_from_bytes(a_mail(request).mime, policy=email.policy.default)
    expected = subject.strip()
    assert [field.lower() for field in mail] == [
        "date", "from", "to", "message-id", "subject", "x-apiconnect-reference", "x-a", "mime-version", "content-type",
        "content-transfer-encoding",
    ]  # fmt: skip
    if check(request, now=NOW) is None:
        ours = parse(a_mail(request).mime, Caps()).root.headers
        assert words(ours.get("subject")) == expected
        if not name.isascii():
            assert words(ours.get("to")) == f"{name.strip()} <anna@example.net>"
        assert mail["subject"] == expected
        assert mail["x-a"] == value.strip()
        assert squeezed(mail["to"].addresses[0].display_name) == squeezed(name)
        assert mail["to"].addresses[0].addr_spec == "anna@example.net"
        assert squeezed(mail["from"].addresses[0].display_name) == squeezed(from_name)


@settings(deadline=None, max_examples=60)
@given(bodies, bodies)
def test_bodies_are_read_back(text: str, html: str) -> None:
    composed = a_mail(text=f"a{text}", html=f"b{html}")
    parts = list(email.message_from_bytes(composed.mime, policy=email.policy.default).walk())
    ours = list(parse(composed.mime, Caps()).root.walk())
    for number, source in ((1, f"a{text}"), (2, f"b{html}")):
        assert unix(parts[number].get_payload(decode=True).decode()) == unix(source)  # type: ignore[union-attr]
        assert unix(ours[number].text(100_000)) == unix(source)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=500), lines.filter(lambda name: name.strip() == name and not set(name) & set("/\\")))
def test_files_are_read_back(content: bytes, name: str) -> None:
    file = {"filename": (name or "a")[:80], "content": base64.b64encode(content).decode()}
    part = next(
        email.message_from_bytes(a_mail(attachments=[file]).mime, policy=email.policy.default).iter_attachments()
    )
    assert part.get_payload(decode=True) == content
    assert part.get_filename() == file["filename"]


@settings(deadline=None, max_examples=60)
@given(
    st.fixed_dictionaries(
        {
            "subject": st.text(max_size=200).filter(lambda text: not set(text) & set("\r\n\0")),
            "text": bodies.map(lambda text: f"a{text}"),
            "headers": st.lists(st.builds(dict, name=st.from_regex(r"X-[A-Za-z]{1,20}", fullmatch=True), value=lines), max_size=3),
            "bcc": st.lists(st.builds(dict, email=st.just("b@example.net"), name=lines), max_size=2),
            "attachments": st.lists(st.builds(dict, filename=st.just("ü.bin"), content=st.just("AAEC")), max_size=2),
        }
    )
)  # fmt: skip
def test_whatever_was_asked_for_the_mail_is_7_bit_clean_with_short_lines(fields: dict[str, Any]) -> None:
    mime = a_mail(a_request(**fields)).mime
    head, _, _ = mime.partition(b"\r\n\r\n")
    assert max(mime) < 128
    assert b"\0" not in mime
    assert mime.count(b"\r") == mime.count(b"\n") == mime.count(b"\r\n")
    assert max(len(line) for line in mime.split(b"\r\n")) <= 998
    assert not CONTROL.search(head.decode().replace("\r\n", ""))
    assert head.count(b"\r\nSubject: ") == 1
    assert head.count(IDS.reference.encode()) == 1
