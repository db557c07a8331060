"""For the shell: `python -m apiconnect_client send < request.json`, `python -m apiconnect_client results`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields
from typing import Any

from apiconnect_client.client import Client
from apiconnect_client.errors import ApiConnectError, TimedOut
from apiconnect_client.result import Result


def main() -> int:
    """Exit codes: 0 well, 1 the mail was not sent or a result is missing, 2 usage, or nothing was published."""
    parser = argparse.ArgumentParser(prog="apiconnect-client", description="Sends mail through API Connect's queue.")
    commands = parser.add_subparsers(dest="command", required=True)
    sending = commands.add_parser("send", help="one request, as JSON on standard input")
    sending.add_argument("--wait", type=float, metavar="SECONDS", help="wait for the result")
    reading = commands.add_parser("results", help="one line of JSON for each result; printed is acknowledged")
    reading.add_argument("--idle", type=float, metavar="SECONDS", help="end when nothing came for so long")
    given = parser.parse_args()
    url = os.environ.get("APICONNECT_URL")
    if not url:
        parser.error("APICONNECT_URL is not set: the URL that `apiconnect integration create` printed")
    try:
        with Client(url) as client:
            return _send(client, given.wait) if given.command == "send" else _results(client, given.idle)
    except TimedOut as late:
        print(late, file=sys.stderr)
        return 1
    except (ApiConnectError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def _send(client: Client, wait: float | None) -> int:
    request = json.load(sys.stdin)
    if wait is None:
        client.send(request)
        return 0
    result = client.send_and_wait(request, wait)
    _show(result)
    return 0 if result.state == "sent" else 1


def _results(client: Client, idle: float | None) -> int:
    for result in client.results(idle_timeout=idle):
        _show(result)
        result.ack()
    return 0


def _show(result: Result) -> None:
    shown: dict[str, Any] = {
        one.name: getattr(result, one.name) for one in fields(result) if one.name not in ("more", "_ack")
    }
    named = {name: value for name, value in (shown | dict(result.more)).items() if value not in (None, (), False)}
    print(json.dumps(named, default=str, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
