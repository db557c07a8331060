"""Events: past tense. They carry ids; raw MIME and findings stay in PostgreSQL (claim check)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.envelope import Body


class MailFetched(Body):
    """A mail's raw MIME is stored and waits to be classified."""

    type: ClassVar[str] = "mail.fetched"
    kind: ClassVar[Literal["command", "event"]] = "event"

    mail_id: int = Field(ge=1, description="row in fetched_mail")


class MailClassified(Body):
    """A mail's finding is stored and waits for what follows from it."""

    type: ClassVar[str] = "mail.classified"
    kind: ClassVar[Literal["command", "event"]] = "event"

    mail_id: int = Field(ge=1, description="row in fetched_mail")


class ReplayClassified(Body):
    """The findings of one part of a replay are stored and wait to be compared with the bounce log."""

    type: ClassVar[str] = "replay.classified"
    kind: ClassVar[Literal["command", "event"]] = "event"

    run_id: int = Field(ge=1, description="row in effect_runs")
    part: int = Field(ge=1, description="part of the run, in replay_parts")
