"""`python -m bench [NAME…]`: runs the benchmarks, shows a table, writes JSON, ends with lines `name value unit`.

Exit 0 when every bar was met, 1 when one was missed, 3 when there is no server to run on.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bench import (
    accepting,
    delivering,
    known_unread,
    latency,
    mailbox_throughput,
    main_line,
    replaying,
    replies,
    scaling,
    scheduler_ticks,
)
from bench.machine import machine
from bench.processes import ServiceFailed
from bench.results import Result, save, show
from bench.servers import NotDurable, Servers, servers
from tests.servers.children import REAPER
from tests.servers.finding import NoServer

Tell = Callable[[str, int, int], None]
NO_SERVER = 3
_NAMES = tuple(
    module.NAME
    for module in (
        main_line,
        mailbox_throughput,
        scheduler_ticks,
        latency,
        known_unread,
        scaling,
        accepting,
        delivering,
        replies,
        replaying,
    )
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is asked for, by default everything."""
    options = _options().parse_args(arguments)
    runs: dict[str, Callable[[Servers, Tell], Result]] = {
        main_line.NAME: lambda found, tell: main_line.run(
            found, tell, mails=options.mails, one_by_one=options.one_by_one
        ),
        mailbox_throughput.NAME: lambda found, tell: mailbox_throughput.run(found, tell, seconds=options.seconds),
        scheduler_ticks.NAME: lambda found, tell: scheduler_ticks.run(found, tell, mailboxes=options.mailboxes),
        latency.NAME: lambda found, tell: latency.run(found, tell, mails=options.reports),
        known_unread.NAME: lambda found, tell: known_unread.run(found, tell, mails=options.known),
        scaling.NAME: lambda found, tell: scaling.run(found, tell, mails=options.mails),
        delivering.NAME: lambda found, tell: delivering.run(
            found, tell, seconds=options.send_seconds, many=options.sends
        ),
        accepting.NAME: lambda found, tell: accepting.run(found, tell, requests=options.requests),
        replaying.NAME: lambda found, tell: replaying.run(found, tell, mails=options.mails),
    }
    unknown = set(options.names) - set(_NAMES)
    if unknown:
        _options().error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(_NAMES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an orderly end, as with Ctrl-C
    console = Console(stderr=False)
    try:
        chosen = options.names or _NAMES
        found_here, results = _measure([runs[name] for name in chosen if name in runs], replies.NAME in chosen, console)
    except (NoServer, NotDurable) as problem:
        console.print(str(problem), style="red", markup=False)
        return NO_SERVER
    except ServiceFailed as problem:
        console.print(str(problem), style="red", markup=False, highlight=False)
        return 1
    finally:
        REAPER.close()
    for what, value in found_here.items():
        console.print(f"{what}: {value}", highlight=False, markup=False)
    console.print()
    show(console, results)
    return 0 if all(result.met for result in results) else 1


def _measure(
    runs: Sequence[Callable[[Servers, Tell], Result]], with_replies: bool, console: Console
) -> tuple[dict[str, str], list[Result]]:
    """Each result is saved at once: a later benchmark that fails takes no earlier one with it."""
    results = []
    columns = (TextColumn("{task.description:36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        here = {**machine()}
        if with_replies:  # needs no server, and goes before those are started
            results.append(replies.run(_teller(progress)))
            save(results[-1], here)
        if not runs:
            return here, results
        starting = progress.add_task("starting the servers", total=1)
        with servers() as found:
            here |= found.versions()
            progress.update(starting, completed=1)
            for run in runs:
                results.append(run(found, _teller(progress)))
                save(results[-1], here)
    return here, results


def _teller(progress: Progress) -> Tell:
    """A line of progress for each thing that is told of."""
    tasks: dict[str, TaskID] = {}

    def tell(what: str, done: int, of: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=of)
        progress.update(tasks[what], completed=done)

    return tell


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="; ".join(_NAMES))
    parser.add_argument("--mails", type=int, default=main_line.MAILS, help="reports of main_line, scaling and replay")
    parser.add_argument("--one-by-one", type=int, default=main_line.ONE_BY_ONE_MAILS, help="those with batches of one")
    parser.add_argument("--mailboxes", type=int, default=scheduler_ticks.MAILBOXES, help="of scheduler_ticks")
    parser.add_argument("--reports", type=int, default=latency.MAILS, help="of latency")
    parser.add_argument("--known", type=int, default=known_unread.MAILS, help="mails of known_unread")
    parser.add_argument("--requests", type=int, default=accepting.REQUESTS, help="of accepting")
    parser.add_argument("--seconds", type=float, default=mailbox_throughput.SECONDS, help="time of mailbox_throughput")
    parser.add_argument("--send-seconds", type=float, default=delivering.SECONDS, help="of delivering, limits on")
    parser.add_argument("--sends", type=int, default=delivering.SENDS, help="of delivering, limits lifted")
    return parser


if __name__ == "__main__":
    sys.exit(main())
