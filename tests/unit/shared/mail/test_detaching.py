"""Large attachments are taken out of a mail of ours, and everything else stays as it was."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from shared.mail.detaching import CanNotPart, parted

BIG = bytes(range(256)) * 200  # 51,200 bytes


def a_mail(*files: tuple[str, bytes], html: bool = False) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["To"], mail["Subject"], mail["X-Kept"] = "a@example.net", "Grüße", "yes"
    mail["List-Unsubscribe"] = "<https://acme.example/u>"
    mail.set_content("Hallo\nzusammen\n")
    if html:
        mail.add_alternative("<p>Hallo</p>", subtype="html")
    for name, content in files:
        mail.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return mail


def test_a_mail_that_fits_loses_nothing() -> None:
    raw = a_mail(("a.pdf", BIG)).as_bytes()
    assert parted(raw, len(raw)).rest == raw
    assert parted(raw, len(raw)).attachments == ()


def test_the_attachment_comes_out_whole_and_the_header_stays() -> None:
    raw = a_mail(("Übersicht.pdf", BIG), html=True).as_bytes()
    found = parted(raw, 10_000)
    assert [(one.name, one.kind, one.content) for one in found.attachments] == [
        ("Übersicht.pdf", "application/pdf", BIG)
    ]
    assert found.rest.startswith(raw[: raw.index(b"\r\n\r\n")])
    rest = message_from_bytes(found.rest, policy=SMTP)
    assert [part.get_content_type() for part in rest.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_only_as_many_are_taken_as_must_be_the_largest_first_and_in_the_mails_order() -> None:
    raw = a_mail(("small.pdf", BIG[:3_000]), ("large.pdf", BIG), ("middle.pdf", BIG[:30_000])).as_bytes()
    assert [one.name for one in parted(raw, len(raw) - 60_000).attachments] == ["large.pdf"]
    assert [one.name for one in parted(raw, 10_000).attachments] == ["large.pdf", "middle.pdf"]
    rest = message_from_bytes(parted(raw, 10_000).rest, policy=SMTP)
    assert isinstance(rest, EmailMessage)
    assert [(part.get_filename(), part.get_content()) for part in rest.iter_attachments()] == [
        ("small.pdf", BIG[:3_000])
    ]


def test_a_picture_inside_the_text_keeps_its_content_id() -> None:
    mail = a_mail(html=True)
    (_, page) = mail.iter_parts()
    assert isinstance(page, EmailMessage)
    page.add_related(BIG, "image", "png", cid="<logo@acme>", filename="logo.png", disposition="inline")
    (picture,) = parted(mail.as_bytes(), 5_000).attachments
    assert (picture.content_id, picture.inline, picture.content) == ("logo@acme", True, BIG)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_the_content_is_decoded_whatever_its_encoding(encoding: str) -> None:
    text = "Zeile – mit Ümlaut\r\n" * 900
    part = EmailMessage(policy=SMTP)
    part.set_content(text, cte=encoding, charset="utf-8", disposition="attachment", filename="a.txt")
    raw = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + part.as_bytes()
    raw = raw.removesuffix(b"\r\n") + b"\r\n--b--"
    (one,) = parted(raw, 1_000).attachments
    assert one.content.decode().rstrip() == text.rstrip()
    assert one.kind == "text/plain; charset=utf-8"


def odd(header: bytes) -> bytes:
    """A mail whose one attachment has another header field, or is of an odd kind."""
    return (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename=a\r\n"
        + header
        + b"\r\n\r\n"
        + b"x" * 9_000
        + b"\r\n--b--\r\n"
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: one long text\r\n\r\n" + b"x" * 9_000,
        odd(b"Content-Type: application/pdf\r\nX-Part: 1"),  # a field that an attachment at the provider can't hold
        odd(b"Content-Type: application/pdf; profile=a"),
        odd(b"Content-Type: message/rfc822"),
        odd(b"Content-Type: application/pdf").replace(b"multipart/mixed", b"multipart/signed"),
        odd(b"Content-Type: application/pdf").replace(b"boundary=b", b"boundary=c"),
        odd(b"Content-Type: application/pdf").replace(b"; boundary=b", b""),
        b"x" * 9_000,
    ],
)
def test_what_would_not_come_back_unchanged_stays_and_the_mail_is_refused(raw: bytes) -> None:
    with pytest.raises(CanNotPart, match=r"still has \d+ bytes, and 1000 is the most"):
        parted(raw, 1_000)
    assert parted(raw, len(raw)).rest == raw
