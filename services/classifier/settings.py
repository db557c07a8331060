"""What the classifier takes from outside itself: the environment, and the rules that ship with it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pydantic import Field

from services.classifier.core.rule_book import TIERS, RuleBook, compile_rules
from shared.settings import ProcessSettings, SealingSettings, Section


@cache
def shipped_rules() -> RuleBook:
    """The rules of this release, compiled once per process."""
    folder = files("services.classifier.core.rules")
    return compile_rules({tier: (folder / f"{tier}.toml").read_text(encoding="utf-8") for tier in TIERS})


class ReadingSettings(Section):
    """How mail is read, by the service and by the rule lab. rules_file: operators' own rules, None for none. mail_seconds: the wall-clock limit for one mail."""

    rules_file: str | None = Field(
        default=None, description="operators' own rules: a TOML file, read again as it changes"
    )
    mail_seconds: float = Field(default=2.0, gt=0)


class ClassifierSettings(ProcessSettings, SealingSettings, ReadingSettings):
    """classifier_processes: children that read mail."""

    classifier_processes: int = Field(default=1, ge=1, le=32)
    batch_size: int = Field(default=200, ge=1, le=2000)
