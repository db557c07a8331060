"""Integrations in Docker: made by the command, sending through the running stack, and refused wherever their rights end.

Run by `make system` after the faults; prints a line for each step, exit code 1 if one is not as it must be. It uses a compose
project, an image and ports of its own, and removes them at the end unless told to --keep them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pika  # type: ignore[import-untyped]
from apiconnect_client import Client, Result
from pika.exceptions import AMQPChannelError, AMQPConnectionError  # type: ignore[import-untyped]

from shared.storage.database import Database
from tests.system.compose_faults import PIPELINE, Failed, Stack

PROJECT = "apiconnect-sends"
SERVER = """
insert into delivery_servers (uid, customer_id, mailbox_id, name)
select c.uid || '-system', c.id, min(b.mailbox_id), 'system test'
from bounce_servers b join customers c on c.id = b.customer_id group by c.uid, c.id
"""


def created(stack: Stack, name: str, customer: str) -> str:
    """The URL that the command prints, as a program on this machine uses it."""
    text = stack.run("run", "--rm", "-T", "console", "integration", "create", name, "--customer", customer, "--json")
    return str(json.loads(text[text.index("{") :])["url"])


def a_request(key: str, **more: Any) -> dict[str, Any]:
    to = [{"email": f"{key}@example.com"}]
    return {"idempotency_key": key, "to": to, "subject": "Hello", "text": "Hello", **more}


def asked(client: Client, request: dict[str, Any], wanted: str, *, seconds: float = 60.0) -> Result:
    """Sends, and reads results until the wanted state of this request has come."""
    client.send(request)
    for result in client.results(idle_timeout=seconds):
        result.ack()
        if result.idempotency_key == request["idempotency_key"] and result.state == wanted:
            return result
    raise Failed(f"{request['idempotency_key']}: no result {wanted} within {seconds:.0f} s")


def refused(url: str, act: Callable[[Any], object]) -> str:
    """What the broker says to it; empty if it allows it."""
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        try:
            act(channel)
        except AMQPChannelError as error:
            return str(error)
    return ""


# Each is tried by `shop` of acme; `crm` is birch's.
BEYOND_ITS_RIGHTS: dict[str, Callable[[Any], object]] = {
    "forging an internal message": lambda channel: channel.basic_publish("apiconnect", "mail.fetched", b"{}"),
    "putting one straight into a queue": lambda channel: channel.basic_publish("", "classifier.mail_fetched", b"{}"),
    "making up a result": lambda channel: channel.basic_publish("apiconnect.results", "delivery.crm.sent", b"{}"),
    "publishing under another's key": lambda channel: channel.basic_publish("apiconnect.send", "mail.send.crm", b"{}"),
    "publishing as another": lambda channel: channel.basic_publish(
        "apiconnect.send", "mail.send.shop", b"{}", pika.BasicProperties(user_id="integration.crm")
    ),
    "binding another's results": lambda channel: channel.queue_bind(
        "results.shop", "apiconnect.results", "delivery.crm.#"
    ),
    "reading another's results": lambda channel: channel.basic_get("results.crm"),
    "reading another's requests": lambda channel: channel.basic_get("sender.send_mail.crm"),
    "reading an internal queue": lambda channel: channel.basic_get("actions.mail_classified"),
    "creating a queue": lambda channel: channel.queue_declare("mine", durable=True),
    "deleting a queue": lambda channel: channel.queue_delete("results.crm"),
}


def rights(url: str, say: Callable[[str], None]) -> None:
    allowed = [what for what, act in BEYOND_ITS_RIGHTS.items() if not refused(url, act)]
    if allowed:
        raise Failed(f"allowed: {', '.join(allowed)}")
    say(f"refused by the broker: {', '.join(BEYOND_ITS_RIGHTS)}")


def requests_beyond(client: Client, url: str, say: Callable[[str], None]) -> None:
    """What the broker can't refuse, the sender does."""
    other = asked(client, a_request("other-customer", customer="birch"), "rejected")
    if (other.reason, other.field) != ("not_yours", "customer"):
        raise Failed(f"another's customer: {other}")
    properties = pika.BasicProperties(user_id="integration.shop", reply_to="results.crm")
    body = json.dumps(a_request("foreign-reply")).encode()
    if said := refused(
        url, lambda channel: channel.basic_publish("apiconnect.send", "mail.send.shop", body, properties)
    ):
        raise Failed(f"a request with a foreign reply_to was not even published: {said}")
    foreign = next(each for each in client.results(idle_timeout=60) if each.idempotency_key == "foreign-reply")
    foreign.ack()
    if (foreign.state, foreign.reason, foreign.field) != ("rejected", "not_yours", "reply_to"):
        raise Failed(f"a foreign reply_to: {foreign}")
    say("rejected by the sender: another's customer, a foreign reply_to")


def broker_lost(stack: Stack, say: Callable[[str], None]) -> None:
    stack.run("down", *PIPELINE, "rabbitmq", "integrations", "secrets", "migrate")
    subprocess.run(["docker", "volume", "rm", f"{stack.project}_rabbitmq"], capture_output=True, check=True)
    stack.up("--scale", "sender=3")
    say("the broker's volume deleted, up again")


def play(stack: Stack, wanted: str, say: Callable[[str], None]) -> None:
    stack.up("--scale", "sender=3")
    say(f"up: {len(stack.states())} containers, three senders among them")
    urls = {name: created(stack, name, customer) for name, customer in (("shop", "acme"), ("crm", "birch"))}
    with (
        Database(stack.database_url(), max_connections=2, name="system test") as database,
        database.transaction() as connection,
    ):
        connection.execute(SERVER.encode())
    rights(urls["shop"], say)
    with Client(urls["shop"]) as shop, Client(urls["crm"]) as crm:
        result = asked(shop, a_request("first"), wanted)
        say(f"shop sends and reads its result: {result.state} by {result.server or 'a server of its choice'}")
        requests_beyond(shop, urls["shop"], say)
        if found := [each.idempotency_key for each in crm.results(idle_timeout=3)]:
            raise Failed(f"crm reads what is not its own: {found}")
    broker_lost(stack, say)
    with Client(urls["shop"]) as shop:
        again = asked(shop, a_request("first"), wanted)
        say(f"the same URL works, the same request is known: {again.state}, repeated {again.repeated}")
        asked(shop, a_request("second"), wanted)
        say(f"and a new one is {wanted}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", default=PROJECT)
    parser.add_argument("--wanted", default="sent", help="the state that a send must come to")
    parser.add_argument("--keep", action="store_true", help="leave the containers running")
    given = parser.parse_args()
    stack, began = Stack(given.project), time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    try:
        stack.run("down", "--volumes", "--timeout", "25")
        stack.run("build", "--quiet")
        say("image built")
        play(stack, given.wanted, say)
        say("integrations: good")
        return 0
    except (Failed, AMQPConnectionError) as failure:
        say(f"FAILED: {failure}")
        print(stack.run("logs", "--tail", "15", "sender", "integrations", check=False))
        return 1
    finally:
        if not given.keep:
            stack.run("down", "--volumes", "--timeout", "25", check=False)
            subprocess.run(["docker", "rmi", given.project], capture_output=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
