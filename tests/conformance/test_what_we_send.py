"""Mail that our own client sent, as Google's and Microsoft's clients see it in Sent Items."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.mailboxes import Provider
from shared.domain.sending import MailForm
from shared.providers.catalogue import catalogue
from shared.providers.gmail.key_file import read_google_key
from shared.providers.http import Transport
from shared.providers.pacing import PacedBudget
from shared.providers.provider import Mailbox
from shared.providers.token_bucket import TokenBucket
from tests.conformance.conftest import CLIENT, GMAIL, M365, SECRET, TENANT, Here
from tests.conformance.google_client import GoogleClient
from tests.conformance.graph_client import GraphClient

ACCOUNT = "sender@proj.iam.gserviceaccount.com"
REFERENCE = "X-ApiConnect-Reference"


def a_mail(sender: str, *, file: int = 0, more: bool = True) -> bytes:
    """A newsletter with both of its marks; with a file of so many bytes."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = f"News <{sender}>", "Some Body <somebody@example.net>"
    mail["Subject"], mail["Message-ID"], mail[REFERENCE] = "Grüße", "<ours@news.example>", "ref-1"
    if more:
        mail["List-Unsubscribe"] = "<https://news.example/u/1>"
    mail.set_content("Hallo\n")
    mail.add_alternative("<p>Hallo</p>", subtype="html")
    if file:
        mail.add_attachment(b"%PDF" + b"x" * file, maintype="application", subtype="pdf", filename="a.pdf")
    return mail.as_bytes()


@pytest.fixture
def transport(here: Here) -> Iterator[Transport]:
    made = Transport(ca_file=str(here.running.ca_file))
    yield made
    made.close()


def opened(transport: Transport, key: ApiKey, address: str, scopes: str) -> Mailbox:
    record = catalogue(transport)[key.provider]
    bucket = TokenBucket(record.limits, level=record.limits.burst)
    budget = PacedBudget(bucket.reserve_for("conformance"), record.limits)
    return record.open_mailbox(key, address, lambda renew: record.acquire_token(key, address, scopes), budget)


@pytest.fixture
def our_graph(here: Here, transport: Transport) -> Mailbox:
    """Our client on the mailbox that the SDK looks into; always over https, or no token is given."""
    ends = Endpoints(here.running.https_url, here.running.https_url)
    key = ApiKey(
        1, "k", None, Provider.MICROSOFT, "k", "f", ends, tenant_id=TENANT, client_id=CLIENT, client_secret=SECRET
    )
    return opened(transport, key, M365, ".default")


@pytest.fixture
def our_gmail(here: Here, transport: Transport) -> Mailbox:
    """Our client on the mailbox that Google's looks into."""
    key_file = here.control.register_service_account(ACCOUNT, token_uri=f"{here.url}/token")
    assert key_file is not None
    ends = Endpoints(f"{here.url}/token", here.url)
    found = read_google_key(key_file["private_key"])
    key = ApiKey(
        1,
        "k",
        None,
        Provider.GOOGLE,
        "k",
        "f",
        ends,
        service_account_email=ACCOUNT,
        private_key=found.private_key,
        private_key_id=key_file["private_key_id"],
    )
    return opened(transport, key, GMAIL, "https://www.googleapis.com/auth/gmail.modify")


@pytest.mark.parametrize("way", ["mime", "json", "draft", "large"])
def test_microsofts_client_sees_it_in_sent_items(graph: GraphClient, our_graph: Mailbox, way: str) -> None:
    match way:
        case "json":
            our_graph.send(a_mail(M365, more=False), form=MailForm.JSON)
        case "draft":
            our_graph.send_draft(our_graph.create_draft(a_mail(M365)))
        case _:
            our_graph.send(a_mail(M365, file=5_000_000 if way == "large" else 0))
    mailbox = graph.mailbox(M365)
    (copy,) = graph.run(mailbox.mail_folders.by_mail_folder_id("sentitems").messages.get()).value
    assert (copy.subject, copy.internet_message_id) == ("Grüße", "<ours@news.example>")
    assert (copy.is_draft, copy.is_read, copy.has_attachments) == (False, True, way == "large")
    assert [one.email_address.address for one in copy.to_recipients] == ["somebody@example.net"]
    raw: Any = graph.run(mailbox.messages.by_message_id(copy.id).content.get())
    seen = message_from_bytes(raw, policy=SMTP)
    assert seen[REFERENCE] == "ref-1"
    assert ("List-Unsubscribe" in seen) is (way != "json")
    assert graph.run(mailbox.mail_folders.by_mail_folder_id("drafts").messages.get()).value == []


@pytest.mark.parametrize("way", ["mime", "draft", "large"])
def test_googles_client_sees_it_under_sent(here: Here, gmail: GoogleClient, our_gmail: Mailbox, way: str) -> None:
    mail = a_mail(GMAIL, file=5_000_000 if way == "large" else 0)
    ids = our_gmail.send_draft(our_gmail.create_draft(mail)) if way == "draft" else our_gmail.send(mail)
    (listed,) = gmail.messages.list(userId="me", labelIds=["SENT"]).execute()["messages"]
    assert (listed["id"], listed["threadId"]) == (ids.provider_mail_id, ids.thread_id)
    found = gmail.messages.get(userId="me", id=listed["id"], format="raw").execute()
    seen = message_from_bytes(urlsafe_b64decode(found["raw"]), policy=SMTP)
    assert (found["labelIds"], seen["Subject"], seen[REFERENCE]) == (["SENT"], "Grüße", "ref-1")
    assert "List-Unsubscribe" in seen
    assert seen["Message-ID"] == f"<{our_gmail.read_back(listed['id']).message_id}>" != "<ours@news.example>"
    assert gmail.drafts.list(userId="me").execute() == {"resultSizeEstimate": 0}
