"""What tests are about, valid by default: say only what matters.

Rows go in through the product's own storage functions. Mails are written out here, independently of the code that reads them
and of the simulator that composes them.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from shared.domain.api_keys import GOOGLE_ENDPOINTS, MICROSOFT_ENDPOINTS, Endpoints
from shared.domain.bounces import (
    BounceClass,
    MailFinding,
    MailKind,
    RecipientFinding,
    Reference,
    ReferenceSource,
)
from shared.domain.installation import BounceServerRecord, CustomerRecord, KeyRecord, ListRecord
from shared.domain.mailboxes import Disposal, Folder, ListedMail, MailboxId, MailId, Provider
from shared.domain.sent_mail import SentMail, SentRecipient
from shared.domain.watchers import Watcher
from shared.storage import api_keys, fetched_mail, sent_mail, serving
from shared.storage.database import Connection, Database
from shared.storage.provisioning import bounce_servers, customers, keys, mailings
from shared.storage.sealing import Fingerprints, Sealer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SEALING_KEYS = "k1:" + base64.b64encode(bytes(range(32))).decode()
SEALER = Sealer.parse(SEALING_KEYS)
FINGERPRINT = Fingerprints(b"tests")
MESSAGE_ID = "mail-1@news.example.com"
READER = "reader@example.net"


# Rows ----------------------------------------------------------------------------------------------------------------------


def a_customer(database: Database, uid: str = "acme") -> int:
    """A customer; the same one if it is there."""
    with database.transaction() as connection:
        customers.save_customer(connection, CustomerRecord(uid, uid.title()))
        return _id(connection, "select id from customers where uid = %s", uid)


def a_system_key(
    database: Database,
    *,
    uid: str = "key",
    customer: str | None = None,
    provider: Provider = Provider.MICROSOFT,
    secret: str = "the-secret",
    endpoints: Endpoints | None = None,
    identity: str = "",
) -> int:
    """An API key, the operator's unless a customer is named. identity: client id or service account."""
    google = provider is Provider.GOOGLE
    at = endpoints or (GOOGLE_ENDPOINTS if google else MICROSOFT_ENDPOINTS)
    if customer is not None:
        a_customer(database, customer)
    who = identity or ("robot@project.iam.gserviceaccount.com" if google else f"client-{uid}")
    record = KeyRecord(
        uid=uid,
        name=uid,
        provider=provider.value,
        customer=customer,
        tenant_id="" if google else "11111111-2222-3333-4444-555555555555",
        client_id="" if google else who,
        service_account_email=who if google else "",
        private_key_id="k" if google else "",
        credential=FINGERPRINT(who, secret),
        authority_url=at.authority,
        api_url=at.api,
    )
    with database.transaction() as connection:
        return keys.save(connection, record, SEALER.seal(secret.encode(), api_keys.belongs_to(uid)))


def a_bounce_server(
    database: Database,
    email: str = "bounces@news.example.com",
    *,
    name: str = "",
    key: str = "key",
    key_owner: str | None = None,
    customer: str | None = None,
    provider: Provider = Provider.MICROSOFT,
    disposal: Disposal = Disposal.TRASH,
    move_to: str | None = None,
    dry_run: bool = False,
    read_junk: bool = True,
    only_mail_from: datetime | None = None,
    poll_seconds: int = 600,
    blacklist_scope: str = "customer",
    status: str = "active",
) -> MailboxId:
    """A bounce server with its key and mailbox; returns the mailbox. `customer` None: the operator's, for all mail."""
    with database.transaction() as connection:
        known = connection.execute("select 1 from api_keys where uid = %s", (key,)).fetchone()
    if known is None:
        a_system_key(database, uid=key, provider=provider, customer=key_owner)
    if customer is not None:
        a_customer(database, customer)
    record = BounceServerRecord(
        uid=f"{key}/{name or email}",
        name=name or f"{email} by {key}",
        provider=provider.value,
        email=email,
        key=key,
        customer=customer,
        status=status,
        disposal=disposal.value,
        move_to=move_to,
        read_junk=read_junk,
        dry_run=dry_run,
        only_mail_from=only_mail_from,
        poll_seconds=poll_seconds,
        blacklist_scope=blacklist_scope,
    )
    with database.transaction() as connection:
        bounce_servers.save(connection, record)
        found = _id(connection, "select mailbox_id from bounce_servers where uid = %s", record.uid)
    return MailboxId(found)


def a_mailbox(database: Database, email: str = "bounces@news.example.com", *, key: str = "key") -> MailboxId:
    """A mailbox that one bounce server of the operator looks into."""
    return a_bounce_server(database, email, key=key)


def a_list(database: Database, uid: str = "news", *, customer: str = "acme") -> int:
    """A list of a customer."""
    a_customer(database, customer)
    with database.transaction() as connection:
        mailings.save_list(connection, ListRecord(uid, customer, uid.title()))
        return _id(connection, "select id from lists where uid = %s", uid)


def a_subscriber(
    database: Database, email: str = READER, *, in_list: str = "news", customer: str = "acme", status: str = "confirmed"
) -> int:
    """A subscriber of a list."""
    a_list(database, in_list, customer=customer)
    with database.transaction() as connection:
        return _id(
            connection,
            "insert into subscribers (uid, customer_id, list_id, email, status)"
            " select gen_random_uuid()::text, customer_id, id, %s, %s from lists where uid = %s returning id",
            email,
            status,
            in_list,
        )


def a_sent_mail(
    database: Database,
    *recipients: str,
    message_id: str = MESSAGE_ID,
    reference: str = "",
    customer: str = "acme",
    in_list: str | None = "news",
    sent_at: datetime | None = None,
) -> int:
    """A mail in the log of sent mail, sent an hour ago to `recipients`, whom it ties to subscribers of its list."""
    customer_id = a_customer(database, customer)
    list_id = a_list(database, in_list, customer=customer) if in_list else None
    named = recipients or (READER,)
    with database.transaction() as connection:
        rows = connection.execute("select email, id from subscribers where list_id = %s", (list_id,)).fetchall()
        subscribers = {str(email): int(subscriber) for email, subscriber in rows}
        found = sent_mail.record(
            connection,
            customer_id=customer_id,
            message_id=message_id,
            reference=reference or f"ref-{message_id}",
            recipients=[(address, subscribers.get(address)) for address in named],
            sent_at=sent_at or datetime.now(UTC) - timedelta(hours=1),
            list_id=list_id,
        )
    assert found is not None
    return found


def a_listed_mail(
    database: Database,
    mailbox_id: MailboxId,
    provider_mail_id: str = "mail-1",
    *,
    folder: Folder = Folder.INBOX,
    received_at: datetime | None = None,
) -> MailId:
    """A mail in the ledger whose id is known and nothing more."""
    mail = ListedMail(provider_mail_id, folder, received_at or datetime.now(UTC))
    with database.transaction() as connection:
        fetched_mail.record_listed(connection, mailbox_id, [mail])
        query = "select id from fetched_mail where mailbox_id = %s and provider_mail_id = %s"
        return MailId(_id(connection, query, mailbox_id, provider_mail_id))


def a_fetched_mail(
    database: Database,
    mailbox_id: MailboxId,
    raw: bytes = b"From: x@example.net\r\n\r\nhello",
    provider_mail_id: str = "mail-1",
    *,
    folder: Folder = Folder.INBOX,
    received_at: datetime | None = None,
) -> MailId:
    """A mail whose raw MIME is stored."""
    mail_id = a_listed_mail(database, mailbox_id, provider_mail_id, folder=folder, received_at=received_at)
    with database.transaction() as connection:
        fetched = fetched_mail.Fetched(mail_id, raw, len(raw), False, received_at)
        fetched_mail.store_fetched(connection, SEALER, datetime.now(UTC).date(), [fetched])
    return mail_id


def a_classified_mail(
    database: Database,
    mailbox_id: MailboxId,
    finding: MailFinding | None = None,
    provider_mail_id: str = "mail-1",
    *,
    folder: Folder = Folder.INBOX,
    received_at: datetime | None = None,
) -> MailId:
    """A mail whose finding is stored."""
    mail_id = a_fetched_mail(
        database, mailbox_id, provider_mail_id=provider_mail_id, folder=folder, received_at=received_at
    )
    with database.transaction() as connection:
        fetched_mail.store_findings(connection, [(mail_id, finding or a_finding())])
    return mail_id


def a_served_mail(
    database: Database,
    mailbox_id: MailboxId,
    provider_mail_id: str = "mail-1",
    *,
    disposal: Disposal = Disposal.TRASH,
    move_to: str | None = None,
    received_at: datetime | None = None,
    folder: Folder = Folder.INBOX,
) -> MailId:
    """A mail that is done with, and waits to be tidied away."""
    mail_id = a_classified_mail(
        database, mailbox_id, provider_mail_id=provider_mail_id, received_at=received_at, folder=folder
    )
    with database.transaction() as connection:
        serving.serve(connection, [serving.Served(mail_id, disposal, move_to, keep_raw=True)])
    return mail_id


def _id(connection: Connection, query: str, *values: object) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


# Values --------------------------------------------------------------------------------------------------------------------


def a_recipient(
    address: str = READER,
    bounce_class: BounceClass = BounceClass.HARD,
    *,
    final_address: str | None = None,
    action: str | None = "failed",
    diagnostic: str | None = "550 5.1.1 user unknown",
) -> RecipientFinding:
    """What a report says of one recipient."""
    return RecipientFinding(
        address,
        bounce_class,
        2,
        "dsn.user-unknown",
        "userunknown",
        final_address=final_address,
        action=action,
        status="5.1.1",
        reply="550",
        diagnostic=diagnostic,
    )


def a_reference(value: str = MESSAGE_ID, source: ReferenceSource = ReferenceSource.RETURNED_MESSAGE_ID) -> Reference:
    """One id that a report quotes."""
    return Reference(source, value)


def a_finding(
    *recipients: RecipientFinding,
    bounce_class: BounceClass | None = None,
    kind: MailKind = MailKind.DSN,
    references: tuple[Reference, ...] | None = None,
    message_id: str | None = "report-1@mx.example.net",
) -> MailFinding:
    """A report: one hard bounce by default."""
    named = recipients or (a_recipient(),)
    return MailFinding(
        bounce_class or named[0].bounce_class,
        kind,
        "rules-1",
        tier=2,
        rule=named[0].rule,
        recipients=named,
        references=(a_reference(),) if references is None else references,
        message_id=message_id,
    )


def a_complaint_finding(
    address: str = READER, *, source: ReferenceSource = ReferenceSource.REFERENCE_HEADER
) -> MailFinding:
    """A complaint; an empty address is a redacted one."""
    return a_finding(
        a_recipient(address, BounceClass.FEEDBACK_LOOP, action=None),
        kind=MailKind.COMPLAINT,
        references=(a_reference(source=source),),
    )


def a_human_finding() -> MailFinding:
    """A mail from a person."""
    return MailFinding(BounceClass.NONE, MailKind.HUMAN, "rules-1", message_id="hello@example.net")


def a_sent(
    *recipients: str, sent_mail_id: int = 1, customer_id: int = 1, sent_at: datetime = NOW - timedelta(hours=1)
) -> SentMail:
    """A mail that we sent, as the log of sent mail has it."""
    named = recipients or (READER,)
    people = tuple(SentRecipient(address, number) for number, address in enumerate(named, start=1))
    return SentMail(sent_mail_id, customer_id, None, 7, sent_at, people)


def a_watcher(
    *,
    bounce_server_id: int = 1,
    customer_id: int | None = None,
    disposal: Disposal = Disposal.TRASH,
    move_to: str | None = None,
    dry_run: bool = False,
    only_mail_from: datetime | None = None,
    read_junk: bool = True,
    global_blacklist: bool = False,
) -> Watcher:
    """An active bounce server of the operator."""
    folder = "Done" if disposal is Disposal.MOVE and move_to is None else move_to
    return Watcher(
        bounce_server_id, customer_id, disposal, folder, dry_run, only_mail_from, read_junk, global_blacklist
    )


# Mails ---------------------------------------------------------------------------------------------------------------------


def a_dsn(
    recipient: str = READER,
    *,
    status: str = "5.1.1",
    text: str = "550 5.1.1 user unknown",
    action: str = "failed",
    message_id: str = MESSAGE_ID,
    reference: str = "",
    report_id: str = "report-1@mx.example.net",
) -> bytes:
    """A delivery report (RFC 3464) of another mail server about one recipient."""
    extra = f"X-ApiConnect-Reference: {reference}\r\n" if reference else ""
    return _report(
        "delivery-status",
        report_id,
        f"Your mail to <{recipient}> could not be delivered.\r\n{text}\r\n",
        "message/delivery-status",
        f"Reporting-MTA: dns; mx.example.net\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: {action}\r\n"
        f"Status: {status}\r\nDiagnostic-Code: smtp; {text}\r\n",
        f"From: <news@news.example.com>\r\nTo: <{recipient}>\r\nMessage-ID: <{message_id}>\r\n{extra}Subject: News\r\n",
    )


def a_complaint(
    recipient: str = READER,
    *,
    message_id: str = MESSAGE_ID,
    reference: str = "",
    redacted: bool = False,
    report_id: str = "complaint-1@fbl.example.net",
) -> bytes:
    """A feedback report (RFC 5965); redacted: it names nobody."""
    extra = f"X-ApiConnect-Reference: {reference}\r\n" if reference else ""
    whom = "" if redacted else f"Original-Rcpt-To: <{recipient}>\r\n"
    to = "" if redacted else f"To: <{recipient}>\r\n"
    return _report(
        "feedback-report",
        report_id,
        "This is an abuse report.\r\n",
        "message/feedback-report",
        f"Feedback-Type: abuse\r\nUser-Agent: Loop/1.0\r\nVersion: 1\r\n{whom}",
        f"From: <news@news.example.com>\r\n{to}Message-ID: <{message_id}>\r\n{extra}Subject: News\r\n",
    )


def a_human_mail(sender: str = READER, *, mail_id: str = "hello-1@example.net") -> bytes:
    """A person's question."""
    return (
        f"From: Robin <{sender}>\r\nTo: <news@news.example.com>\r\nSubject: A question\r\nMessage-ID: <{mail_id}>\r\n"
        "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        "Hello,\r\n\r\ncan I still order the second offer?\r\n\r\nRobin\r\n"
    ).encode()


def _report(kind: str, report_id: str, text: str, part: str, fields: str, returned: str) -> bytes:
    lines = (
        "From: Mail Delivery System <mailer-daemon@mx.example.net>\r\nTo: <news@news.example.com>\r\n"
        f"Subject: Report\r\nMessage-ID: <{report_id}>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="line"\r\nAuto-Submitted: auto-replied\r\n\r\n'
        f"--line\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--line\r\nContent-Type: {part}\r\n\r\n{fields}\r\n"
        f"--line\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}\r\n--line--\r\n"
    )
    return lines.encode()
