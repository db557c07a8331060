"""The composed mail: what stands in it, in what form, and that it is the same each time."""

from __future__ import annotations

import base64
import email
import email.policy
from dataclasses import replace
from datetime import timedelta, timezone
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest

from services.sender.core.composing import NotComposable, compose
from shared.domain.mailboxes import Provider
from shared.domain.sending import Ids, Reason
from shared.mail.mime import Caps, parse
from tests.send_requests import IDS, NOW, SENDER, a_mail, a_request

STORED = UUID("0198aaaa-bbbb-7ccc-8ddd-eeeeffff0009")
LOGO = {"filename": "logo.png", "content_type": "image/png", "content": "iVBORw0KGgo=", "content_id": "logo@1"}
PDF = {"filename": "a.pdf", "content_type": "application/pdf", "content": base64.b64encode(bytes(range(200))).decode()}


def read(mime: bytes) -> EmailMessage:
    """As the standard library reads it."""
    found = email.message_from_bytes(mime, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def fields(**given: Any) -> EmailMessage:
    return read(a_mail(**given).mime)


def shape(message: Any) -> Any:
    """`multipart` types as (subtype, parts), others as their type."""
    if not message.is_multipart():
        return message.get_content_type()
    return (message.get_content_subtype(), *(shape(part) for part in message.iter_parts()))


def test_a_plain_mail_is_short_and_readable() -> None:
    assert a_mail().mime.decode() == (
        "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
        "From: shop@news.example.com\r\n"
        "To: anna@example.net\r\n"
        "Message-ID: <0198aaaa.1@news.example.com>\r\n"
        "Subject: Your receipt\r\n"
        f"X-ApiConnect-Reference: {IDS.reference}\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "Thank you for your order."
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "text/plain"),
        ({"text": ..., "html": "<p>"}, "text/html"),
        ({"text": " \n", "html": "<p>"}, "text/html"),
        ({"html": "<p>"}, ("alternative", "text/plain", "text/html")),
        ({"attachments": [PDF]}, ("mixed", "text/plain", "application/pdf")),
        (
            {"html": "<img src='cid:logo@1'>", "attachments": [LOGO, PDF]},
            ("mixed", ("alternative", "text/plain", ("related", "text/html", "image/png")), "application/pdf"),
        ),
        ({"html": "<img src='cid:logo@1'>", "text": ..., "attachments": [LOGO]}, ("related", "text/html", "image/png")),
        ({"html": "<p>no image</p>", "text": ..., "attachments": [LOGO]}, ("mixed", "text/html", "image/png")),
    ],
)
def test_the_mail_has_no_more_levels_than_it_needs(given: dict[str, Any], expected: Any) -> None:
    assert shape(fields(**given)) == expected


def test_an_inline_image_is_found_by_the_html_and_a_file_by_its_name() -> None:
    image, pdf = [
        part for part in fields(html="cid:logo@1", attachments=[LOGO, PDF]).walk() if part.get_filename() is not None
    ]
    assert (image["content-id"], image.get_content_disposition()) == ("<logo@1>", "inline")
    assert (pdf["content-id"], pdf.get_content_disposition()) == (None, "attachment")
    assert pdf.get_content() == bytes(range(200))


@pytest.mark.parametrize(
    "filename",
    ["a.pdf", "Rechnung Nr. 7.pdf", 'a "b";c=d.pdf', "Größe 100%.txt", "見積書.pdf", "=?utf-8?q?x?=.txt", "ü" * 120 + ".pdf",
     "x" * 250 + ".txt", "it's.txt"],
)  # fmt: skip
def test_a_file_keeps_its_name(filename: str) -> None:
    part = next(fields(attachments=[{**PDF, "filename": filename}]).iter_attachments())
    assert part.get_filename() == filename


def test_a_stored_file_is_put_in_and_one_that_is_gone_is_named() -> None:
    request = a_request(attachments=[PDF, {"filename": "b.bin", "stored": str(STORED)}])
    *_, part = read(a_mail(request, stored_files={STORED: b"\r\n\x00\xff" * 1_000}).mime).iter_attachments()
    assert part.get_content() == b"\r\n\x00\xff" * 1_000
    with pytest.raises(NotComposable) as caught:
        a_mail(request)
    assert caught.value.rejection.field == "attachments.1.stored"


def test_everyone_is_addressed_and_bcc_stands_in_its_field_for_the_provider() -> None:
    composed = a_mail(
        to=[{"email": "Anna@example.net", "name": "Müller, Anna"}, {"email": "b@MÜLLER.example"}],
        cc=[{"email": "c@example.net", "name": 'The "C" \\ Team'}],
        bcc=[{"email": "d@example.net"}],
    )
    mail = read(composed.mime)
    assert mail["to"] == '"Müller, Anna" <Anna@example.net>, b@xn--mller-kva.example'
    assert mail["cc"].addresses[0].display_name == 'The "C" \\ Team'
    assert mail["bcc"] == "d@example.net"
    assert composed.recipients == (
        ("to", "Anna@example.net"),
        ("to", "b@xn--mller-kva.example"),
        ("cc", "c@example.net"),
        ("bcc", "d@example.net"),
    )


def test_a_mail_to_hidden_recipients_only_has_no_to_field() -> None:
    mail = fields(to=[], bcc=[{"email": "d@example.net"}])
    assert (mail["to"], mail["bcc"]) == (None, "d@example.net")


@pytest.mark.parametrize(
    ("requested", "server", "seen", "shown"),
    [
        ("Asked", "Server", "Seen", "Asked <shop@news.example.com>"),
        (None, "Server", "Seen", "Server <shop@news.example.com>"),
        (None, "", "Seen", "shop@news.example.com"),  # the provider puts the mailbox's own
        (None, "A\r\nBcc: x@example.net", "", '"A Bcc: x@example.net" <shop@news.example.com>'),
    ],
)
def test_the_from_name_is_the_requests_then_the_servers(
    requested: str | None, server: str, seen: str, shown: str
) -> None:
    sender = replace(SENDER, from_name=server, display_name=seen)
    assert read(a_mail(from_name=requested, sender=sender).mime)["from"] == shown


@pytest.mark.parametrize(
    ("asked", "servers", "sent"),
    [(None, None, None), (None, "r@example.com", "r@example.com"), ("a@example.net", "r@example.com", "a@example.net")],
)
def test_replies_go_where_the_request_says_or_else_the_server(
    asked: str | None, servers: str | None, sent: str | None
) -> None:
    reply_to = {"email": asked} if asked else None
    assert read(a_mail(reply_to=reply_to, sender=replace(SENDER, reply_to=servers)).mime)["reply-to"] == sent


def test_https_is_one_click_and_mailto_is_not() -> None:
    one_click = fields(list_unsubscribe="https://example.com/u?" + "x" * 800)
    assert one_click["list-unsubscribe"] == f"<https://example.com/u?{'x' * 800}>"
    assert one_click["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    by_mail = fields(list_unsubscribe="mailto:leave@example.com?subject=leave")
    assert by_mail["list-unsubscribe"] == "<mailto:leave@example.com?subject=leave>"
    assert by_mail["list-unsubscribe-post"] is None


@pytest.mark.parametrize(
    ("targets", "head"),
    [
        (("https://a.example/u",), "List-Unsubscribe: <https://a.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"),
        (("mailto:u@a.example",), "List-Unsubscribe: <mailto:u@a.example>\r\nMIME-Version"),
        (
            ("https://a.example/u", "mailto:u@a.example"),
            "List-Unsubscribe: <https://a.example/u>,\r\n <mailto:u@a.example>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        ),
    ],
)  # fmt: skip
def test_a_lists_targets_stand_in_the_mail_with_one_click_where_one_is_https(
    targets: tuple[str, ...], head: str
) -> None:
    mime = compose(a_request(), SENDER, IDS, date=NOW, stored={}, list_targets=targets).mime
    assert head.encode() in mime
    assert len(read(mime).get_all("list-unsubscribe", [])) == 1


def test_the_requests_own_target_goes_before_the_lists() -> None:
    own = a_request(list_unsubscribe="mailto:own@example.com")
    found = read(compose(own, SENDER, IDS, date=NOW, stored={}, list_targets=("https://a.example/u",)).mime)
    assert found["list-unsubscribe"] == "<mailto:own@example.com>"
    assert found["list-unsubscribe-post"] is None


def test_two_targets_of_the_greatest_length_keep_every_line_short_enough() -> None:
    longest = ("https://a.example/".ljust(900, "x"), "mailto:u@a.example?subject=".ljust(900, "x"))
    mime = compose(a_request(), SENDER, IDS, date=NOW, stored={}, list_targets=longest).mime
    assert max(len(line) for line in mime.split(b"\r\n")) <= 998


def test_the_requests_headers_are_kept_in_order_doubles_too() -> None:
    given = [
        ("X-B", "1"),
        ("x-a", "ü " * 60),
        ("X-B", "2"),
        ("References", " ".join(f"<{n}@x.example>" for n in range(40))),
    ]
    mail = fields(headers=[{"name": name, "value": value} for name, value in given])
    kept = [(name, str(value)) for name, value in mail.items() if name.lower() in ("x-a", "x-b", "references")]
    assert kept == [(name, value.strip()) for name, value in given]


def test_the_tag_is_filled_in_everywhere_but_in_attachments() -> None:
    tag = "[DS_FROM_NAME]"
    file = {"filename": "a.txt", "content": base64.b64encode(tag.encode()).decode()}
    composed = a_mail(subject=f"From {tag}", text=f"- {tag}", html=f"<b>{tag}", from_name="A & B", attachments=[file])
    assert (composed.subject, composed.text, composed.html) == ("From A & B", "- A & B", "<b>A &amp; B")
    assert next(read(composed.mime).iter_attachments()).get_content() == tag.encode()


def test_neither_a_name_nor_a_merge_value_is_expanded_again() -> None:
    tag = "[DS_FROM_NAME]"
    composed = a_mail(text=f"{{{{ v }}}} {tag}", merge={"v": f"{tag} {{{{ v }}}}"}, from_name=f"{{{{ v }}}} {tag}")
    assert composed.text == f"{tag} {{{{ v }}}} {{{{ v }}}} {tag}"


def test_merge_fields_reach_subject_text_and_html() -> None:
    composed = a_mail(subject="{{ n }}", text="{{ n }}", html="{{ n }}", merge={"n": "<Ä>"})
    assert (composed.subject, composed.text, composed.html) == ("<Ä>", "<Ä>", "&lt;Ä&gt;")


def test_braces_without_merge_fields_stay_as_they_are() -> None:
    assert a_mail(text="{{ n }} {% x").text == "{{ n }} {% x"


def test_a_template_that_fails_after_all_is_a_rejection() -> None:
    with pytest.raises(NotComposable) as caught:
        a_mail(html="{{ n }}", merge={"m": 1})
    assert (caught.value.rejection.reason, caught.value.rejection.field) == (Reason.TEMPLATE, "html")


def test_a_servers_address_that_can_not_be_used_is_told_as_the_servers() -> None:
    with pytest.raises(NotComposable, match="server"):
        a_mail(sender=replace(SENDER, address="müller@example.com"))


def test_what_monitors_take_off_a_reply_is_the_text_else_the_words_of_the_html() -> None:
    assert a_mail(text="Hello", html="<p>Other</p>").text_sent == "Hello"
    assert a_mail(text=..., html="<p>Hello <b>you</b></p>").text_sent.split() == ["Hello", "you"]


def test_the_same_send_is_the_same_mail_to_the_byte_and_another_is_not() -> None:
    given = {"html": "<img src='cid:logo@1'>", "attachments": [LOGO, PDF], "merge": {"a": 1}, "text": "[DS_FROM_NAME]"}
    assert a_mail(**given).mime == a_mail(**given).mime
    assert a_mail(**given).mime != a_mail(**given, ids=replace(IDS, message_id="other@news.example.com")).mime
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert compose(a_request(), SENDER, IDS, date=elsewhere, stored={}).mime == a_mail().mime


@pytest.mark.parametrize("provider", Provider)
def test_the_mail_is_the_same_for_both_providers(provider: Provider) -> None:
    assert a_mail(sender=replace(SENDER, provider=provider)).mime == a_mail().mime


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain", "7bit"),
        ("x" * 990, "7bit"),
        ("x" * 991, "quoted-printable"),
        ("x\n" * 5_000, "7bit"),
        ("Viele Grüße und auf Wiedersehen im Laden, " * 20, "quoted-printable"),
        ("注文ありがとうございます", "base64"),
        ("a\n--=_a" + "b" * 24, "quoted-printable"),  # could be taken for a boundary
    ],
)
def test_a_text_is_encoded_no_more_than_it_needs(text: str, encoding: str) -> None:
    mail = fields(text=text)
    assert mail["content-transfer-encoding"] == encoding
    assert mail.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")


def test_our_own_reader_reads_it_too() -> None:
    composed = a_mail(subject="Größe", text="Grüße\n", html="<p>Grüße", attachments=[PDF])
    parts = list(parse(composed.mime, Caps()).root.walk())
    assert [part.kind for part in parts] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf",
    ]  # fmt: skip
    assert parts[2].text(1_000) == "Grüße\r\n"
    assert parts[4].payload(1_000) == bytes(range(200))
    assert parts[0].headers.get("x-apiconnect-reference") == IDS.reference


def test_500_recipients_and_a_long_reference_keep_every_line_short() -> None:
    people = [{"email": f"{'a' * 60}{n}@example.net", "name": "Ä" * 300} for n in range(500)]
    mime = a_mail(to=people, ids=Ids("m@x.example", "r" * 100)).mime
    assert max(len(line) for line in mime.split(b"\r\n")) <= 998
