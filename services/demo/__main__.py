"""The demo from beginning to end: `apiconnect demo`."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Annotated
from uuid import uuid4

import typer
from rich.console import Console
from rich.markup import escape

from services.classifier.cli.own_files import rules_with
from services.classifier.cli.telling import explanation_lines
from services.classifier.core.explaining import explain
from services.console.core.durations import moment
from services.console.core.story import answer, tell
from services.demo.core.comparing import Line, compare
from services.demo.core.planting import MAILBOXES, PlannedMail, plan
from services.demo.core.replies import REPLIES, compare_replies, message_id
from services.demo.core.sends import SENDS, SendsOutcome, compare_sends
from services.demo.handler.checking import collect
from services.demo.handler.replies import outcome_of_replies, plant_replies, replies_served, watch_replies
from services.demo.handler.screen import Screen, show_table
from services.demo.handler.seeding import Portions, Seeding, keep_seeding
from services.demo.handler.sends import play_sends
from services.demo.handler.stage import compose_mail, plant, set_up
from services.demo.handler.works import Works, embedded_database
from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings
from shared.messaging.memory import MemoryBroker
from shared.settings import DatabaseSettings, SealingSettings, TelemetrySettings
from shared.storage import demo_counts, monitor_log, stories
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from shared.telemetry import configure

app = typer.Typer()

_STILL_SECONDS = 120.0
_PROMISES = (
    "The demo's broker lives in this process: it routes, delays, redelivers and parks like RabbitMQ, but it keeps nothing "
    "when the process ends, and serves no other process. `make test` runs the same services on RabbitMQ."
)


@app.command()
def demo(
    mails: Annotated[int, typer.Option(min=1, max=50_000, help="how many mails to plant")] = 300,
    seed: Annotated[int, typer.Option(help="the same seed plants the same mails")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="leave everything running until Ctrl-C")] = False,
) -> None:
    """Plants mail of every kind in simulated mailboxes, deals with it, and compares what came of it with what was planted."""
    configure("demo", level="ERROR", form="text")
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="apiconnect-demo-"))
    simulator: RunningSimulator | None = None
    try:
        simulator = start(SimulatorSettings(own_process=True))
        with embedded_database(folder / "postgresql") as database:
            good = _play(console, simulator, database, mails, seed, keep=keep)
    finally:
        if simulator is not None:
            simulator.stop()
        shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(0 if good else 1)


@app.command()
def seed(
    simulator: Annotated[str, typer.Option(help="http address of the simulator")] = "http://simulator:8080",
    https: Annotated[str, typer.Option(help="its https address, as the services reach it")] = "https://simulator:8443",
    mails: Annotated[int, typer.Option(min=1, max=50_000, help="how many mails at first")] = 200,
    more: Annotated[int, typer.Option(min=0, help="how many more each time; 0: none")] = 5,
    most: Annotated[int, typer.Option(min=0, help="plant no more once there were so many")] = 5_000,
    every: Annotated[float, typer.Option(min=1, help="seconds between two times")] = 60.0,
    ready_file: Annotated[Path | None, typer.Option(help="made when the first mails are planted")] = None,
) -> None:
    """Fills a running simulator with mailboxes and mail, tells `apply` of them, and goes on until SIGTERM."""
    settings, sealing = TelemetrySettings.read(), SealingSettings.read()
    configure("seed", level=settings.log_level, form=settings.log_format)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Database(DatabaseSettings.read().database_url.get_secret_value(), max_connections=2, name="seed") as database:
        seeding = Seeding(simulator, https, database, Sealer.parse(sealing.sealing_keys.get_secret_value()))
        keep_seeding(
            seeding,
            Portions(mails, more, most),
            every,
            lambda: datetime.now(UTC),
            stop,
            lambda: ready_file.touch() if ready_file else None,
        )


def _play(
    console: Console, simulator: RunningSimulator, database: Database, count: int, seed: int, *, keep: bool
) -> bool:
    now = datetime.now(UTC)
    mails = plan(seed, count, now)
    sealing_keys = Sealer.new_key()
    console.print(f"API Connect demo: {count:,} mails in {len(MAILBOXES)} mailboxes of two customers, seed {seed}")
    console.print(f"Microsoft 365 and Google, simulated: {simulator.https_url}", highlight=False)
    set_up(simulator, database, Sealer.parse(sealing_keys), mails, now)
    broker = MemoryBroker()
    works = Works(database, broker, sealing_keys, simulator.ca_file)
    try:
        with Screen(console, count, sum(mail.is_report for mail in mails)) as screen:
            planted = 0

            def on_planted(more: int) -> None:
                nonlocal planted
                planted += more
                screen.show(planted=planted)

            ids = plant(simulator, mails, now, on_planted)
            works.start()
            _wait(screen, works, database, count)
        # Counted before the replies come, which have a table of their own.
        compared = compare(mails, collect(database, ControlClient(simulator.http_url), mails, ids))
        sealer = Sealer.parse(sealing_keys)
        _second_act(console, simulator, database, sealer, works, now)
        console.print(f"An integration asks for {len(SENDS)} mails through the queue …")
        sent = play_sends(
            ControlClient(simulator.http_url), database, sealer, broker, now, uuid4, at_most_seconds=_STILL_SECONDS
        )
        good = _report(console, database, mails, compared, sent, now)
        if keep:
            _keep(console, simulator, database, sealing_keys)
    finally:
        works.stop()
    return good


def _wait(screen: Screen, works: Works, database: Database, count: int) -> None:
    """Until every mail is served and tidied, or a service died, or nothing has moved for two minutes."""
    last: demo_counts.Progress | None = None
    moved_at = time.monotonic()
    while not works.failures and time.monotonic() - moved_at < _STILL_SECONDS:
        with database.transaction() as connection:
            now = demo_counts.progress(connection)
        screen.show(
            listed=now.listed, fetched=now.fetched, classified=now.classified, acted_on=now.served, tidied=now.tidied
        )
        if now.served >= count and now.tidy_due == 0:
            return
        if now != last:
            last, moved_at = now, time.monotonic()
        time.sleep(0.2)


def _report(
    console: Console,
    database: Database,
    mails: Sequence[PlannedMail],
    compared: tuple[list[Line], list[str]],
    sent: SendsOutcome,
    now: datetime,
) -> bool:
    """The tables, each difference, one mail's story with the classifier's reasons, one reply's, and the last line."""
    lines, faults = compared
    show_table(console, lines)
    replies, more = compare_replies(outcome_of_replies(database))
    show_table(console, replies, title="Replies, and what monitors made of them")
    sends, wrong = compare_sends(sent)
    show_table(console, sends, title="Send requests of an integration, and what it was told")
    lines, faults = [*lines, *replies, *sends], [*faults, *more, *wrong]
    for fault in faults[:20]:
        console.print(f"[red]{fault}[/]", highlight=False)
    _tell_one(console, database, mails, now)
    _tell_reply(console, database)
    console.print(_PROMISES, style="dim")
    lost = next(line.actual for line in lines if line.what == "lost") + len(more) + len(wrong)
    console.print(f"lost {lost}")
    return not faults and all(line.good for line in lines)


def _tell_one(console: Console, database: Database, mails: Sequence[PlannedMail], now: datetime) -> None:
    """The story of one mail that bounced for good, as `apiconnect why` tells it, and as `classify --explain` reads its report."""
    bounced = next((mail for mail in mails if mail.kind == "hard"), None)
    if bounced is None:
        return
    with database.transaction() as connection:
        story = stories.of_mail(connection, bounced.message_id)
    console.print(f"\n[bold]apiconnect why {bounced.message_id}[/]", highlight=False)
    for sentence in answer(story, bounced.message_id, None):
        console.print(sentence, highlight=False)
    for line in tell(story):
        console.print(f"  [dim]{moment(line.at)}[/]  {escape(line.text)}", highlight=False, soft_wrap=True)
    console.print("\n[bold]apiconnect classify --explain[/], on the report itself", highlight=False)
    for explained in explanation_lines("report.eml", explain(compose_mail(bounced, now), rules_with(None))):
        console.print(explained, highlight=False, markup=False, soft_wrap=True)
    console.print()


def _second_act(
    console: Console, simulator: RunningSimulator, database: Database, sealer: Sealer, works: Works, now: datetime
) -> None:
    """People answer, and monitors look at it."""
    console.print(f"{len(REPLIES)} people answer, in three languages …")
    plant_replies(ControlClient(simulator.http_url))
    watch_replies(database, sealer, now)
    ends_at = time.monotonic() + _STILL_SECONDS
    while not works.failures and replies_served(database) < len(REPLIES) and time.monotonic() < ends_at:
        time.sleep(0.2)


def _tell_reply(console: Console, database: Database) -> None:
    """The story of the first reply."""
    with database.transaction() as connection:
        told = monitor_log.latest(connection, address=REPLIES[0].sender, limit=1)
    for one in told:
        condition = one.condition or {}
        words = f"{condition.get('field')} {condition.get('operator')} {condition.get('value')!r}"
        console.print(f"[bold]The reply of {one.sender}[/] ({message_id(0)})", highlight=False)
        console.print(f"  monitor {one.monitor}: {words} matched “{one.matched_text}”", highlight=False, markup=False)
        console.print(
            f"  {one.subscriber} found by {one.identified_by}: {condition.get('action')}, {one.effect}", highlight=False
        )
        console.print()


def _keep(console: Console, simulator: RunningSimulator, database: Database, sealing_keys: str) -> None:
    """Leaves everything running until Ctrl-C, and says how another terminal gets at it."""
    console.print(f"\nsimulator  {simulator.http_url} and {simulator.https_url}", highlight=False)
    console.print("In another terminal, for `apiconnect why …`, `mailbox check …`, `bounces unmatched`:")
    for name, value in (
        ("DATABASE_URL", database.url),
        ("SEALING_KEYS", sealing_keys),
        ("PROVIDER_CA_FILE", str(simulator.ca_file)),
    ):
        console.print(f"export APICONNECT_{name}='{value}'", highlight=False, soft_wrap=True, markup=False)
    console.print("Everything goes on running. Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        Event().wait()


if __name__ == "__main__":
    app()
