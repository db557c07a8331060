"""Why a mail was not delivered: status, the remote server's words, and whether it is for good."""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """status: RFC 3463 code. reply: the SMTP reply with {recipient} and {host}. action: RFC 3464 section 2.3.3."""

    status: str
    reply: str
    action: str = "failed"


FAILURES: dict[str, Failure] = {
    "hard": Failure("5.1.1", "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in virtual mailbox table"),
    "hard_exchange": Failure("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {recipient} not found by"
        " SMTP address lookup"),
    "hard_gmail": Failure("5.1.1", "550-5.1.1 The email account that you tried to reach does not exist. Please try"
        " double-checking the recipient's email address for typos or unnecessary spaces. 550 5.1.1 https://support"
        ".google.com/mail/?p=NoSuchUser 38308e7fff4ca-2f0a1c4d7e1si1234567a12.3 - gsmtp"),
    "no_domain": Failure("5.4.4", "550 5.4.4 Invalid arguments - Host or domain name not found. Name service error for"
        " {host}: type=MX: Host not found"),
    "disabled": Failure("5.2.1", "550 5.2.1 <{recipient}>: The email account that you tried to reach is disabled"),
    "soft": Failure("4.4.1", "451 4.4.1 connection to {host} timed out, message expired after 48 hours"),
    "full_mailbox": Failure("5.2.2", "552 5.2.2 <{recipient}>: user is over quota, mailbox full"),
    "policy_block": Failure("5.7.1", "550 5.7.1 Message rejected due to local policy: the sending address is listed,"
        " see https://block.{host}/lookup"),
    "spam_block": Failure("5.7.1", "554 5.7.1 This message has been blocked because it was detected as spam"),
    "too_large": Failure("5.3.4", "552 5.3.4 Message size exceeds fixed maximum message size"),
    "greylisted": Failure("4.7.1", "451 4.7.1 <{recipient}>: Recipient address rejected: Greylisted, try again later"),
    "delay": Failure("4.4.1", "451 4.4.1 connect to {host}: Connection timed out", "delayed"),
}  # fmt: skip


def reply_for(failure: Failure, recipient: str) -> str:
    """The SMTP reply with its words filled in."""
    return failure.reply.format(recipient=recipient, host=f"mx.{recipient.rpartition('@')[2] or 'example.net'}")
