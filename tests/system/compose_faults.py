"""The whole in Docker, from nothing, under faults. Run by `make system`; prints a table, exit code 1 if anything is lost.

It uses a compose project, an image and ports of its own, and removes them at the end unless told to --keep them.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.demo.core.comparing import compare
from services.demo.core.planting import PlannedMail, plan
from services.demo.handler.checking import collect
from services.demo.handler.stage import plant, set_up
from services.simulator.__main__ import RunningSimulator
from services.simulator.http.control_client import ControlClient
from shared.storage import demo_counts
from shared.storage.database import Database
from shared.storage.sealing import Sealer

ROOT = Path(__file__).parents[2]
PROJECT = "apiconnect-faults"
PIPELINE = ("scheduler", "token_refresher", "fetcher", "classifier", "actions", "sender")
SCALE = ("--scale", "seed=0", "--scale", "fetcher=2", "--scale", "classifier=2")
# Ends the service's own process as a crash would: docker's restart policy, and not we, must bring it back.
CRASH = (
    "import os, pathlib\n"
    "for p in pathlib.Path('/proc').iterdir():\n"
    "    if p.name.isdigit() and p.name not in ('1', str(os.getpid())) and b'run' in (p / 'cmdline').read_bytes():\n"
    "        os.kill(int(p.name), 9)"
)
STILL_SECONDS = 180.0


class Failed(Exception):
    """A step did not do what it must; the text says which."""


def free_port() -> str:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return str(bound.getsockname()[1])


class Stack:
    """One compose project with everything in it."""

    def __init__(self, project: str = PROJECT) -> None:
        self.project = project
        self.ports = {name: free_port() for name in ("RABBITMQ", "AMQP", "SIMULATOR", "POSTGRES")}
        self.environment = {
            **os.environ,
            "APICONNECT_IMAGE": project,
            "APICONNECT_SEED_MAILS": "100",
            "APICONNECT_SEED_MORE": "0",
            **{f"APICONNECT_PORT_{name}": port for name, port in self.ports.items()},
        }

    def run(self, *arguments: str, check: bool = True) -> str:
        files = ("--file", str(ROOT / "docker-compose.yml"), "--file", str(ROOT / "tests/system/ports.yml"))
        command = ["docker", "compose", "--project-name", self.project, *files, "--profile", "simulator", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=900, check=False
        )
        if check and done.returncode:
            raise Failed(f"docker compose {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr[-3000:]}")
        return done.stdout

    def up(self, *more: str) -> None:
        self.run("up", "--detach", "--wait", "--quiet-pull", *more)

    def states(self) -> dict[str, str]:
        """Container -> health."""
        listed = [json.loads(line) for line in self.run("ps", "--format", "json").splitlines()]
        return {one["Name"]: one["Health"] or one["State"] for one in listed}

    def database_url(self) -> str:
        url = self.run("exec", "-T", "scheduler", "cat", "/run/secrets/database_url").strip()
        return url.replace("@postgres:5432/", f"@127.0.0.1:{self.ports['POSTGRES']}/")

    def sealing_keys(self) -> str:
        return self.run("exec", "-T", "fetcher", "cat", "/run/secrets/sealing_keys").strip()

    def depths(self) -> dict[str, int]:
        text = self.run(
            "exec", "-T", "rabbitmq", "rabbitmqctl", "-q", "list_queues", "-p", "apiconnect", "name", "messages"
        )
        rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("name")]
        return {name: int(count) for name, count in rows}


class Run:
    """The faults, one after another, with fresh mail before each."""

    def __init__(self, stack: Stack, mails: Sequence[PlannedMail], say: Callable[[str], None]) -> None:
        self.stack = stack
        self.simulator = RunningSimulator(
            f"http://127.0.0.1:{stack.ports['SIMULATOR']}", "https://simulator:8443", Path(), lambda: None
        )
        self.mails = list(mails)
        self.planted: list[PlannedMail] = []
        self.ids: dict[int, str] = {}
        self.say = say

    def begin(self, database: Database) -> None:
        set_up(self.simulator, database, Sealer.parse(self.stack.sealing_keys()), self.mails, datetime.now(UTC))

    def portion(self, count: int) -> None:
        """Plants the next mails, so that there is work in hand when the fault comes."""
        fresh = self.mails[len(self.planted) : len(self.planted) + count]
        if not fresh:
            raise Failed("no mail is left to plant: give more (--mails)")
        self.planted += fresh
        self.ids |= plant(self.simulator, fresh, datetime.now(UTC), lambda _: None)

    def crash(self, service: str) -> None:
        before = self.restarts(service)
        self.stack.run("exec", "-T", service, "python", "-c", CRASH, check=False)
        until(lambda: self.restarts(service) > before, f"{service} was not started again", 60)
        self.say(f"{service}: crashed, started again by itself")

    def restarts(self, service: str) -> int:
        return sum(map(int, self.inspected(service, "{{.RestartCount}}")))

    def inspected(self, service: str, what: str) -> list[str]:
        """A field of each of the service's containers."""
        ids = self.stack.run("ps", "--all", "--quiet", service).split()
        command = ["docker", "inspect", "--format", what, *ids]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    def kill(self, *services: str) -> None:
        self.stack.run("kill", "--signal", "KILL", *services)
        self.stack.up(*SCALE, "--no-recreate")
        self.say(f"{', '.join(services)}: killed, up again")

    def stop(self, service: str) -> None:
        """SIGTERM in the middle of work: an orderly end, in time."""
        began = time.monotonic()
        self.stack.run("stop", "--timeout", "25", service)
        seconds = time.monotonic() - began
        codes = set(self.inspected(service, "{{.State.ExitCode}}"))
        if codes != {"0"} or seconds > 20:
            raise Failed(f"{service} took {seconds:.1f} s to stop, exit codes {codes}")
        self.stack.up(*SCALE, "--no-recreate")
        self.say(f"{service}: stopped in {seconds:.1f} s, up again")

    def restart_servers(self) -> None:
        self.stack.run("restart", "rabbitmq", "postgres")
        self.stack.run("up", "-d", "--wait", "--no-recreate", "rabbitmq", "postgres")
        self.say("rabbitmq, postgres: restarted")

    def lose_the_broker(self) -> None:
        """`down` of all but the providers, the broker's volume deleted, `up`: while mail stands in the middle."""
        self.stack.run("stop", "actions")
        self.portion(100)
        until(lambda: self.stack.depths()["actions.mail_classified"] >= 50, "nothing waits for actions", 120)
        held = self.stack.depths()
        self.stack.run("down", *PIPELINE, "rabbitmq", "postgres", "migrate", "secrets")
        subprocess.run(["docker", "volume", "rm", f"{PROJECT}_rabbitmq"], capture_output=True, check=True)
        self.stack.up(*SCALE)
        waiting = sum(count for name, count in held.items() if not name.startswith("retry"))
        self.say(f"down, the broker's volume deleted with {waiting} messages in it, up")


def until(true: Callable[[], bool], otherwise: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise Failed(otherwise)
        time.sleep(1)


def settle(database: Database, count: int) -> None:
    """Until all is served and tidied. Raises Failed when nothing has moved for three minutes."""
    last: Any = None
    moved_at = time.monotonic()
    while time.monotonic() - moved_at < STILL_SECONDS:
        with suppress(Exception), database.transaction() as connection:
            now = demo_counts.progress(connection)
            if now.served >= count and now.tidy_due == 0:
                return
            if now != last:
                last, moved_at = now, time.monotonic()
        time.sleep(1)
    raise Failed(f"it stands still: {last} of {count}")


def from_nothing(stack: Stack, say: Callable[[str], None]) -> None:
    """The first minutes of a newcomer: one command, and the seeded mail is dealt with."""
    began = time.monotonic()
    stack.up()
    states = stack.states()
    say(f"from nothing to {len(states)} healthy containers: {time.monotonic() - began:.0f} s")
    if set(states.values()) != {"healthy"}:
        raise Failed(f"not healthy: {states}")
    with Database(stack.database_url(), max_connections=2, name="system test") as database:
        settle(database, 100)
    say(f"the 100 seeded mails are dealt with: {time.monotonic() - began:.0f} s after the start")
    print(stack.run("ps"))
    print(stack.run("exec", "-T", "scheduler", "apiconnect", "status"))


def faults(stack: Stack, mails: int, say: Callable[[str], None]) -> bool:
    stack.up(*SCALE)
    run = Run(stack, plan(int(time.time()), mails, datetime.now(UTC)), say)
    with Database(stack.database_url(), max_connections=4, name="system test") as database:
        run.begin(database)
        for service in PIPELINE:
            run.portion(mails // 16)
            run.crash(service)
        for service in (*PIPELINE, "rabbitmq", "postgres"):
            run.portion(mails // 32)
            run.kill(service)
        for service in PIPELINE:
            run.portion(mails // 48)
            run.stop(service)
        run.portion(mails // 32)
        run.restart_servers()
        run.lose_the_broker()
        run.portion(mails)  # all that is left
        settle(database, mails)
        until(lambda: not any(stack.depths().values()), f"queues are not empty: {stack.depths()}", 120)
        control = ControlClient(run.simulator.http_url)
        lines, wrong = compare(run.planted, collect(database, control, run.planted, run.ids))
    for line in lines:
        print(f"{line.what:24} {line.expected:6} {line.actual:6}  {'' if line.good else 'WRONG'}")
    for fault in wrong[:20]:
        print(fault)
    print(f"queues {stack.depths()}")
    return not wrong and all(line.good for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=900)
    parser.add_argument("--keep", action="store_true", help="leave the containers of the second part running")
    given = parser.parse_args()
    stack, began = Stack(), time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    try:
        stack.run("down", "--volumes", "--timeout", "25")
        stack.run("build", "--quiet")
        say("image built")
        from_nothing(stack, say)
        stack.run("down", "--volumes", "--timeout", "25")
        good = faults(stack, given.mails, say)
        say("nothing lost" if good else "SOMETHING WAS LOST")
        return 0 if good else 1
    except Failed as failure:
        say(f"FAILED: {failure}")
        return 1
    finally:
        if not given.keep:
            stack.run("down", "--volumes", "--timeout", "25", check=False)
            subprocess.run(["docker", "rmi", PROJECT], capture_output=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
