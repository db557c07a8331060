"""A message from outside turned into a readable request, or the reason why nobody can be answered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic import ValidationError

from services.sender.core.accepting import OPERATOR, Asked
from services.sender.core.checking import problems_of
from services.sender.core.rejections import Rejection
from shared.contracts.sending import LONGEST_REQUEST_BYTES, SendMail
from shared.domain.sending import Reason
from shared.messaging.broker import Delivery, asked_by
from shared.messaging.received import NotOurMessage, Received
from shared.messaging.topology import integration_of

_ANSWERS: Final = UUID("0c5a1d7e-94c3-4d0b-8f4e-6a3f1b2c9d10")
_LONGEST_KEY: Final = 200
_LONGEST_NAME: Final = 200
# Stored as they are, and PostgreSQL's text holds no NUL.
_STORED: Final = ("customer", "server", "list_uid", "campaign", "campaign_group", "tags")


def decoder(
    integration: str | None, operators: Collection[str], new_id: Callable[[], UUID]
) -> Callable[[Delivery], Received[Asked]]:
    """What reads one queue. integration: whose queue it is, None for the one that all may use. operators: users at the broker
    who are the operator's own."""

    def decode(delivery: Delivery) -> Received[Asked]:
        asker = _asker(delivery, integration, operators)
        asked = _asked(delivery, asker, new_id)
        return Received(asked, asked.send_uid, asked.send_uid, delivery.attempt)

    return decode


def _asker(delivery: Delivery, expected: str | None, operators: Collection[str]) -> str:
    user = asked_by(delivery) if delivery.user_id in operators else delivery.user_id
    if not user:
        raise NotOurMessage("user_id: the property is missing; publish with your own user's name in it")
    name = integration_of(user)
    if name is None and user not in operators:
        raise NotOurMessage(f"user_id: {user!r} is neither an integration nor one of the operator's own")
    if expected is not None and name != expected:
        raise NotOurMessage(f"user_id: {user!r} does not belong in the queue of the integration {expected!r}")
    return OPERATOR if name is None else name


def _asked(delivery: Delivery, integration: str, new_id: Callable[[], UUID]) -> Asked:
    payload = delivery.payload
    if len(payload) > LONGEST_REQUEST_BYTES:
        raise NotOurMessage(f"payload: {len(payload)} bytes, at most {LONGEST_REQUEST_BYTES} are read")
    request: SendMail | None = None
    fault: Rejection | None = None
    said: dict[str, Any] = {}
    try:
        request = SendMail.model_validate_json(payload)
        fault = _nul_in(request)
    except ValidationError as error:
        said = _object(payload)
        fault = problems_of(error)
    key = request.idempotency_key if request is not None else _text(said.get("idempotency_key"), _LONGEST_KEY)
    customer = request.customer if request is not None else _text(said.get("customer"), _LONGEST_NAME) or None
    return Asked(
        integration=integration,
        request=request if fault is None else None,
        fault=fault,
        key=key,
        customer=customer.replace("\0", "") if customer else customer,
        request_hash=_hash(request) if request is not None else b"",
        payload=payload,
        answer_id=_answer_id(delivery) or new_id(),
        send_uid=new_id(),
        correlation_id=_text(delivery.correlation_id, 255) or None,
        reply_to=_text(delivery.reply_to, 255) or None,
    )


def _object(payload: bytes) -> dict[str, Any]:
    """A request that does not fit, as far as it is one at all."""
    try:
        found = json.loads(payload.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NotOurMessage(f"payload: not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise NotOurMessage(f"payload: not JSON{where}") from None
    if not isinstance(found, dict):
        raise NotOurMessage("payload: JSON, but not an object")
    return found


def _hash(request: SendMail) -> bytes:
    """SHA-256 over the content. Not the key itself, nor the customer, which an integration may leave out; and no defaults, so
    that a field which the contract gains leaves the hash of older requests as it was."""
    content = request.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"idempotency_key", "customer"}
    )
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).digest()


def _nul_in(request: SendMail) -> Rejection | None:
    for name in _STORED:
        value = getattr(request, name)
        if value is not None and "\0" in (value if isinstance(value, str) else "".join(value)):
            return Rejection(Reason.INVALID, "list" if name == "list_uid" else name, "No NUL characters, please.")
    return None


def _text(value: object, longest: int) -> str:
    """What PostgreSQL can hold of it: neither NUL nor half of a surrogate pair."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().replace("\0", "")[:longest]


def _answer_id(delivery: Delivery) -> UUID | None:
    """The same for a message that is handed out again; None if its publisher gave it no id."""
    if not delivery.message_id:
        return None
    text = delivery.message_id.encode("utf-8", "replace")
    digest = hashlib.sha256(delivery.user_id.encode() + b"\0" + text + b"\0" + delivery.payload).hexdigest()
    return uuid5(_ANSWERS, digest)
