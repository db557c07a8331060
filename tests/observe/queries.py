"""Every query that operators see, taken out of the dashboards and the alert rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "observe"
_COMPARED = re.compile(r"\s*(?:==|!=|>=|<=|>|<)\s*[0-9.]+")


@dataclass(frozen=True, slots=True)
class Query:
    """One query, and where it stands."""

    where: str
    promql: str


def alerts() -> list[dict[str, Any]]:
    """The alert rules as they are written."""
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))
    return [rule for group in rules["groups"] for rule in group["rules"]]


def dashboards() -> dict[str, dict[str, Any]]:
    """The dashboards by file name."""
    return {
        path.name: json.loads(path.read_text("utf-8"))
        for path in sorted((FOLDER / "grafana/dashboards").glob("*.json"))
    }


def all_queries() -> Iterator[Query]:
    """Of an alert what it compares, without the comparison: a healthy stack raises none, and the figures must be there."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield Query(f"{name}: {panel['title']}", target["expr"].replace("$__rate_interval", "1m"))
    for rule in alerts():
        compared = rule["expr"].split(" or absent_over_time")[0]
        yield Query(f"alert {rule['alert']}", _COMPARED.sub("", compared))
