"""`python -m tests.observe [rules]`: with `rules` only promtool's part. Exit 1 if anything is wrong."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.observe.queries import FOLDER, all_queries
from tests.observe.stack import Stack, running_stack
from tests.observe.tools import program
from tests.servers.children import REAPER

_AT_MOST_SECONDS = 120.0
_PLANT_EVERY = 10.0


def rules_are_good() -> bool:
    """promtool: the rules' form, their cases, the shipped configuration."""
    promtool = program("promtool")
    commands = (["test", "rules", "alerts_test.yml"], ["check", "config", "prometheus.yml"])
    return all(subprocess.run([promtool, *command], cwd=FOLDER, check=False).returncode == 0 for command in commands)


def queries_are_good(stack: Stack) -> bool:
    """Asks until every query has returned something, two minutes at most."""
    began, planted, asked, missing = time.time(), 0, 0, list(all_queries())
    count, next_plant = len(missing), 0.0
    while missing and time.time() - began < _AT_MOST_SECONDS:
        if time.time() >= next_plant:
            planted += stack.plant(each=2)
            asked += stack.ask(each=2)
            next_plant = time.time() + _PLANT_EVERY
        missing = [query for query in missing if not stack.has_data(query.promql, began, time.time())]
        time.sleep(1)
    for query in missing:
        print(f"no data: {query.where}: {query.promql}")
    seconds = time.time() - began
    print(
        f"{count - len(missing)} of {count} queries returned data, {planted} mails planted, {asked} requests, {seconds:.0f} s"
    )
    return not missing


def main() -> int:
    """Runs the checks."""
    try:
        good = rules_are_good()
        if sys.argv[1:] != ["rules"]:
            with running_stack() as stack:
                good = queries_are_good(stack) and good
    finally:
        REAPER.close()
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
