"""What the benchmarks of delivering share: servers at a simulator, stored sends, and senders as processes."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid5

from bench.servers import Place
from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings
from shared.domain.api_keys import Endpoints
from shared.domain.installation import CustomerRecord, KeyRecord
from shared.domain.send_requests import NewRecipient, NewSend
from shared.storage import api_keys, sends
from shared.storage.database import Database
from shared.storage.provisioning import customers, keys
from shared.storage.sealing import Fingerprints, Sealer
from tests.servers.children import Child

ROOT = Path(__file__).parents[1]
TENANT = "11111111-2222-3333-4444-555555555555"
SECRET = "a-secret-of-the-benchmarks"
ROBOT = "robot@project.iam.gserviceaccount.com"
LIFTED = {"per_minute": None, "messages_per_day": None, "recipients_per_day": None}
_NAMES = UUID("5f0c9f8e-8a53-4a53-9a55-2f3d8f7a1c11")
_CHUNK = 500
_TEXT = (
    "Thank you for your order. It leaves our house tomorrow, and you will hear from us once more.\n" * 18
)  # about 2 kB


@contextmanager
def simulator(latency_ms: float) -> Iterator[tuple[RunningSimulator, ControlClient]]:
    """A simulator in a process of its own."""
    running = start(SimulatorSettings(latency_ms=latency_ms, own_process=True))
    try:
        yield running, ControlClient(running.http_url)
    finally:
        running.stop()


def install(
    database: Database,
    sealer: Sealer,
    running: RunningSimulator,
    control: ControlClient,
    boxes: Mapping[str, int],
    *,
    lifted: bool,
    late_seconds: float = 0.0,
) -> list[int]:
    """A customer, a key of each provider, and a delivery server for each mailbox; their ids. boxes: provider -> how many.

    lifted: neither we nor the simulator keep a limit for sending. late_seconds: Sent Items shows a mail after up to so long.
    """
    url = running.https_url
    control.register_app(TENANT, "client", SECRET)
    key_file = control.register_service_account(ROBOT, token_uri=f"{url}/token")
    assert key_file is not None
    secrets = {"microsoft": SECRET, "google": key_file["private_key"]}
    if lifted:
        control.set_send_limits(**LIFTED)
    made = []
    with database.transaction() as connection:
        customers.save_customer(connection, CustomerRecord("acme", "Acme"))
        for provider, many in boxes.items():
            record = _key(provider, secrets[provider], Endpoints(f"{url}/token" if provider == "google" else url, url))
            key_id = keys.save(
                connection, record, sealer.seal(secrets[provider].encode(), api_keys.belongs_to(record.uid))
            )
            limits = json.dumps(LIFTED if lifted else {})
            connection.execute("update api_keys set send_limits = %s where id = %s", (limits, key_id))
            for number in range(many):
                address = f"news-{number:02d}@{provider}.example.com"
                control.register_mailbox(
                    provider, address, sent_items_delay_most=late_seconds, message_ids=_IDS[provider]
                )
                row = connection.execute(_SERVER, {"email": address, "provider": provider, "key": key_id}).fetchone()
                assert row is not None
                made.append(int(row[0]))
    return made


_IDS = {"microsoft": "keep", "google": "rewrite"}  # as the services do
_SERVER = """
    with box as (
        insert into mailboxes (email, provider, api_key_id) values (%(email)s, %(provider)s, %(key)s) returning id
    )
    insert into delivery_servers (uid, name, customer_id, mailbox_id, primed_at)
    select %(email)s, %(email)s, (select id from customers where uid = 'acme'), box.id, now() from box returning id
"""


def _key(provider: str, secret: str, at: Endpoints) -> KeyRecord:
    google = provider == "google"
    return KeyRecord(
        uid=provider,
        name=provider,
        provider=provider,
        customer=None,
        tenant_id="" if google else TENANT,
        client_id="" if google else "client",
        service_account_email=ROBOT if google else "",
        private_key_id="k" if google else "",
        credential=Fingerprints(b"bench")(provider, secret),
        authority_url=at.authority,
        api_url=at.api,
    )


def store(database: Database, sealer: Sealer, servers: Sequence[int], many: int) -> list[str]:
    """Stores `many` sends of about 2 kB, shared out over the servers; their keys, which are their subjects too."""
    with database.transaction() as connection:
        row = connection.execute("select id from customers where uid = 'acme'").fetchone()
    assert row is not None
    made = [_send(number, int(row[0]), servers[number % len(servers)]) for number in range(many)]
    for start_at in range(0, many, _CHUNK):
        with database.transaction() as connection:
            sends.accept(connection, sealer, made[start_at : start_at + _CHUNK])
    with database.transaction() as connection:
        connection.execute("analyze")
    return [one.plan.idempotency_key for one in made]


def _send(number: int, customer_id: int, server_id: int) -> sends.Accepted:
    uid, key = uuid5(_NAMES, str(number)), f"order-{number:05d}"
    address = f"reader-{number:05d}@example.net"
    plan = NewSend(
        uid, customer_id, "acme", "", key, b"", server_id, "", "", any_server=False, fail_over=False,
        recipients=(NewRecipient("to", address),),
    )  # fmt: skip
    request = {"idempotency_key": key, "to": [{"email": address}], "subject": key, "text": _TEXT}
    return sends.Accepted(plan, f"{uid}@microsoft.example.com", f"ref-{uid}", json.dumps(request).encode())


class Senders:
    """Sender processes by name, which may be killed and started again."""

    def __init__(self, place: Place, running: RunningSimulator, **settings: object) -> None:
        self._logs = place.logs
        kept = {name: value for name, value in os.environ.items() if not name.startswith("APICONNECT_")}
        more = {f"APICONNECT_{name.upper()}": json.dumps(value) for name, value in settings.items()}
        ca_file = {"APICONNECT_PROVIDER_CA_FILE": str(running.ca_file)}
        self._environment = {**kept, **place.environment, **ca_file, **more}
        self.running: dict[str, Child] = {}

    def start(self, name: str) -> None:
        """Another sender under this name."""
        command = [sys.executable, "-m", "services.sender"]
        output = self._logs / f"{name}.log"
        self.running[name] = Child(command, env=self._environment, output=output, cwd=ROOT)

    def end(self) -> None:
        """All of them, in good order."""
        for child in self.running.values():
            child.end()
        self.running.clear()


def states(database: Database) -> Counter[str]:
    """How many sends stand in each state."""
    with database.transaction() as connection:
        return Counter(dict(connection.execute("select state, count(*) from sends group by state").fetchall()))


def provider_calls(control: ControlClient) -> Counter[str]:
    """Calls by operation, whatever the answer."""
    counted: Counter[str] = Counter()
    for operations in control.statistics()["calls"].values():
        for operation, answers in operations.items():
            counted[operation] += sum(answers.values())
    return counted
