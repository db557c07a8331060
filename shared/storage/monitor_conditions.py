"""Conditions as people look at them: in their order, and whether their target is still there (A159)."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.monitors import Condition
from shared.storage.database import Connection
from shared.storage.monitors import condition_of

_COLUMNS = """
    array[q.value, q.action, q.operator, q.field, q.ignore_case::text, q.any_content::text, coalesce(q.target_uid, '')],
    q.target_uid is not null and not case
        when q.action = 'stop_campaign_group' then exists (
            select from campaign_groups g where g.uid = q.target_uid and g.customer_id = m.customer_id)
        else exists (select from lists l where l.uid = q.target_uid and l.customer_id = m.customer_id) end
"""


@dataclass(frozen=True, slots=True)
class ConditionLine:
    """One condition. invalid: why it does nothing, '' if it is sound."""

    position: int
    condition: Condition
    invalid: str = ""


@dataclass(frozen=True, slots=True)
class InvalidCondition:
    """A condition of an active monitor whose target is gone."""

    monitor: str
    monitor_uid: str
    customer: str | None
    position: int
    why: str


def of(connection: Connection, monitor_id: int) -> list[ConditionLine]:
    """A monitor's conditions in their order."""
    rows = connection.execute(
        f"""
        select q.position, {_COLUMNS} from monitor_conditions q join monitors m on m.id = q.monitor_id
        where m.id = %s order by q.position
        """.encode(),
        (monitor_id,),
    )
    return [_line(*row) for row in rows]


def invalid(connection: Connection) -> list[InvalidCondition]:
    """Those of active and paused monitors whose list or campaign group was deleted later."""
    rows = connection.execute(
        f"""
        select m.name, m.uid, c.uid, q.position, {_COLUMNS}
        from monitor_conditions q join monitors m on m.id = q.monitor_id left join customers c on c.id = m.customer_id
        where m.status <> 'inactive' and q.target_uid is not null order by c.uid, m.name, q.position
        """.encode()
    )
    found = [(row, _line(*row[3:])) for row in rows]
    return [
        InvalidCondition(row[0], row[1], row[2], line.position, line.invalid) for row, line in found if line.invalid
    ]


def _line(position: int, columns: list[str], gone: bool) -> ConditionLine:
    condition = condition_of(columns)
    what = "campaign group" if condition.action.value == "stop_campaign_group" else "list"
    return ConditionLine(position, condition, f"{what} {condition.target} is not there any more" if gone else "")
