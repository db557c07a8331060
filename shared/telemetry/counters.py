"""What this process has done since it started. What is true of the whole installation is read from PostgreSQL: state.py.

A counter that was never touched is not in /metrics; those whose labels are few and known start at 0, so that the first bounce
of its kind is seen as an increase.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

API_CALLS: Final = Counter("apiconnect_api_calls_total", "Calls to a provider", ["provider", "operation", "status"])
API_SECONDS: Final = Histogram("apiconnect_api_call_seconds", "Time of a provider's answer", ["provider", "operation"])
BUDGET_WAITED: Final = Counter(
    "apiconnect_budget_wait_seconds_total", "Seconds that calls waited for their mailbox's budget", ["provider"]
)
BUDGET_REFUSALS: Final = Counter(
    "apiconnect_budget_refusals_total",
    "Calls that were not made, or were refused, for a limit: by the own budget, or by the provider (429)",
    ["provider", "by"],
)
MAILS_FETCHED: Final = Counter("apiconnect_mails_fetched_total", "Mails taken out of mailboxes", ["provider"])
MAILS_DISPOSED: Final = Counter("apiconnect_mails_disposed_total", "Mails tidied away", ["provider", "disposal"])
MAILS_CLASSIFIED: Final = Counter("apiconnect_mails_classified_total", "Mails classified", ["bounce_class", "tier"])
BOUNCES_LOGGED: Final = Counter("apiconnect_bounces_logged_total", "Rows in the bounce log", ["bounce_class", "effect"])
MONITOR_ACTIONS: Final = Counter(
    "apiconnect_monitor_actions_total", "What monitors did about replies", ["action", "effect"]
)
HOLDS_TRIPPED: Final = Counter(
    "apiconnect_bounce_holds_total", "Times that the blast guard began to hold blacklisting", ["kind"]
)
TOKENS_REFRESHED: Final = Counter("apiconnect_token_refreshes_total", "Token refreshes", ["provider", "result"])
POLLS: Final = Counter("apiconnect_polls_total", "Polls by how they ended", ["provider", "result"])
REQUESTS: Final = Counter(
    "apiconnect_send_requests_total", "Send requests by how they were answered", ["result", "reason"]
)
SENDS: Final = Counter(
    "apiconnect_sends_total",
    "What came of calls and looks for sends, and of sends that ended without a call",
    ["provider", "state", "reason"],
)
SEND_SECONDS: Final = Histogram(
    "apiconnect_send_seconds",
    "From acceptance until the provider had taken the mail, not_before and every wait included",
    ["provider"],
    buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400),
)
SWEPT: Final = Counter("apiconnect_swept_total", "Rows that a sweep published again", ["what"])
DUE_MAILBOXES: Final = Gauge("apiconnect_due_mailboxes", "Mailboxes that were due at the last tick")
TASK_DONE: Final = Gauge(
    "apiconnect_task_done_timestamp_seconds", "When a scheduler's task last ended well, since 1970", ["task"]
)
LEASE_AGE: Final = Gauge("apiconnect_oldest_lease_seconds", "How long this fetcher has held its oldest poll lease")

_PROVIDERS: Final = ("microsoft", "google")


def start_at_zero(service: str) -> None:
    """Makes the series that alerts take increases of, for the service that counts them."""
    match service:
        case "actions":
            for bounce_class in ("hard", "soft", "internal", "feedback_loop"):
                for effect in ("blacklisted", "unsubscribed", "logged", "dry_run", "held", "unmatched"):
                    BOUNCES_LOGGED.labels(bounce_class, effect)
            for kind in ("diagnostic", "domain"):
                HOLDS_TRIPPED.labels(kind)
        case "classifier":
            for bounce_class in ("hard", "soft", "internal", "feedback_loop", "none"):
                for tier in range(4):
                    MAILS_CLASSIFIED.labels(bounce_class, str(tier))
        case "scheduler":
            for what in ("outbox", "fetched", "classified", "replay"):
                SWEPT.labels(what)
        case "fetcher":
            for provider in _PROVIDERS:
                MAILS_FETCHED.labels(provider)
                BUDGET_WAITED.labels(provider)
                for by in ("budget", "provider"):
                    BUDGET_REFUSALS.labels(provider, by)
                for result in ("done", "throttled", "unavailable", "failed", "bug", "lease_lost"):
                    POLLS.labels(provider, result)
        case "sender":
            for result, reason in (
                ("accepted", ""),
                ("repeated", ""),
                ("rejected", "invalid"),
                ("rejected", "suppressed"),
            ):
                REQUESTS.labels(result, reason)
            for provider in _PROVIDERS:
                SEND_SECONDS.labels(provider)
                for state, reason in (("sent", ""), ("unknown", "no_answer"), ("failed", "refused")):
                    SENDS.labels(provider, state, reason)
                BUDGET_WAITED.labels(provider)
                for by in ("budget", "provider"):
                    BUDGET_REFUSALS.labels(provider, by)
    if service in ("fetcher", "token_refresher", "sender"):
        for provider in _PROVIDERS:
            for result in ("refreshed", "refused", "failed"):
                TOKENS_REFRESHED.labels(provider, result)


def observe_api_call(provider: str, operation: str, status: int, seconds: float) -> None:
    """Counts one call to a provider. status: HTTP status, 0 when no answer came."""
    API_CALLS.labels(provider, operation, str(status)).inc()
    API_SECONDS.labels(provider, operation).observe(seconds)


def observe_budget(provider: str, what: str, seconds: float) -> None:
    """Counts what a mailbox's budget did: `waited` so many seconds, gave up a call (`budget`), or met a refusal (`provider`)."""
    BUDGET_WAITED.labels(provider).inc(seconds if what == "waited" else 0.0)
    if what != "waited":
        BUDGET_REFUSALS.labels(provider, what).inc()
