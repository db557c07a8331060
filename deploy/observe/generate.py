"""Writes grafana/dashboards/*.json from the tables below. With --check it changes nothing, and fails on any difference.

A panel is a line: title, queries with their legends, unit, kind. Gauges of the whole installation are shown by every scheduler:
their queries take max(), never sum().
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "grafana" / "dashboards"
_DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
_HEIGHT = {"stat": 4, "timeseries": 8, "table": 8}


@dataclass(frozen=True)
class Panel:
    """queries: PromQL and legend. width: of 24. red: at and above which value a figure is red; below: red under it instead."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    red: float | None = None
    below: bool = False
    help: str = ""


def stat(title: str, query: str, unit: str = "short", *, red: float | None = 1, below: bool = False) -> Panel:
    """One figure."""
    return Panel(title, ((query, ""),), unit, "stat", 4, red, below)


def lines(title: str, *queries: tuple[str, str], unit: str = "short", help: str = "") -> Panel:
    """Curves."""
    return Panel(title, queries, unit, help=help)


def table(title: str, query: str, unit: str, help: str = "") -> Panel:
    """The latest value of each series."""
    return Panel(title, ((query, ""),), unit, "table", help=help)


_UNMATCHED = (
    'sum(increase(apiconnect_bounces_logged_total{effect="unmatched"}[6h]))'
    " / clamp_min(sum(increase(apiconnect_bounces_logged_total[6h])), 1)"
)
_TICK = 'time() - max(apiconnect_task_done_timestamp_seconds{task="poll_due_mailboxes"})'
_WORK = 'queue=~"(token_refresher|fetcher|classifier|actions|sender)[.].+",queue!~".+[.]dead"'
_MINUTE = "[$__rate_interval]"
_REQUESTS = 'queue=~"sender[.]send_mail.*",queue!~".+[.]dead"'
_REJECTED = (
    'sum(increase(apiconnect_send_requests_total{result="rejected"}[1h]))'
    " / clamp_min(sum(increase(apiconnect_send_requests_total[1h])), 1)"
)
_SENT_IN = "sum by (provider, le) (increase(apiconnect_send_seconds_bucket[10m]))"

_ANSWERS = f"rate(apiconnect_api_call_seconds_bucket{_MINUTE})"

DASHBOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "overview": (
        "Overview: is mail flowing",
        (
            stat("Since the last tick", _TICK, "s", red=900),
            stat("Oldest report, not served", "max(apiconnect_fetch_lag_seconds)", "s", red=600),
            stat("Dead letters", "sum(max by (queue) (apiconnect_dead_letters))"),
            stat(
                "Mailboxes not connected", 'sum(max by (provider) (apiconnect_mailboxes{connection="not connected"}))'
            ),
            stat("Keys refused", "sum(max by (provider) (apiconnect_keys_refused))"),
            stat("Services alive", "count(max by (service) (apiconnect_service_instances) > 0)", red=5, below=True),
            lines(
                "Mails a minute",
                (f"sum(rate(apiconnect_mails_fetched_total{_MINUTE})) * 60", "fetched"),
                (f"sum(rate(apiconnect_mails_classified_total{_MINUTE})) * 60", "classified"),
                (f"sum(rate(apiconnect_bounces_logged_total{_MINUTE})) * 60", "reported recipients logged"),
                (f"sum(rate(apiconnect_mails_disposed_total{_MINUTE})) * 60", "tidied"),
            ),
            lines("Mails waiting, by stage", ("max by (stage) (apiconnect_stage_mails)", "{{stage}}")),
            lines("Oldest mail, by stage", ("max by (stage) (apiconnect_stage_age_seconds)", "{{stage}}"), unit="s"),
            lines("Polls a minute", (f"sum by (result) (rate(apiconnect_polls_total{_MINUTE})) * 60", "{{result}}")),
            lines(
                "Polls due and overdue",
                ("max(apiconnect_due_mailboxes)", "due at the last tick"),
                ("max(apiconnect_poll_overdue_seconds)", "seconds that the most overdue waits"),
            ),
            table(
                "Mailboxes that wait longest", "max by (provider, mailbox) (apiconnect_mailbox_fetch_lag_seconds)", "s"
            ),
        ),
    ),
    "providers": (
        "Providers and tokens",
        (
            stat("Tokens failing", 'sum(max by (provider) (apiconnect_tokens{state="failing"}))'),
            stat("First token ends in", "min(apiconnect_token_expiry_seconds)", "s", red=0, below=True),
            stat("First secret ends in", "min(apiconnect_secret_expiry_days)", "d", red=14, below=True),
            stat("Mailboxes throttled", "sum(max by (provider) (apiconnect_mailboxes_throttled))"),
            stat("Budgets blocked", "sum(max by (provider) (apiconnect_budgets_blocked))"),
            stat("Oldest lease", "max(apiconnect_oldest_lease_seconds)", "s", red=3600),
            lines(
                "API calls a second",
                (f"sum by (provider, status) (rate(apiconnect_api_calls_total{_MINUTE}))", "{{provider}} {{status}}"),
                help="Status 0: no answer came.",
            ),
            lines(
                "Time of an answer, 95 of 100 calls",
                (
                    f"histogram_quantile(0.95, sum by (provider, operation, le) ({_ANSWERS}))",
                    "{{provider}} {{operation}}",
                ),
                unit="s",
            ),
            lines(
                "Too many calls",
                (
                    f"sum by (provider, by) (rate(apiconnect_budget_refusals_total{_MINUTE})) * 60",
                    "{{provider}}, said by the {{by}}",
                ),
                help="A minute. By the budget: not made, for the limit would have been passed. By the provider: 429.",
            ),
            lines(
                "Waiting for the budget",
                (f"sum by (provider) (rate(apiconnect_budget_wait_seconds_total{_MINUTE}))", "{{provider}}"),
                unit="s",
                help="Seconds that calls waited, in each second, all mailboxes together.",
            ),
            lines("Least budget left", ("min by (provider) (apiconnect_budget_units)", "{{provider}}")),
            lines(
                "Token refreshes in an hour",
                (
                    "sum by (provider, result) (increase(apiconnect_token_refreshes_total[1h]))",
                    "{{provider}} {{result}}",
                ),
            ),
            lines("Tokens in use", ("max by (provider, state) (apiconnect_tokens)", "{{provider}} {{state}}")),
            lines("Mailboxes", ("max by (provider, connection) (apiconnect_mailboxes)", "{{provider}} {{connection}}")),
            table("Secrets that end first", "max by (provider, owner, key) (apiconnect_secret_expiry_days)", "d"),
            lines("Poll leases", ("max by (state) (apiconnect_leases)", "{{state}}")),
        ),
    ),
    "bounces": (
        "Bounces",
        (
            stat("Unmatched, of 6 hours", _UNMATCHED, "percentunit", red=0.3),
            stat("Unmatched, 30 days", "max(apiconnect_unmatched_reports)", red=None),
            stat("Held for a person", "max(apiconnect_held_bounces)"),
            stat(
                "Hard, last hour", 'sum(increase(apiconnect_bounces_logged_total{bounce_class="hard"}[1h]))', red=None
            ),
            stat(
                "Complaints, last day",
                'sum(increase(apiconnect_bounces_logged_total{bounce_class="feedback_loop"}[1d]))',
                red=None,
            ),
            stat("Can't be fetched", "max(apiconnect_unfetchable_mails)"),
            stat(
                "Blacklisted, last day",
                'sum(increase(apiconnect_bounces_logged_total{effect="blacklisted"}[1d]))',
                red=None,
            ),
            lines(
                "Classified in an hour, by class",
                ("sum by (bounce_class) (increase(apiconnect_mails_classified_total[1h]))", "{{bounce_class}}"),
            ),
            lines(
                "Classified in an hour, by tier",
                ("sum by (tier) (increase(apiconnect_mails_classified_total[1h]))", "tier {{tier}}"),
                help="Tier 1: machine-readable report, 2: known texts, 3: general patterns, 0: no report.",
            ),
            lines(
                "What followed, in an hour",
                ("sum by (effect) (increase(apiconnect_bounces_logged_total[1h]))", "{{effect}}"),
            ),
            lines("Share of unmatched reports, of 6 hours", (_UNMATCHED, "unmatched"), unit="percentunit"),
            lines(
                "Tidied in an hour",
                (
                    "sum by (provider, disposal) (increase(apiconnect_mails_disposed_total[1h]))",
                    "{{provider}} {{disposal}}",
                ),
            ),
        ),
    ),
    "sends": (
        "Sends",
        (
            stat("Sent, last hour", 'sum(increase(apiconnect_sends_total{state="sent"}[1h]))', red=None),
            stat("Could leave and does not", "max(apiconnect_send_still_seconds)", "s", red=300),
            stat("Oldest unknown", "max(apiconnect_send_unknown_age_seconds)", "s", red=1800),
            stat(
                "Unknown, a person's turn",
                'sum(max by (reason) (apiconnect_sends_waiting{state="unknown",reason="cannot_look"}))',
            ),
            stat("Requests rejected, last hour", _REJECTED, "percentunit", red=0.3),
            stat(
                "Unreadable requests",
                'sum(max by (queue) (apiconnect_dead_letters{queue=~"sender[.]send_mail.*"}))',
            ),
            lines(
                "Requests a second, by answer",
                (f"sum by (result) (rate(apiconnect_send_requests_total{_MINUTE}))", "{{result}}"),
            ),
            lines(
                "Rejected in an hour, by reason",
                (
                    'sum by (reason) (increase(apiconnect_send_requests_total{result="rejected"}[1h]))',
                    "{{reason}}",
                ),
            ),
            lines(
                "Queues: requests to read, results that nobody reads",
                (f"sum by (queue) (rabbitmq_detailed_queue_messages_ready{{{_REQUESTS}}})", "{{queue}}"),
                ('sum by (queue) (rabbitmq_detailed_queue_messages_ready{queue=~"results[.].+"})', "{{queue}}"),
            ),
            lines(
                "Sends a second, by what came of them",
                (
                    f"sum by (provider, state) (rate(apiconnect_sends_total{_MINUTE}))",
                    "{{provider}} {{state}}",
                ),
                help="No provider: it ended without a call.",
            ),
            lines(
                "Accepted and in hand",
                (
                    'max by (state) (apiconnect_sends_waiting{state=~"accepted|claimed|sending",reason=""})',
                    "{{state}}",
                ),
                ('sum(max by (reason) (apiconnect_sends_waiting{state="unknown"}))', "unknown"),
            ),
            lines(
                "Deferred, by reason", ('max by (reason) (apiconnect_sends_waiting{state="deferred"})', "{{reason}}")
            ),
            lines(
                "From acceptance until sent",
                (f"histogram_quantile(0.5, {_SENT_IN})", "{{provider}}, half"),
                (f"histogram_quantile(0.95, {_SENT_IN})", "{{provider}}, 95 of 100"),
                unit="s",
                help="Of the last ten minutes; not_before, limits and holds included.",
            ),
            lines(
                "Failed in an hour, by reason",
                (
                    'sum by (provider, reason) (increase(apiconnect_sends_total{state="failed"}[1h]))',
                    "{{provider}} {{reason}}",
                ),
            ),
            lines(
                "How long the first in the line has been due", ("max(apiconnect_send_due_age_seconds)", ""), unit="s"
            ),
            table(
                "Quota used",
                "max by (server, window) (apiconnect_quota_used_ratio)",
                "percentunit",
                "A server's own hourly and daily quota, of those that sent within that time.",
            ),
            table(
                "Rejected within the last hour", "max by (integration, reason) (apiconnect_requests_rejected)", "short"
            ),
        ),
    ),
    "queues": (
        "Queues",
        (
            stat("Outbox", "max(apiconnect_outbox_rows)", red=None),
            stat("Oldest in the outbox", "max(apiconnect_outbox_age_seconds)", "s", red=120),
            stat("Published again, last hour", "sum(increase(apiconnect_swept_total[1h]))", red=100),
            stat("Dead letters", "sum(max by (queue) (apiconnect_dead_letters))"),
            stat("Ready", f"sum(rabbitmq_detailed_queue_messages_ready{{{_WORK}}})", red=None),
            stat("Queues without a consumer", f"count(rabbitmq_detailed_queue_consumers{{{_WORK}}} == 0) or vector(0)"),
            lines("Ready", (f"sum by (queue) (rabbitmq_detailed_queue_messages_ready{{{_WORK}}})", "{{queue}}")),
            lines("In hand", (f"sum by (queue) (rabbitmq_detailed_queue_messages_unacked{{{_WORK}}})", "{{queue}}")),
            lines(
                "Waiting for a later try, and parked",
                (
                    'sum by (queue) (rabbitmq_detailed_queue_messages{queue=~"retry[.].*|.*[.]dead"})',
                    "{{queue}}",
                ),
            ),
            lines(
                "Messages a second, by what became of them",
                (f"sum by (queue, result) (rate(apiconnect_messages_total{_MINUTE}))", "{{queue}} {{result}}"),
            ),
            lines("Published again, in an hour", ("sum by (what) (increase(apiconnect_swept_total[1h]))", "{{what}}")),
            lines("Consumers", (f"sum by (queue) (rabbitmq_detailed_queue_consumers{{{_WORK}}})", "{{queue}}")),
            lines("Instances", ("max by (service) (apiconnect_service_instances)", "{{service}}")),
            lines(
                "Since the last sign of life",
                ("max by (service) (apiconnect_heartbeat_age_seconds)", "{{service}}"),
                unit="s",
            ),
        ),
    ),
}


def dashboard(uid: str, title: str, panels: tuple[Panel, ...]) -> dict[str, Any]:
    """A dashboard as Grafana stores it: the panels in rows of 24."""
    placed: list[dict[str, Any]] = []
    x = y = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > 24 or (placed and placed[-1]["gridPos"]["h"] != _HEIGHT[panel.kind]):
            x, y = 0, y + placed[-1]["gridPos"]["h"]
        where = {"x": x, "y": y, "w": panel.width, "h": _HEIGHT[panel.kind]}
        placed.append(_panel(number, panel, where))
        x += panel.width
    return {
        "uid": f"apiconnect-{uid}",
        "title": title,
        "tags": ["apiconnect"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [
            {
                "type": "dashboards",
                "tags": ["apiconnect"],
                "asDropdown": False,
                "title": "",
                "keepTime": True,
                "icon": "",
            }
        ],
        "panels": placed,
    }


def _panel(number: int, panel: Panel, where: dict[str, int]) -> dict[str, Any]:
    instant = panel.kind != "timeseries"
    targets = [
        {"refId": "ABCDEFGH"[n], "datasource": _DATASOURCE, "expr": query, "legendFormat": legend, "instant": instant}
        | ({"format": "table"} if panel.kind == "table" else {})
        for n, (query, legend) in enumerate(panel.queries)
    ]
    made: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": _DATASOURCE,
        "gridPos": where,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {},
    }
    if panel.kind == "stat":
        made["fieldConfig"]["defaults"]["thresholds"] = {"mode": "absolute", "steps": _steps(panel)}
        made["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"}
    if panel.kind == "timeseries":
        made["fieldConfig"]["defaults"]["min"] = 0
        made["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    if panel.kind == "table":
        made["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]
        made["options"] = {"sortBy": [{"displayName": "Value", "desc": panel.unit != "d"}]}
    return made


def _steps(panel: Panel) -> list[dict[str, Any]]:
    good, bad = ("red", "green") if panel.below else ("green", "red")
    steps: list[dict[str, Any]] = [{"color": good if panel.red is not None else "text", "value": None}]
    return steps if panel.red is None else [*steps, {"color": bad, "value": panel.red}]


def files() -> dict[Path, str]:
    """Every dashboard's file and text."""
    return {
        FOLDER / f"{uid}.json": json.dumps(dashboard(uid, title, panels), indent=1) + "\n"
        for uid, (title, panels) in DASHBOARDS.items()
    }


def main() -> int:
    """Writes or checks."""
    check, different = "--check" in sys.argv[1:], []
    for path, text in files().items():
        if not path.exists() or path.read_text("utf-8") != text:
            different.append(path.name)
            if not check:
                path.write_text(text, "utf-8")
    print(f"{'differ from generate.py' if check else 'written'}: {', '.join(different) or 'none'}")
    return 1 if check and different else 0


if __name__ == "__main__":
    raise SystemExit(main())
