"""Logs: JSON, an event name and fields. No secret and no mail body is ever a field."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from shared.telemetry.counters import start_at_zero

log: Final[structlog.stdlib.BoundLogger] = structlog.get_logger()

# A last line of defence behind "never log a secret": whatever looks like one is cut out of a log line. Each pattern keeps its
# group `before`, if it has one.
_NAMES: Final = "client_secret|client_assertion|access_token|refresh_token|id_token|assertion|private_key|password"
_SECRETS: Final = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"-----BEGIN[^-]+KEY-----.*?(?:-----END[^-]+KEY-----|$)",
        r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*",
        r"ya29\.[\w.-]+",
        r"\b[\w.~-]{3}\dQ~[\w.~-]{31,37}",  # a client secret as Entra makes them
        r"(?P<before>Bearer )[^\s\"']+",
        r"(?P<before>(?i:authorization)[\"']?\s*[:=]\s*[\"']?(?i:bearer|basic)\s+)[^\s\"']+",
        rf"(?P<before>\b(?i:{_NAMES})=[\"']?)[^&\s\"']+",
        rf"(?P<before>[\"'](?i:{_NAMES})[\"']\s*:\s*[\"'])[^\"']+",
        r"(?P<before>://)[^/\s:@]+:[^/\s@]+(?=@)",
    )
)


def redact(text: str) -> str:
    """`text` with everything that looks like a token, key, or password in a URL replaced by `[secret]`."""
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: (found.groupdict().get("before") or "") + "[secret]", text)
    return text


def _redacted(value: Any) -> Any:
    """A field's value, redacted as deep as it goes."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {name: _redacted(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_redacted(inner) for inner in value]
        case _:
            return value


def _redact_event(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for field, value in event.items():
        if not field.startswith("_"):  # structlog's own, such as the record that it formats
            event[field] = _redacted(value)
    return event


def _of_service(service: str) -> Any:
    """Not a context variable: those of the main thread are not seen by the threads that work."""

    def add(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"service": service, **event}

    return add


def configure(service: str, *, level: str = "INFO", form: str = "json") -> None:
    """Sets up logging, and the counters of `service` at 0, for this process."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared_processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _of_service(service),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    structlog.configure(
        processors=[*shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("apscheduler", "urllib3", "amqp", "kombu", "msal", "google"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    start_at_zero(service)
