"""`apiconnect classify`: what mails in files are, and why, without a mailbox or a database."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.classifier.cli.own_files import rules_with
from services.classifier.cli.telling import print_explanation
from services.classifier.core.explaining import explain
from services.classifier.core.reading import classify as classify_mail
from services.classifier.settings import ReadingSettings
from shared.domain.bounces import MailFinding


def classify(
    files: Annotated[
        list[str] | None, typer.Argument(help="Mails (RFC 5322), one per file.", show_default=False)
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object per file instead of a table.")] = False,
    why: Annotated[
        bool, typer.Option("--explain", help="Tell the tiers walked, the rule and the text it hit.")
    ] = False,
    rules_file: Annotated[
        str | None,
        typer.Option(
            help="Operators' own rules beside ours. Default: those that APICONNECT_RULES_FILE names, if there."
        ),
    ] = None,
    files_from: Annotated[
        str | None, typer.Option(help="A list with a path per line; - reads it from standard input.")
    ] = None,
) -> None:
    """Say what mails are: hard, soft, internal, feedback_loop or none, with recipients, codes, tier and rule."""
    paths = [*(files or []), *(listed(files_from) if files_from else [])]
    if not paths:
        raise typer.BadParameter("give files, or --files-from LIST")
    missing = 0
    table = Table("file", "class", "recipient", "status", "reply", "tier", "rule")
    rules = rules_with(rules_file or _mounted())
    for path in paths:
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            missing += 1
            print(f"{path}: {error.strerror}", file=sys.stderr)
            continue
        if why:
            print_explanation(path, explain(raw, rules))
            continue
        finding = classify_mail(raw, rules)
        if jsonl:
            print(json.dumps(as_json(path, finding), ensure_ascii=False))
        else:
            for row in _rows(path, finding):
                table.add_row(*row)
    if not jsonl and not why:
        Console().print(table)
    if missing:
        raise typer.Exit(1)


def _mounted() -> str | None:
    """The file of rules that the environment names; it may be absent, as it may for the service."""
    named = ReadingSettings.read().rules_file
    return named if named and Path(named).exists() else None


def as_json(path: str, finding: MailFinding) -> dict[str, Any]:
    """One mail's finding in the shape of `--jsonl`.

    `status`, `reply` and `diagnostic` are those of the recipient that decided. `recipients` are those who are named:
    a complaint whose provider redacted its recipient has none, and acts by its references alone.
    """
    leading = next((one for one in finding.recipients if one.bounce_class is finding.bounce_class), None)
    return {
        "file": path,
        "class": finding.bounce_class.value,
        "kind": finding.kind.value,
        "recipients": [
            {
                "address": one.address,
                "class": one.bounce_class.value,
                "status": one.status,
                "reply": one.reply,
                "reason": one.reason,
                "rule": one.rule,
                "action": one.action,
                "final_address": one.final_address,
                "confidence": one.confidence.value if one.confidence else None,
            }
            for one in finding.recipients
            if one.address
        ],
        "status": leading.status if leading else None,
        "reply": leading.reply if leading else None,
        "diagnostic": leading.diagnostic if leading else None,
        "tier": finding.tier,
        "rule": finding.rule,
        "rule_set": finding.rule_set,
        "feedback_type": finding.feedback_type,
        "references": [{"source": one.source.value, "value": one.value} for one in finding.references],
        "truncated": finding.truncated,
        "note": finding.note,
    }


def _rows(path: str, finding: MailFinding) -> Iterator[tuple[str, ...]]:
    tier = str(finding.tier or "-")
    if not finding.recipients:
        what = f"{finding.bounce_class} ({finding.kind.value.replace('_', ' ')})"
        yield path, what, finding.note or "-", "-", "-", tier, finding.rule or "-"
    for one in finding.recipients:
        name = one.address or "(redacted)"
        yield path, str(one.bounce_class), name, one.status or "-", one.reply or "-", tier, one.rule


def listed(source: str) -> list[str]:
    """The lines of a list of files, or of standard input for `-`. Ends the command if it can't be read."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{source}: {error.strerror}") from None
    return [line for line in text.splitlines() if line.strip()]
