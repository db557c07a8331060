"""The examples for Python, Node and the shell are run, as they stand, against a real broker with a user that the command made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pika  # type: ignore[import-untyped]
import pytest

from shared.contracts.sending import DeliveryResult, SendMail

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "clients" / "examples"
UNREACHABLE = ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH")


@pytest.fixture
def sender(rabbitmq_url: str) -> Iterator[list[SendMail]]:
    """Answers as the product does; the requests that came."""
    came: list[SendMail] = []
    stop = threading.Event()

    def work() -> None:
        with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as connection:
            channel = connection.channel()
            for method, properties, body in channel.consume(
                "sender.send_mail.shop", auto_ack=True, inactivity_timeout=0.1
            ):
                if stop.is_set():
                    return
                if method is None:
                    continue
                assert properties.user_id == "integration.shop"
                came.append(SendMail.model_validate_json(body))
                back = pika.BasicProperties(correlation_id=properties.correlation_id)
                for state in ("accepted", "sent"):
                    result = DeliveryResult(
                        event_id=uuid4(), state=state, at=datetime.now(UTC), idempotency_key=came[-1].idempotency_key
                    )
                    answer = result.model_dump_json(by_alias=True, exclude_none=True).encode()
                    channel.basic_publish("apiconnect.results", f"delivery.shop.{state}", answer, back)
                    if properties.reply_to:
                        channel.basic_publish("", properties.reply_to, answer, back)

    thread = threading.Thread(target=work)
    thread.start()
    yield came
    stop.set()
    thread.join()


def run(command: list[str], url: str, **more: str) -> list[str]:
    """What it prints, line by line; it must end well and complain of nothing."""
    environment = {
        "PATH": os.environ["PATH"],
        "APICONNECT_URL": url,
        "PYTHONPATH": str(ROOT / "clients/python"),
        **more,
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.strip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", ["bare_pika.py", "with_client.py"])
def test_python(urls: dict[str, str], sender: list[SendMail], name: str) -> None:
    said = run([sys.executable, str(EXAMPLES / "python" / name)], urls["shop"])
    assert said == ["order-4711-receipt accepted", "order-4711-receipt sent"]
    assert [request.tags for request in sender] == [("receipts",)]


def test_shell(urls: dict[str, str], sender: list[SendMail], tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    environment = f"{tmp_path}:{os.environ['PATH']}"
    site = next(path for path in sys.path if path.endswith("site-packages"))
    paths = f"{ROOT / 'clients/python'}:{site}"
    (said,) = run([str(EXAMPLES / "shell" / "send.sh")], urls["shop"], PATH=environment, PYTHONPATH=paths)
    assert json.loads(said)["state"] == "sent"
    assert len(sender) == 1


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Node example with its packages, as the lock file names them."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed here")
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(EXAMPLES / "node", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode and any(word in done.stderr for word in UNREACHABLE):
        pytest.skip("the registry of Node's packages can't be reached from here")
    assert done.returncode == 0, done.stderr
    return folder


def test_node(urls: dict[str, str], sender: list[SendMail], node_folder: Path) -> None:
    said = run(["node", str(node_folder / "send.js")], urls["shop"])
    assert said == ["order-4711-receipt accepted", "order-4711-receipt sent"]
    assert [request.to[0].name for request in sender] == ["Anna"]
