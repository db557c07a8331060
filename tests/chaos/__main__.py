"""`python -m tests.chaos [--seed N] [--mails N]`: exit 0 if nothing was lost, doubled or left over, else 1; 3 without a server."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.chaos.play import Report, Run, Seen
from tests.chaos.scenario import FAULT_SHARE, REPLICAS, Scenario, full
from tests.chaos.servers import own_servers
from tests.servers.children import REAPER, ServerFailed
from tests.servers.finding import NoServer

NO_SERVER = 3
_SHOWN = 20


def main() -> int:
    """One run."""
    options = _options()
    seed = options.seed if options.seed is not None else int(time.time()) % 1_000_000
    scenario = full(seed, options.mails)
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an orderly end, as with Ctrl-C
    logs = Path(tempfile.mkdtemp(prefix="apiconnect-chaos-"))
    good = False
    try:
        console.print(
            f"API Connect under faults: seed {seed}, {scenario.mails:,} mails in {2 * scenario.mailboxes_each} mailboxes, "
            f"{scenario.sends} sends, {scenario.replies} replies, {REPLICAS} processes of each service, "
            f"{FAULT_SHARE:.0%} of the providers' answers wrong"
        )
        report = _run(scenario, logs, console)
        show(console, report)
        good = report.verdict.good
    except NoServer as problem:
        console.print(str(problem), style="red", markup=False)
        return NO_SERVER
    except ServerFailed as problem:
        console.print(str(problem), style="red", markup=False)
    except KeyboardInterrupt:
        console.print("ended by Ctrl-C")
    finally:
        REAPER.close()
        if good:
            shutil.rmtree(logs, ignore_errors=True)
        else:
            console.print(f"The services' logs: {logs}. The same again: make chaos SEED={seed} MAILS={scenario.mails}")
    return 0 if good else 1


def _run(scenario: Scenario, logs: Path, console: Console) -> Report:
    began = time.monotonic()
    columns = (TextColumn("{task.description:>12}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars, own_servers() as servers:
        planted = bars.add_task("planted", total=scenario.mails)
        served = bars.add_task("served", total=None)  # reports and replies to what is sent come in too
        kills = bars.add_task("kills", total=scenario.kills)
        waiting = bars.add_task("to tidy", total=None)

        def say(text: str) -> None:
            bars.console.print(f"{time.monotonic() - began:6.0f} s  {text}")

        def show_progress(seen: Seen) -> None:
            bars.update(planted, completed=seen.planted)
            bars.update(served, completed=seen.served)
            bars.update(kills, completed=seen.kills)
            bars.update(waiting, completed=seen.tidy_due)

        say("PostgreSQL and RabbitMQ run")
        return Run(scenario, servers, logs, say, show_progress).play()


def show(console: Console, report: Report) -> None:
    """What was done, what came of it, and what is wrong."""
    done = Table(title="What was done", title_justify="left")
    done.add_column("")
    done.add_column("times", justify="right")
    for name, count in sorted(report.kills.items()):
        done.add_row(f"SIGKILL {name}", str(count))
    for name, count in sorted(report.server_faults.items()):
        done.add_row(name.replace("_", " "), str(count))
    for name, count in sorted(report.answers.items()):
        done.add_row(f"answered {name}", str(count))
    done.add_row("calls at the providers", f"{report.calls:,}")
    console.print(done)
    table = Table(title="What must be so, and what is", title_justify="left")
    table.add_column("")
    table.add_column("expected", justify="right")
    table.add_column("actual", justify="right")
    table.add_column("")
    for line in report.verdict.lines:
        mark = "[green]ok[/]" if line.good else "[red bold]differs[/]"
        table.add_row(line.what, f"{line.expected:,}", f"{line.actual:,}", mark)
    console.print(table)
    for text in (*report.notes, *report.verdict.wrong[:_SHOWN]):
        console.print(text, markup=False)
    if len(report.verdict.wrong) > _SHOWN:
        console.print(f"… and {len(report.verdict.wrong) - _SHOWN} more")
    console.print(f"{'All is well' if report.verdict.good else 'NOT WELL'} after {report.seconds:.0f} s", style="bold")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the same seed plants the same mails and plans the same faults")
    parser.add_argument("--mails", type=int, default=5_000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
