"""What the classifier takes from outside itself: the environment, and the rules that ship with it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pydantic import Field

from services.classifier.core.rule_book import TIERS, RuleBook, compile_rules
from shared.settings import ProcessSettings, SealingSettings


@cache
def shipped_rules() -> RuleBook:
    """The rules of this release, compiled once per process."""
    folder = files("services.classifier.core.rules")
    return compile_rules({tier: (folder / f"{tier}.toml").read_text(encoding="utf-8") for tier in TIERS})


class ClassifierSettings(ProcessSettings, SealingSettings):
    """rules_file: operators' own rules, None for none. classifier_processes: children that read mail. mail_seconds: the wall-clock limit for one mail."""

    rules_file: str | None = Field(
        default=None, description="operators' own rules: a TOML file, read again as it changes"
    )
    classifier_processes: int = Field(default=1, ge=1, le=32)
    mail_seconds: float = Field(default=2.0, gt=0)
    batch_size: int = Field(default=200, ge=1, le=2000)
