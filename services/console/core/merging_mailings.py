"""Lists, subscribers, campaigns and sent mail of a document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from services.console.core.documents import SentMailPart, SubscriberPart
from services.console.core.faults import Path
from services.console.core.merging import Scene, said
from shared.domain.installation import CampaignGroupRecord, CampaignRecord, ListRecord, SentMailRecord, SubscriberRecord


def merge_lists(scene: Scene) -> None:
    """Lists and their subscribers, inline and from CSV files."""
    for entry in scene.document.lists:
        part = entry.part
        if not scene.only_once((*entry.path, "uid"), "lists", part.uid):
            continue
        scene.must_exist((*entry.path, "customer"), "customers", part.customer, "customer")
        present = scene.current.lists.get(part.uid)
        if present is not None:
            scene.same_customer((*entry.path, "customer"), present.customer, part.customer, "list")
        base = present or ListRecord(part.uid, part.customer, part.name or part.uid)
        changes = said(part, "unsubscribe_url", "unsubscribe_mailto")
        scene.wanted.lists[part.uid] = replace(base, name=part.name or base.name, **changes)
        if part.subscribers is not None or part.subscribers_csv is not None:
            rows = [*(part.subscribers or ()), *scene.outside.subscribers.get(entry.path, ())]
            scene.wanted.subscribers[part.uid] = _once_each(scene, entry.path, part.uid, rows)


def _once_each(scene: Scene, path: Path, uid: str, rows: Iterable[SubscriberPart]) -> tuple[SubscriberRecord, ...]:
    found: dict[str, SubscriberRecord] = {}
    for row in rows:
        record = SubscriberRecord(uid, row.email, row.status, row.uid or "")
        first = found.setdefault(row.email, record)
        if first != record:
            scene.fault(
                (*path, "subscribers"), f"{row.email} stands twice, with different status or uid", "keep one of them"
            )
    return tuple(found.values())


def merge_campaign_groups(scene: Scene) -> None:
    """Campaign groups, each of one customer."""
    for entry in scene.document.campaign_groups:
        part = entry.part
        if not scene.only_once((*entry.path, "uid"), "campaign_groups", part.uid):
            continue
        scene.must_exist((*entry.path, "customer"), "customers", part.customer, "customer")
        present = scene.current.campaign_groups.get(part.uid)
        if present is not None:
            scene.same_customer((*entry.path, "customer"), present.customer, part.customer, "campaign group")
        base = present or CampaignGroupRecord(part.uid, part.customer, part.name or part.uid)
        scene.wanted.campaign_groups[part.uid] = replace(base, name=part.name or base.name)


def merge_campaigns(scene: Scene) -> None:
    """Campaigns, each of the customer whose list it goes to and in whose group it is."""
    for entry in scene.document.campaigns:
        part = entry.part
        if not scene.only_once((*entry.path, "uid"), "campaigns", part.uid):
            continue
        scene.must_exist((*entry.path, "customer"), "customers", part.customer, "customer")
        if scene.must_exist((*entry.path, "list"), "lists", part.list_uid, "list"):
            _owned(scene, (*entry.path, "list"), "lists", part.list_uid, part.customer)
        group_at = (*entry.path, "campaign_group")
        if scene.must_exist(group_at, "campaign_groups", part.campaign_group, "campaign group"):
            _owned(scene, group_at, "campaign_groups", part.campaign_group, part.customer)
        present = scene.current.campaigns.get(part.uid)
        if present is not None:
            scene.same_customer((*entry.path, "customer"), present.customer, part.customer, "campaign")
        base = present or CampaignRecord(part.uid, part.customer, part.name or part.uid)
        changes: dict[str, Any] = {"name": part.name or base.name, **said(part, "campaign_group")}
        if "list_uid" in said(part, "list_uid"):
            changes["list"] = part.list_uid
        scene.wanted.campaigns[part.uid] = replace(base, **changes)


def merge_sent_mail(scene: Scene) -> None:
    """The log of sent mail; entries of the document and rows of its CSV file."""
    rows: list[tuple[Path, SentMailPart]] = [(entry.path, entry.part) for entry in scene.document.sent_mail]
    rows += [(("sent_mail_csv",), part) for part in scene.outside.sent_mail]
    references: set[str] = set()
    message_ids: set[tuple[str, str]] = set()
    for path, part in rows:
        record = _sent(scene, path, part)
        if record is None:
            continue
        identity = (record.customer, record.message_id)
        if record.reference in references or identity in message_ids:
            scene.fault(
                (*path, "reference"), "stands for two sent mails", "give each mail its own reference and message_id"
            )
        references.add(record.reference)
        message_ids.add(identity)
        scene.wanted.sent_mail.append(record)


def _sent(scene: Scene, path: Path, part: SentMailPart) -> SentMailRecord | None:
    fine = scene.must_exist((*path, "campaign"), "campaigns", part.campaign, "campaign")
    fine &= scene.must_exist((*path, "list"), "lists", part.list_uid, "list")
    campaign = scene.known("campaigns").get(part.campaign) if part.campaign else None
    customer = part.customer or (campaign.customer if campaign else None)
    if customer is None:
        if fine and part.campaign not in scene.document.excused:
            scene.fault(
                (*path, "customer"), "is missing, and no campaign says whose mail it was", "add customer or campaign"
            )
        return None
    fine &= scene.must_exist((*path, "customer"), "customers", customer, "customer")
    fine &= _owned(scene, (*path, "campaign"), "campaigns", part.campaign, customer)
    fine &= _owned(scene, (*path, "list"), "lists", part.list_uid, customer)
    if not fine:
        return None
    return SentMailRecord(
        customer, part.message_id, part.reference, tuple(dict.fromkeys(part.recipients)), part.sent_at,
        part.campaign, part.list_uid, part.sender, part.actual_message_id,
    )  # fmt: skip


def _owned(scene: Scene, path: Path, section: str, uid: str | None, customer: str) -> bool:
    record = scene.known(section).get(uid) if uid else None
    if record is None or record.customer == customer:
        return True
    scene.fault(path, f"belongs to {record.customer}", f"name one of {customer}'s own")
    return False
