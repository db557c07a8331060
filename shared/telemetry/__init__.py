"""What operators see of a process: logs, counters, gauges, and traces if they are wanted. No secret and no mail body is in any of them."""

from __future__ import annotations

from shared.telemetry.counters import (
    API_CALLS,
    API_SECONDS,
    BOUNCES_LOGGED,
    BUDGET_REFUSALS,
    BUDGET_WAITED,
    DUE_MAILBOXES,
    HOLDS_TRIPPED,
    LEASE_AGE,
    MAILS_CLASSIFIED,
    MAILS_DISPOSED,
    MAILS_FETCHED,
    MONITOR_ACTIONS,
    POLLS,
    REQUESTS,
    SEND_SECONDS,
    SENDS,
    SWEPT,
    TASK_DONE,
    TOKENS_REFRESHED,
    observe_api_call,
    observe_budget,
)
from shared.telemetry.logs import configure, log, redact
from shared.telemetry.state import Family, Reading, show_state
from shared.telemetry.tracing import handling, start_tracing, telling

__all__ = [
    "API_CALLS",
    "API_SECONDS",
    "BOUNCES_LOGGED",
    "BUDGET_REFUSALS",
    "BUDGET_WAITED",
    "DUE_MAILBOXES",
    "HOLDS_TRIPPED",
    "LEASE_AGE",
    "MAILS_CLASSIFIED",
    "MAILS_DISPOSED",
    "MAILS_FETCHED",
    "MONITOR_ACTIONS",
    "POLLS",
    "REQUESTS",
    "SENDS",
    "SEND_SECONDS",
    "SWEPT",
    "TASK_DONE",
    "TOKENS_REFRESHED",
    "Family",
    "Reading",
    "configure",
    "handling",
    "log",
    "observe_api_call",
    "observe_budget",
    "redact",
    "show_state",
    "start_tracing",
    "telling",
]
