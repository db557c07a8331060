"""A stack to look at: servers of our own, the simulator, every service as a process, and a Prometheus that scrapes them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen
from uuid import uuid4

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from shared.contracts.sending import SEND_EXCHANGE, SEND_KEY
from shared.domain.mailboxes import Provider
from shared.messaging.broker import Outgoing
from shared.messaging.rabbitmq import RabbitBroker
from shared.storage.database import Database
from shared.storage.migrator import migrate
from tests.builders import SEALING_KEYS, a_bounce_server
from tests.observe.tools import program
from tests.sending import a_delivery_server, a_request, an_integration, wire
from tests.servers import finding
from tests.servers.children import Child, Folder, free_ports
from tests.servers.postgresql import new_database
from tests.servers.rabbitmq import PrivateRabbitMQ
from tests.simulated import Simulated

SERVICES = ("scheduler", "token_refresher", "fetcher", "classifier", "actions", "sender")
KINDS = ("hard", "soft", "complaint", "human", "policy_block", "auto_reply")
_ROOT = Path(__file__).parents[2]


class WatchedRabbitMQ(PrivateRabbitMQ):
    """A node that also tells Prometheus of its queues, as the one in compose does."""

    def __init__(self) -> None:
        (self.prometheus_port,) = free_ports(1)
        super().__init__(settings=("prometheus.tcp.ip = 127.0.0.1", f"prometheus.tcp.port = {self.prometheus_port}"))

    def _write_configuration(self) -> None:
        super()._write_configuration()
        (self._folder.path / "plugins").write_text("[rabbitmq_management,rabbitmq_prometheus].\n", "utf-8")


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs. prometheus: its address. ports: of each service's /metrics."""

    simulated: Simulated
    rabbitmq: WatchedRabbitMQ
    ports: Mapping[str, int]
    prometheus: str

    def plant(self, each: int) -> int:
        """`each` mails of every kind in both mailboxes; returns how many."""
        boxes = ((Provider.MICROSOFT, "bounces@news.example.com"), (Provider.GOOGLE, "bounces@corp.example.com"))
        planted = [
            self.simulated.plant(kind, provider, address)
            for _ in range(each) for provider, address in boxes for kind in KINDS
        ]  # fmt: skip
        return len(planted)

    def ask(self, each: int) -> int:
        """`each` send requests that will leave, one that is rejected and one that nobody can read; returns how many."""
        asked = [wire(a_request(f"order-{uuid4()}", customer="acme")) for _ in range(each)]
        asked += [wire(a_request(f"order-{uuid4()}", "no address", customer="acme")), f"no JSON {uuid4()}".encode()]
        broker = RabbitBroker(self.rabbitmq.url)
        publisher = broker.publisher()
        publisher.publish(
            [
                Outgoing(uuid4(), SEND_KEY, one, exchange=SEND_EXCHANGE, routing_key=SEND_KEY, user_id=publisher.user)
                for one in asked
            ]
        )
        broker.close()
        return len(asked)

    def has_data(self, promql: str, since: float, until: float) -> bool:
        """Whether the query returned anything between two instants, epoch seconds. Raises URLError if it is refused."""
        asked = urlencode({"query": promql, "start": since, "end": until, "step": 2})
        with urlopen(f"{self.prometheus}/api/v1/query_range?{asked}", timeout=20) as answer:
            return bool(json.load(answer)["data"]["result"])


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Starts everything, with things to see: a mailbox that does not connect, a secret that ends, a dead letter, a 429."""
    with ExitStack() as ending:
        postgresql = finding.postgresql()
        ending.callback(postgresql.close)
        rabbitmq = WatchedRabbitMQ().start()
        ending.callback(rabbitmq.close)
        simulator = start(SimulatorSettings(own_process=True))
        ending.callback(simulator.stop)
        url = ending.enter_context(new_database(postgresql.url))
        database = ending.enter_context(Database(url, name="observe"))
        migrate(database)
        folder = Folder("apiconnect-observe-")
        ending.callback(folder.remove)
        simulated = _installation(simulator, database)
        ports = dict(zip((*SERVICES, "prometheus"), free_ports(len(SERVICES) + 1), strict=True))
        for name in SERVICES:
            environment = _environment(simulator, url, rabbitmq.url, ports[name])
            command = [sys.executable, "-m", f"services.{name}"]
            child = Child(command, env=environment, output=folder.path / f"{name}.log", cwd=_ROOT)
            ending.callback(child.end)
        _park_one(rabbitmq.url)
        prometheus = _prometheus(folder.path, ports, rabbitmq.prometheus_port)
        ending.callback(prometheus.end)
        yield Stack(simulated, rabbitmq, ports, f"http://127.0.0.1:{ports['prometheus']}")


def _installation(simulator: RunningSimulator, database: Database) -> Simulated:
    simulated = Simulated(simulator, database)
    simulated.a_mailbox(Provider.MICROSOFT)
    simulated.a_mailbox(Provider.GOOGLE, "bounces@corp.example.com")
    a_bounce_server(database, "nobody@news.example.com", key="microsoft-system")  # the provider knows no such mailbox
    simulated.control.register_mailbox("microsoft", "shop@send.example.com")
    an_integration(database)
    a_delivery_server(database, "shop", key="microsoft-system", hourly_quota=1000)
    with database.transaction() as connection:
        connection.execute("update api_keys set secret_expires_on = current_date + 100 where provider = 'microsoft'")
    simulated.control.force("429", match={"operation": "list"}, times=1, retry_after=1)
    return simulated


def _environment(simulator: RunningSimulator, database_url: str, rabbitmq_url: str, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APICONNECT_")}
    return kept | {
        "APICONNECT_DATABASE_URL": database_url,
        "APICONNECT_RABBITMQ_URL": rabbitmq_url,
        "APICONNECT_SEALING_KEYS": SEALING_KEYS,
        "APICONNECT_PROVIDER_CA_FILE": str(simulator.ca_file),
        "APICONNECT_METRICS_PORT": str(port),
    }


def _park_one(rabbitmq_url: str) -> None:
    """A message that fits no schema."""
    broker = RabbitBroker(rabbitmq_url)
    broker.declare()
    broker.publisher().publish_to("classifier.mail_fetched", [Outgoing(uuid4(), "mail.fetched", b"{}")])
    broker.close()


def _prometheus(folder: Path, ports: Mapping[str, int], broker_port: int) -> Child:
    """With the shipped rules; only the targets and the pace are the stack's own."""
    rules = _ROOT / "deploy" / "observe" / "alerts.yml"
    targets = json.dumps([f"127.0.0.1:{ports[name]}" for name in SERVICES])
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}}\nrule_files: ['{rules}']\n"
        f"scrape_configs:\n- job_name: apiconnect\n  static_configs: [{{targets: {targets}}}]\n"
        "- job_name: rabbitmq\n  metrics_path: /metrics/detailed\n"
        "  params: {family: [queue_coarse_metrics, queue_consumer_count]}\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{broker_port}']}}]\n"
    )
    address = f"127.0.0.1:{ports['prometheus']}"
    command = [
        program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
    ]  # fmt: skip
    child = Child(command, env={"PATH": "/usr/bin"}, output=folder / "prometheus.log", cwd=folder)
    child.wait_until(lambda: _answers(f"http://{address}/-/ready"), seconds=30, what="Prometheus")
    return child


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):
            return True
    except (URLError, OSError):
        return False
