"""`keys list|rotate-secret` for API keys, `keys rotate|verify` for the sealing keys."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.opening import FAULT_FOUND, REFUSED, opened_database, providers, sealer
from services.console.cli.screen import Json
from services.console.core.durations import counted
from services.console.core.grants import GRANTS
from services.console.core.secrets import key_state, secret_until
from services.console.handler import new_secret, sealing_keys
from services.console.handler.new_secret import Rotated, SecretRefused
from services.console.handler.sealing_keys import Ring
from shared.settings import instance_name, secret_from_environment
from shared.storage import overview
from shared.storage.database import Database
from shared.storage.provisioning import keys
from shared.storage.provisioning.keys import KeyLine

_TELL_EVERY = 10_000
RawMail = Annotated[bool, typer.Option("--raw-mail/--no-raw-mail", help="Raw copies of mails too.")]


def keys_list(as_json: Json = False) -> None:
    """Every key: whose it is, who uses it, what it may do, when its secret ends, and what is wrong. Secrets are never shown."""
    with opened_database() as database, database.transaction() as connection:
        lines = keys.lines(connection)
        today = overview.now(connection).date()
    if as_json:
        screen.as_json({"keys": lines})
        return
    screen.table(
        ("key", "owner", "provider", "identity", "secret until", "used by", "may", "state"),
        [
            (
                key.name, key.customer or "system", key.provider, key.identity, secret_until(key, today),
                ", ".join(key.used_by) or "nobody", "; ".join(key.capabilities) or "not checked yet", key_state(key),
            )
            for key in lines
        ],
    )  # fmt: skip


def rotate(raw_mail: RawMail = False, as_json: Json = False) -> None:
    """Seals every secret again under the first key of APICONNECT_SEALING_KEYS. May be stopped and run again.

    Restart the services with the new setting first. Raw copies of mails are left to end with their time unless you say
    --raw-mail. Exit code 1 if a value can't be opened.
    """
    with opened_database() as database:
        ring = sealing_keys.rotate(database, sealer(), raw_mail=raw_mail, progress=_progress)
    if as_json:
        screen.as_json(_as_document(ring))
    else:
        _show(ring, "sealed again")
    if ring.faulty:
        raise typer.Exit(FAULT_FOUND)


def verify(raw_mail: RawMail = True, as_json: Json = False) -> None:
    """Opens every sealed value, counts them by sealing key, and says which keys may go from APICONNECT_SEALING_KEYS.

    Exit code 1 if a value can't be opened.
    """
    with opened_database() as database:
        ring = sealing_keys.verify(database, sealer(), raw_mail=raw_mail, progress=_progress)
    if as_json:
        screen.as_json(_as_document(ring))
    else:
        _show(ring, "opened")
    if ring.faulty:
        raise typer.Exit(FAULT_FOUND)


def rotate_secret(
    name: Annotated[str, typer.Argument(help="The key's name or uid.")],
    file: Annotated[Path | None, typer.Option("--file", help="File with the new secret, or Google's JSON key.")] = None,
    env: Annotated[str | None, typer.Option("--env", help="Variable with the new secret.")] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="If several owners have a key of this name.")
    ] = None,
    expires_on: Annotated[
        datetime | None, typer.Option("--expires-on", formats=["%Y-%m-%d"], help="When the new secret ends.")
    ] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Try it at once.")] = True,
    forget: Annotated[bool, typer.Option("--drop", help="Forget the new secret that waits.")] = False,
    as_json: Json = False,
) -> None:
    """Gives an API key a new secret without a pause: the old one goes on until the new one has worked, and is then dropped.

    Exit code 1 if the provider refuses the new secret; the old one goes on then.
    """
    if [file is not None, env is not None, forget].count(True) != 1:
        _refuse("Say where the new secret is, --file or --env; or --drop.")
    text = "" if forget else _secret(file, env)
    with opened_database() as database:
        line = _one(database, name, customer)
        ring = sealer()
        if forget:
            done = new_secret.drop(database, ring, line)
        else:
            try:
                found = new_secret.add(database, ring, line, text, expires_on=expires_on.date() if expires_on else None)
            except SecretRefused as refused:
                _refuse(f"{file or env}: {refused}.")
            done = found or (
                new_secret.try_now(database, ring, providers(), line, holder=instance_name())
                if check
                else Rotated(line.name, line.customer, "waiting")
            )
    if as_json:
        screen.as_json(done)
    else:
        _tell(done)
    if done.result == "refused":
        raise typer.Exit(FAULT_FOUND)


def _one(database: Database, name: str, customer: str | None) -> KeyLine:
    with database.transaction() as connection:
        found = new_secret.find(connection, name, customer)
    if len(found) > 1:
        owners = ", ".join(line.customer or f"the system (uid {line.uid})" for line in found)
        _refuse(f"Several keys are named {name}, of {owners}: give the uid, or --customer.")
    if not found:
        _refuse(f"There is no key {name}; apiconnect keys list shows those that there are.")
    return found[0]


def _secret(file: Path | None, env: str | None) -> str:
    if env is not None:
        value = secret_from_environment(env)
        if not value:
            _refuse(f"Variable {env} is not set.")
        return str(value)
    assert file is not None
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        _refuse(f"{file} can't be read: {getattr(error, 'strerror', None) or 'it is not text'}.")
    return ""


def _refuse(text: str) -> None:
    screen.complain(text)
    raise typer.Exit(REFUSED)


def _tell(done: Rotated) -> None:
    name = f"{done.key} ({done.owner or 'system'})"
    match done.result:
        case "in use":
            screen.say(f"{name}: the new secret works and is in use; the old one is dropped.", mark="ok")
            screen.say(
                "You may delete the old one at the provider. Put the new one, and when it ends, where apply reads them.",
                mark="note",
            )
        case "waiting":
            why = f" ({done.detail})" if done.detail else ""
            screen.say(f"{name}: the new secret waits{why}. It is tried first at the next token.", mark="note")
        case "refused":
            assert done.diagnosis is not None
            screen.say(f"{name}: the new secret is refused: {done.diagnosis.cause}", mark="fault")
            screen.say(f"code: {done.diagnosis.code}", indent=2)
            screen.say(f"fix:  {done.diagnosis.fix}", indent=2)
            going = f"The old one is no good either: {done.detail}" if done.detail else "The old one goes on."
            screen.say(f"{going} The new one is tried again every quarter of an hour; --drop forgets it.", mark="note")
        case "unchanged":
            screen.say(f"{name}: this is the secret in use; nothing was changed.", mark="note")
        case "dropped":
            screen.say(f"{name}: the new secret is forgotten; the one in use goes on.", mark="ok")
        case _:
            screen.say(f"{name}: no new secret waits.", mark="note")


def _progress(kind: str, done: int) -> None:
    if done and done % _TELL_EVERY == 0:
        screen.complain(f"{kind}: {done} …")


def _as_document(ring: Ring) -> dict[str, object]:
    return {
        "current": ring.current,
        "sealed": ring.counts,
        "handled": ring.handled,
        "broken": ring.broken,
        "missing": ring.missing,
        "may_be_dropped": ring.unneeded,
        "ok": not ring.faulty,
    }


def _show(ring: Ring, verb: str) -> None:
    screen.table(
        ("what", verb, "sealed under"),
        [
            (kind, ring.handled.get(kind, "-"), ", ".join(f"{key}: {n}" for key, n in by_key.items()) or "nothing")
            for kind, by_key in ring.counts.items()
        ],
        right=(verb,),
    )
    for text in ring.broken[:20]:
        screen.say(text, mark="fault")
    if len(ring.broken) > 20:
        screen.say(f"and {counted(len(ring.broken) - 20, 'more value')} that do not open", mark="fault")
    if ring.missing:
        screen.say(f"Needed, and not in APICONNECT_SEALING_KEYS: {', '.join(ring.missing)}.", mark="fault")
    for key_id in ring.unneeded:
        screen.say(f"Key {key_id} seals nothing any more: it may go from APICONNECT_SEALING_KEYS.", mark="ok")
    old = {key for by_key in ring.counts.values() for key in by_key} - {ring.current, *ring.missing}
    for key_id in sorted(old):
        kinds = [kind for kind, by_key in ring.counts.items() if key_id in by_key]
        only_raw = set(kinds) <= {
            "raw mail",
            "bodies of sends",
            "stored attachments",
            "texts of sent mail",
        }  # what end with their time
        how = (
            "it ends with their time, or now with keys rotate --raw-mail" if only_raw else "run apiconnect keys rotate"
        )
        screen.say(f"Key {key_id} is still needed for {', '.join(kinds)}: {how}.", mark="note")
    if not (ring.faulty or old or ring.unneeded):
        screen.say(f"Everything is sealed under {ring.current}, the only key that is needed.", mark="ok")


def grants(as_json: Json = False) -> None:
    """What to grant at Google and Microsoft, ready to paste."""
    if as_json:
        screen.as_json({"grants": GRANTS})
        return
    for grant in GRANTS:
        screen.heading(f"{grant.provider}: {grant.purpose}")
        screen.say(grant.where)
        typer.echo(grant.paste)
        screen.say()
