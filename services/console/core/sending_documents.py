"""The sections of `apply`'s document that are about sending: delivery servers and campaign groups."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictFloat, StrictInt

from services.console.core.documents import Address, Name, Part, ProviderName


def _quota(value: Any) -> Any:
    if value is None or value == 0:
        return None  # both mean "no limit" for a server; a group's limit of 0 is another thing (A057)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("is not a quota; write a whole number above 0, or 0 for no limit")
    return value


Quota = Annotated[StrictInt | None, BeforeValidator(_quota)]


class CampaignGroupPart(Part):
    """Campaigns that a subscriber can be taken out of together. `name` left out: its uid."""

    uid: Name
    customer: Name
    name: Name | None = None


class WarmUpPart(Part):
    """From that day of the plan on (the first is 1), at most so many mails a day."""

    from_day: StrictInt = Field(ge=1, le=365)
    daily: StrictInt = Field(ge=1)


class DeliveryServerPart(Part):
    """A delivery server. `customer` left out: the operator's own, for every customer whose group allows its type."""

    name: Name
    uid: Name | None = None
    provider: ProviderName
    email: Address
    key: Name
    customer: Name | None = None
    from_name: Annotated[str, Field(max_length=200, pattern=r"^[^\r\n\x00]*$")] = ""
    reply_to: Address | None = None
    locked: StrictBool = False
    status: Literal["active", "inactive"] = "active"
    hourly_quota: Quota = None
    daily_quota: Quota = None
    monthly_quota: Quota = None
    pause_seconds: Annotated[StrictFloat | StrictInt, Field(ge=0, le=86_400)] = 0
    warm_up: list[WarmUpPart] | None = None
    mode: Literal["mime", "json"] = "mime"
    draft_first: StrictBool = False
