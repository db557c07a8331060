"""What must have become of the sends and the replies, beside what did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from services.demo.core.comparing import Line
from services.simulator.http.control_client import ControlClient
from tests.chaos.correspondence import Correspondence
from tests.chaos.planned import BUYERS, CUSTOMERS, PlannedReply, PlannedSend
from tests.chaos.shop import Shop
from tests.chaos.verdict import Verdict, removed_wrongly

Connection = psycopg.Connection[Any]

_LEFT_OVER = {
    "sends claimed": "select count(*) from sends where claimed_by is not null or claimed_until is not null",
    "calls in the ledger of sends without an end": "select count(*) from send_ledger where ended_at = 'infinity'",
    "requests refused for another reason": "select count(*) from rejected_requests where reason <> 'idempotency_conflict'",
}
_NOT_IN_LEDGER = """
    select count(*) from sends s where not exists (select 1 from send_ledger l where l.send_id = s.id)
"""
_BOUNCES = """
    select s.idempotency_key, b.recipient, b.effect, b.effect_at
    from bounce_log b join sends s on s.sent_mail_id = b.sent_mail_id
    where b.mailbox = any(%s)
"""
_MONITOR_LOG = "select monitor_name, sender, effect from monitor_log"
# A report that came before its send was known is logged as unmatched and may go; its row is written again when it is tied.
_COMMITTED = """
    select m.email, f.provider_mail_id, max(l.at)
    from (select mail_id, case when effect_at > logged_at then logged_at else pg_xact_commit_timestamp(xmin) end as at
          from bounce_log
          union all select mail_id, pg_xact_commit_timestamp(xmin) from monitor_log) l
    join fetched_mail f on f.id = l.mail_id join mailboxes m on m.id = f.mailbox_id
    where m.email = any(%s) group by 1, 2
"""


def check_correspondence(
    verdict: Verdict, connection: Connection, control: ControlClient, plan: Correspondence, shop: Shop
) -> list[str]:
    """Adds its lines to the verdict; returns notes on what the integration met with."""
    fetched = _value(
        connection,
        "select count(*) from fetched_mail f join mailboxes m on m.id = f.mailbox_id"
        " where m.email = any(%s) and f.stage = 'served' and not f.disposal_due",
        [box.address for box in plan.boxes],
    )
    verdict.lines.append(Line("mails in sending mailboxes, served", plan.mails, fetched))
    _sends(verdict, connection, control, plan.sends)
    bounced = _bounces(verdict, connection, plan)
    _results(verdict, connection, plan, shop, bounced)
    _replies(verdict, connection, plan.replies)
    _tidied(verdict, connection, control, plan)
    again = _value(connection, "select count(distinct send_id) from send_steps where state = 'unknown'")
    resent = _value(connection, "select count(*) from sends where attempts > 1")
    told = ", ".join(f"{what}: {count}" for what, count in sorted(shop.counts.items()))
    unread = len(plan.sends) - len(shop.results.get("sent", set()))
    return [
        f"The integration: {told}",
        f"Sends that were unknown for a while: {again}; called more than once: {resent}",
        f"Results 'sent' that the integration never read, lost with the broker's volume: {unread}",
    ]


def _sends(verdict: Verdict, connection: Connection, control: ControlClient, sends: Sequence[PlannedSend]) -> None:
    rows = dict(connection.execute("select idempotency_key, state from sends").fetchall())
    verdict.lines.append(Line("send requests accepted", len(sends), len(rows)))
    verdict.lines.append(Line("sends sent", len(sends), sum(state == "sent" for state in rows.values())))
    verdict.nothing(
        "sends unknown or unfinished", [f"{key}: {state}" for key, state in rows.items() if state != "sent"]
    )
    lost, twice, strange = left_wrongly((one["subject"] for one in control.deliveries()), [one.key for one in sends])
    verdict.nothing("sends that never left", [f"{key}: {_story(connection, key)}" for key in lost])
    verdict.nothing("sends that left twice", [f"{key}: {_story(connection, key)}" for key in twice])
    verdict.nothing("mails that left, but should not", strange)
    refused = connection.execute(
        "select distinct idempotency_key from rejected_requests where reason = 'idempotency_conflict'"
    ).fetchall()
    rivals = {one.key for one in sends if one.conflicts}
    verdict.lines.append(Line("keys refused for other content", len(rivals), len(rivals & {row[0] for row in refused})))
    verdict.nothing(
        "keys refused wrongly", [f"{row[0]}: refused, has no rival" for row in refused if row[0] not in rivals]
    )
    for what, query in (*_LEFT_OVER.items(), ("sends without a call in the ledger", _NOT_IN_LEDGER)):
        verdict.lines.append(Line(what, 0, _value(connection, query)))


def left_wrongly(left: Iterable[str], keys: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Keys that never left and that left more than once, and what else left. left: a subject for each time."""
    times = Counter(left)
    lost = [key for key in keys if not times[key]]
    twice = [key for key in keys if times[key] > 1]
    return lost, twice, sorted(times.keys() - set(keys))


def _bounces(verdict: Verdict, connection: Connection, plan: Correspondence) -> dict[str, datetime]:
    """Returns when each bounced key took effect."""
    planned = {one.key: one.to for one in plan.sends if one.bounces}
    rows = connection.execute(_BOUNCES, ([box.address for box in plan.boxes],)).fetchall()
    wanted = Counter((key, to, "blacklisted") for key, to in planned.items())
    found = Counter((row[0], row[1], row[2]) for row in rows)
    verdict.lines.append(Line("bounces tied to their sends", wanted.total(), found.total()))
    verdict.wrong += [f"bounce of {key}: {count} rows too many" for key, count in (found - wanted).items()]
    verdict.wrong += [f"bounce of {key}: missing" for key in wanted - found]
    statuses = dict(
        connection.execute(
            "select s.email, s.status from subscribers s join lists l on l.id = s.list_id where l.uid = %s", (BUYERS,)
        ).fetchall()
    )
    black = {address for address, status in statuses.items() if status == "blacklisted"}
    verdict.lines.append(Line("buyers blacklisted", len(planned), len(black & set(planned.values()))))
    verdict.nothing("buyers with a wrong status", sorted(black - set(planned.values())))
    return {row[0]: row[3] for row in rows}


def _results(
    verdict: Verdict, connection: Connection, plan: Correspondence, shop: Shop, bounced: Mapping[str, datetime]
) -> None:
    """Results that lay at the broker when it was wiped are lost with it; those of what happened later are not."""
    sent = dict(connection.execute("select idempotency_key, sent_at from sends where state = 'sent'").fetchall())
    verdict.lines.append(Line("requests answered", len(plan.sends), len(plan.sends) - len(shop.missing())))
    for state, happened in (("sent", sent), ("bounced", bounced)):
        since = plan.known_since
        due = {key for key, at in happened.items() if since is None or at > since}
        missing = due - shop.results.get(state, set())
        what = f"results {state!r}" + (" since the broker's wipe" if since else "")
        verdict.lines.append(Line(what, len(due), len(due) - len(missing)))
        verdict.wrong += [f"{key}: no result {state}" for key in sorted(missing)]


def _replies(verdict: Verdict, connection: Connection, replies: Sequence[PlannedReply]) -> None:
    wanted = Counter((one.box.monitor, one.sender, one.effect) for one in replies if one.effect is not None)
    found = Counter((row[0], row[1], row[2]) for row in connection.execute(_MONITOR_LOG))
    verdict.lines.append(Line("monitor log rows", wanted.total(), found.total()))
    verdict.wrong += [f"monitor log: {row} {count} times too often" for row, count in (found - wanted).items()]
    verdict.wrong += [f"monitor log: {row} missing" for row in wanted - found]
    statuses = dict(connection.execute("select email, status from subscribers").fetchall())
    for status in ("unsubscribed", "blacklisted", "confirmed"):
        planned = {one.sender for one in replies if one.status == status}
        so = {sender for sender in planned if statuses.get(sender) == status}
        verdict.lines.append(Line(f"writers {status}", len(planned), len(so)))
        verdict.wrong += [f"{sender}: {statuses.get(sender)}, should be {status}" for sender in sorted(planned - so)]
    changed = sum(one.effect == "done" for one in replies)
    query = "select count(*) from subscriber_changes where monitor_log_id is not null"
    verdict.lines.append(Line("subscriber changes by monitors", changed, _value(connection, query)))
    black = sum(one.status == "blacklisted" for one in replies)
    query = "select count(*) from blacklist where monitor_log_id is not null"
    verdict.lines.append(Line("blacklist rows by monitors", black, _value(connection, query)))


def _tidied(verdict: Verdict, connection: Connection, control: ControlClient, plan: Correspondence) -> None:
    """Reports are tidied away, and replies on which the customer's monitor acted; nothing else."""
    boxes = [box.address for box in plan.boxes]
    committed = {(row[0], row[1]): row[2] for row in connection.execute(_COMMITTED, (boxes,)) if row[2] is not None}
    may = {
        (row[0], row[1])
        for row in connection.execute(
            "select m.email, f.provider_mail_id from fetched_mail f join mailboxes m on m.id = f.mailbox_id"
            " where m.email = any(%s) and (exists (select 1 from bounce_log b where b.mail_id = f.id)"
            " or exists (select 1 from monitor_log l where l.mail_id = f.id and l.monitor_name = %s and l.effect = 'done'))",
            (boxes, CUSTOMERS),
        )
    }
    # A draft prepares a mailbox for sending, and is thrown away again.
    removals = [one for one in control.removals() if one["mailbox"] in boxes and not one["draft"]]
    early, others = removed_wrongly(removals, committed, may)
    acted = sum(one.effect == "done" and one.box.monitor == CUSTOMERS for one in plan.replies)
    away = len({(one["mailbox"], one["lasting_id"]) for one in removals})
    verdict.lines.append(Line("tidied in sending mailboxes", acted + sum(one.bounces for one in plan.sends), away))
    verdict.nothing("there removed before the commit", early)
    verdict.nothing("there removed wrongly", others)


def _story(connection: Connection, key: str) -> str:
    steps = connection.execute(
        "select p.at::time, p.state, p.reason from send_steps p join sends s on s.id = p.send_id"
        " where s.idempotency_key = %s order by p.id",
        (key,),
    ).fetchall()
    return "; ".join(f"{at:%H:%M:%S.%f} {state} {reason}".strip() for at, state, reason in steps)


def _value(connection: Connection, query: str, *values: object) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    return int(row[0]) if row else -1
