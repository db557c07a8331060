"""What Graph's JSON form can carry of a mail, and what is refused by name instead of being lost."""

from __future__ import annotations

from base64 import b64decode
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from shared.mail.json_form import JsonFormRefused, graph_message, refused_headers

OURS = "X-ApiConnect-Reference"
USUAL = ["From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        ([], []),
        ([*USUAL, OURS], []),
        ([OURS, "X-1", "X-2", "x-3", "X-4"], []),  # five with ours
        ([OURS, "X-1", "X-2", "X-3", "X-4", "X-5"], ["X-5"]),
        (["X-1", "X-2", "X-3", "X-4", "X-5"], ["X-5"]),  # ours counts, though it is not there yet
        (["X-1", "X-2", "X-3", "X-4", "X-4", OURS], ["X-4"]),  # twice is two
        (["X-1", "X-2", "X-3", "X-4", "X-5", "X-6", OURS], ["X-5", "X-6"]),  # ours is never the one
        (["List-Unsubscribe", "In-Reply-To", "X-1"], ["List-Unsubscribe", "In-Reply-To"]),
        (["Precedence", "xmailer"], ["Precedence", "xmailer"]),
    ],
)
def test_headers_that_can_not_go_are_named(names: list[str], refused: list[str]) -> None:
    assert [one.name for one in refused_headers(names)] == refused
    assert all(one.reason for one in refused_headers(names))


def a_mail() -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Bcc"] = (
        "Ähre <news@acme.example>",
        "a@example.net, B <b@example.net>",
        "c@example.net",
    )
    mail["Subject"], mail["Message-ID"], mail[OURS] = "Grüße", "<1@acme.example>", "ref-1"
    mail.set_content("Hallo\n")
    return mail


def address(one: str, name: str = "") -> dict[str, dict[str, str]]:
    return {"emailAddress": {"address": one, **({"name": name} if name else {})}}


def test_a_plain_mail_becomes_a_message() -> None:
    assert graph_message(a_mail().as_bytes()) == {
        "subject": "Grüße",
        "body": {"contentType": "Text", "content": "Hallo\r\n"},
        "toRecipients": [address("a@example.net"), address("b@example.net", "B")],
        "bccRecipients": [address("c@example.net")],
        "from": address("news@acme.example", "Ähre"),
        "internetMessageId": "<1@acme.example>",
        "internetMessageHeaders": [{"name": OURS, "value": "ref-1"}],
    }


def test_the_page_is_taken_where_there_is_one_and_files_go_along() -> None:
    mail = a_mail()
    mail.add_alternative("<p>Hallo</p>", subtype="html")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    mail.add_attachment("text", filename="b.txt")
    message = graph_message(mail.as_bytes())
    assert message["body"] == {"contentType": "HTML", "content": "<p>Hallo</p>\r\n"}
    assert [(one["name"], one["contentType"]) for one in message["attachments"]] == [
        ("a.pdf", "application/pdf"),
        ("b.txt", "text/plain"),
    ]
    assert b64decode(message["attachments"][0]["contentBytes"]) == b"%PDF"


def test_a_picture_inside_the_page_stays_inside() -> None:
    mail = a_mail()
    mail.add_alternative("<img src='cid:logo@acme'>", subtype="html")
    page = mail.get_body(("html",))
    assert isinstance(page, EmailMessage)
    page.add_related(b"png", "image", "png", cid="<logo@acme>")
    (picture,) = graph_message(mail.as_bytes())["attachments"]
    assert (picture["contentId"], picture["isInline"]) == ("logo@acme", True)


def test_a_mail_without_headers_of_its_own_has_no_list_of_them() -> None:
    mail = a_mail()
    del mail[OURS]
    assert "internetMessageHeaders" not in graph_message(mail.as_bytes())


def test_a_mail_with_a_header_that_can_not_go_is_refused_whole() -> None:
    mail = a_mail()
    mail["List-Unsubscribe"] = "<https://acme.example/u>"
    with pytest.raises(JsonFormRefused, match="List-Unsubscribe") as refused:
        graph_message(mail.as_bytes())
    assert [one.name for one in refused.value.headers] == ["List-Unsubscribe"]


@pytest.mark.parametrize(
    "kind", ["multipart/signed; boundary=b; protocol=x", "application/pdf", "multipart/mixed; boundary=nowhere"]
)
def test_a_mail_without_a_body_of_text_is_refused(kind: str) -> None:
    raw = f"To: <a@example.net>\r\nContent-Type: {kind}\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n".encode()
    with pytest.raises(JsonFormRefused):
        graph_message(raw)
