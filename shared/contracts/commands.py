"""Commands: imperative, one consumer each."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.envelope import Body


class RefreshToken(Body):
    """Renew one access token if it ends within the margin. Repeatable: a fresh token is left alone."""

    type: ClassVar[str] = "token.refresh"
    kind: ClassVar[Literal["command", "event"]] = "command"

    token_id: int = Field(ge=1, description="row in access_tokens")


class PollMailbox(Body):
    """Tidy this mailbox, then take unread mail out of it. Repeatable: the lease, the ledger and the rows' stages see to that."""

    type: ClassVar[str] = "mailbox.poll"
    kind: ClassVar[Literal["command", "event"]] = "command"

    mailbox_id: int = Field(ge=1, description="row in mailboxes")


class ClassifyReplay(Body):
    """Classify one part of a replay with the rules of now. Changes nothing but the part itself."""

    type: ClassVar[str] = "replay.classify"
    kind: ClassVar[Literal["command", "event"]] = "command"

    run_id: int = Field(ge=1, description="row in effect_runs")
    part: int = Field(ge=1, description="part of the run, in replay_parts")
