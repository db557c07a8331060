"""The section of `apply`'s document that holds monitors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StringConstraints

from services.console.core.documents import Address, Name, Part, ProviderName, Since
from shared.domain import monitors
from shared.domain.monitors import IdentifyBy, MonitorAction, Operator


def _word(value: Any) -> Any:
    """`move to list` and `Move To List` are as good as `move_to_list`."""
    return value.strip().lower().replace(" ", "_") if isinstance(value, str) else value


class ConditionPart(Part):
    """One condition. `list` or `campaign_group`: the target of an action that needs one."""

    value: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    action: Annotated[MonitorAction, BeforeValidator(_word)]
    operator: Annotated[Operator, BeforeValidator(_word)] = Operator.CONTAINS
    field: Annotated[monitors.Field, BeforeValidator(_word)] = monitors.Field.BODY
    ignore_case: StrictBool = False
    any_content: StrictBool = False
    list_uid: Name | None = Field(default=None, alias="list")
    campaign_group: Name | None = None


class MonitorPart(Part):
    """A monitor. `customer` left out: the operator's own, for every customer's lists. Conditions are tried in their order."""

    name: Name
    uid: Name | None = None
    provider: ProviderName
    email: Address
    key: Name
    customer: Name | None = None
    identify_by: Annotated[IdentifyBy, BeforeValidator(_word)] = IdentifyBy.EMAIL
    conditions: list[ConditionPart] | None = None
    locked: StrictBool = False
    status: Literal["active", "paused", "inactive"] = "active"
    read_junk: StrictBool = False
    disposal: Literal["leave", "mark_read", "move", "trash", "delete"] = "leave"
    move_to: Name | None = None
    dry_run: StrictBool = False
    ignore_machine_mail: StrictBool = True
    plus_addressing: StrictBool = False
    blacklist_scope: Literal["customer", "global"] | None = None
    only_mail_from: Since = None
    poll_minutes: StrictInt = Field(default=10, ge=1, le=1440)
