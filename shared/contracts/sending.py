"""The contract with integrations: a send request in, results out. JSON, one flat object each, no envelope.

These are the shapes that others build against: a field may be added, none may change its meaning. What the shapes can't say
(whose server it is, who is suppressed, what a provider would drop) is decided when a request is accepted.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from shared.domain.sending import Reason

SEND_EXCHANGE: Final = "apiconnect.send"
RESULTS_EXCHANGE: Final = "apiconnect.results"
SEND_KEY: Final = "mail.send"  # or mail.send.<integration>, which leads to the integration's own queue

MOST_RECIPIENTS: Final = (
    500  # to, cc and bcc together: Exchange's default; Gmail's own is lower, and checked by the server's type
)
MOST_INLINE_BYTES: Final = 3_000_000  # of all attachments that stand in the request, decoded
LONGEST_REQUEST_BYTES: Final = 8_000_000  # of the whole message; RabbitMQ itself refuses more than 16 MiB
LONGEST_TEXT: Final = 2_000_000

State = Literal["accepted", "rejected", "deferred", "sent", "unknown", "failed", "cancelled", "bounced", "complained"]

OneLine = Annotated[str, StringConstraints(max_length=998, pattern=r"^[^\r\n\x00]*$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Shape(BaseModel):
    """Nothing unknown in it, and no fault that would repeat a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Recipient(Shape):
    """An address. International ones are allowed where the provider takes them: a domain in IDNA, or in Unicode."""

    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=320)] = Field(
        examples=["anna@example.com"], description="addr-spec of RFC 5322, without a display name"
    )
    name: OneLine = Field(default="", description="display name")


class Header(Shape):
    """A header field of one's own, such as X-Campaign or References. Those that the sender makes itself are refused."""

    name: Annotated[str, StringConstraints(max_length=76, pattern=r"^[!-9;-~]+$")] = Field(
        examples=["X-Campaign"], description="RFC 5322 field name"
    )
    value: OneLine = Field(examples=["november"], description="unfolded")


class Attachment(Shape):
    """A file. Small ones stand in the request as base64 (`content`); larger ones are stored first, and named (`stored`)."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\r\n\x00/\\]+$")] = Field(
        examples=["invoice.pdf"]
    )
    content_type: Annotated[str, StringConstraints(max_length=255, pattern=r"^[\w.+-]+/[\w.+-]+$")] = Field(
        default="application/octet-stream", examples=["application/pdf"]
    )
    content: str | None = Field(default=None, description="base64 (RFC 4648 §4); this or `stored`")
    stored: UUID | None = Field(default=None, description="what `apiconnect attachments put` printed")
    content_id: Annotated[str, StringConstraints(max_length=200, pattern=r"^[\x21-\x7e]*$")] | None = Field(
        default=None, description="shown inline where the HTML says cid:…; without angle brackets"
    )


class SendMail(Shape):
    """One mail to be sent: `mail.send` on `apiconnect.send`.

    (customer, idempotency_key) is one send, however often it is published. The body needs text, html, or both.
    """

    type: ClassVar[str] = "mail.send"

    version: Literal[1] = 1
    idempotency_key: Key = Field(
        examples=["order-4711-receipt"], description="yours, unique per customer; kept 30 days or more"
    )
    customer: Name | None = Field(
        default=None, description="uid; an integration's own may be left out, another's is refused"
    )
    server: Name | None = Field(
        default=None, description="uid of a delivery server; left out: any of the customer's that can send"
    )
    fail_over: bool = Field(
        default=False, description="another server of the customer may take over while `server` can't send"
    )
    from_name: OneLine | None = Field(default=None, description="left out: the server's, else the mailbox's own")
    to: tuple[Recipient, ...] = Field(default=(), description="at least one recipient in to, cc and bcc together")
    cc: tuple[Recipient, ...] = ()
    bcc: tuple[Recipient, ...] = ()
    reply_to: Recipient | None = Field(default=None, description="left out: the server's")
    subject: OneLine = Field(default="", examples=["Your receipt"])
    text: Annotated[str, StringConstraints(max_length=LONGEST_TEXT)] | None = Field(
        default=None, examples=["Thank you for your order."]
    )
    html: Annotated[str, StringConstraints(max_length=LONGEST_TEXT)] | None = None
    headers: tuple[Header, ...] = Field(default=(), max_length=50)
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=100)
    list_uid: Name | None = Field(
        default=None, alias="list", description="uid; recipients are looked up among its subscribers"
    )
    campaign: Name | None = Field(default=None, description="uid")
    campaign_group: Name | None = Field(default=None, description="uid; left out: the campaign's")
    merge: dict[str, Any] = Field(
        default_factory=dict,
        description="fields for {{ name }} in subject, text and html (Liquid); left out: no templates",
    )
    list_unsubscribe: (
        Annotated[str, StringConstraints(max_length=900, pattern=r"^(https://|mailto:)[^\s<>,]+$")] | None
    ) = Field(
        default=None,
        description="https: or mailto: target of List-Unsubscribe; https makes it one-click (RFC 8058); left out: the list's",
    )
    not_before: AwareDatetime | None = Field(default=None, description="with a time zone")
    expires_at: AwareDatetime | None = Field(default=None, description="not sent any more from then on")
    tags: tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...] = Field(default=(), max_length=20)

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class DeliveryResult(Shape):
    """What became of a send: `delivery.<integration>.<state>` on `apiconnect.results`.

    Published once for each step, at least once on the wire: `event_id` tells a repeat. The states of one send may overtake each
    other; `at` orders them.
    """

    type: ClassVar[str] = "delivery.result"

    version: Literal[1] = 1
    event_id: UUID = Field(description="the same when it is published again")
    state: State
    at: AwareDatetime
    idempotency_key: str = Field(description="of the request; empty if it could not be read")
    customer: str | None = Field(default=None, description="uid")
    send_id: UUID | None = Field(default=None, description="ours; absent when the request was rejected")
    server: str | None = Field(default=None, description="uid of the delivery server")
    reason: Reason | None = Field(default=None, description="why it was rejected, waits, or failed")
    field: str | None = Field(default=None, description="rejected: where in the request")
    detail: str | None = Field(default=None, description="one sentence for a person: what is wrong, and the fix")
    until: AwareDatetime | None = Field(
        default=None, description="deferred: until when; accepted: the request's not_before, if it is to come"
    )
    repeated: bool = Field(default=False, description="the answer to a request that was known already")
    message_id: str | None = Field(default=None, description="as we wrote it, without angle brackets")
    actual_message_id: str | None = Field(default=None, description="as the provider changed it, if it told")
    provider_mail_id: str | None = None
    recipient: str | None = Field(default=None, description="bounced, complained: whom it is about")
    bounce_class: Literal["hard", "soft", "internal", "feedback_loop"] | None = None
    status: str | None = Field(default=None, description="bounced: enhanced status code (RFC 3463)")
    diagnostic: str | None = Field(default=None, description="bounced: what the other side said")
    list_uid: str | None = Field(default=None, alias="list")
    campaign: str | None = None
    tags: tuple[str, ...] = ()

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


def result_key(integration: str, state: State) -> str:
    """The routing key of a result, such as `delivery.shop.sent`. Those of the operator's own commands go under `operator`."""
    return f"delivery.{integration or 'operator'}.{state}"
