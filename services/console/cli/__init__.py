"""The commands. Exit codes: 0 well, 1 a fault was found, 2 usage, or something refused."""

from __future__ import annotations

import typer

from services.console.cli import (
    action_commands,
    backup_commands,
    finding_out,
    held_commands,
    integration_commands,
    key_commands,
    lists_of_things,
    looking,
    mailbox_commands,
    replay_command,
    run_commands,
    secret_files,
    server_commands,
    setting_up,
)
from shared.domain.access import Feature

app = typer.Typer(no_args_is_help=True, help="Operator's commands.", pretty_exceptions_show_locals=False)
app.command("migrate")(setting_up.migrate)
app.command("apply")(setting_up.apply)
app.command("backup")(backup_commands.take)
app.command("restore")(backup_commands.restore)
app.command("status")(looking.status)
app.command("why")(finding_out.why)
app.command("poll")(mailbox_commands.poll)


def _group(name: str, summary: str, within: typer.Typer = app) -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help=summary)
    within.add_typer(group, name=name)
    return group


_mailbox = _group("mailbox", "One mailbox: check it, pause it, try it without effects.")
_mailbox.command("check")(mailbox_commands.mailbox_check)
_mailbox.command("start")(mailbox_commands.start)
_mailbox.command("pause")(mailbox_commands.pause)
_mailbox.command("resume")(mailbox_commands.resume)
_mailbox.command("dry-run")(mailbox_commands.dry_run)

_group("tokens", "Cached access tokens.").command("reset")(mailbox_commands.tokens_reset)
_keys = _group("keys", "API keys and their secrets; the sealing keys that they are stored under.")
_keys.command("list")(key_commands.keys_list)
_keys.command("rotate-secret")(key_commands.rotate_secret)
_keys.command("rotate")(key_commands.rotate)
_keys.command("verify")(key_commands.verify)
_keys.command("grants")(key_commands.grants)

_integrations = _group(
    "integration", "Programs outside that send through the queue, each with a RabbitMQ user of its own."
)
_integrations.command("create")(integration_commands.create)
_integrations.command("list")(integration_commands.list_all)
_integrations.command("show")(integration_commands.show)
_integrations.command("rotate")(integration_commands.rotate)
_integrations.command("disable")(integration_commands.disable)
_integrations.command("enable")(integration_commands.enable)
_integrations.command("remove")(integration_commands.remove)
_integrations.command("restore")(integration_commands.restore)

_bounces = _group("bounces", "The bounce log.")
_bounces.command("unmatched")(finding_out.unmatched)
_bounces.command("reclassify")(finding_out.reclassify_mails)
_bounces.command("replay")(replay_command.replay)
_bounces.command("runs")(run_commands.runs)
_bounces.command("undo")(run_commands.undo)

_actions = _group("actions", "What monitors did to subscribers.")
_actions.command("log")(action_commands.log)
_actions.command("undo")(action_commands.undo)

_monitors = _group("monitors", "Monitors: conditions on replies, what they did, and trying them.")
server_commands.mount(_monitors, Feature.MONITORS)
_monitors.command("show")(server_commands.show)
_monitors.command("log")(server_commands.log)
_monitors.command("pause")(server_commands.pause)
_monitors.command("resume")(server_commands.resume)

server_commands.mount(_group("servers", "Bounce servers."), Feature.BOUNCE_SERVERS)

_held = _group("held", "Hard bounces that the blast guard held.", _bounces)
_held.command("list")(held_commands.held_list)
_held.command("show")(held_commands.held_show)
_held.command("release")(held_commands.release)
_held.command("discard")(held_commands.discard)
_held.command("take-back")(held_commands.take_back)

_blacklist = _group("blacklist", "Addresses that get no mail.")
_blacklist.command("list")(lists_of_things.blacklist_list)
_blacklist.command("add")(lists_of_things.blacklist_add)
_blacklist.command("remove")(lists_of_things.blacklist_remove)
_blacklist.command("export")(lists_of_things.blacklist_export)

_dead_letters = _group("dead-letters", "Messages that could not be handled.")
_dead_letters.command("list")(lists_of_things.dead_letters_list)
_dead_letters.command("show")(lists_of_things.dead_letters_show)
_dead_letters.command("replay")(lists_of_things.dead_letters_replay)
_dead_letters.command("discard")(lists_of_things.dead_letters_discard)

_secrets = _group("secrets", "Files with passwords and keys that an installation works with.")
_secrets.command("init")(secret_files.init)
_secrets.command("set")(secret_files.put)
_secrets.command("show")(secret_files.show)
