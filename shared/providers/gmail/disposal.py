"""Tidying a Gmail mailbox: batchModify and batchDelete, up to a thousand mails in a call of 50 units.

The batch calls have one outcome for all. When one is refused because a mail is gone, the batch is halved until the rest
is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from shared.domain.errors import ApiConnectError, MailGone, Permanent, ProviderUnavailable, Throttled
from shared.domain.mailboxes import Disposal
from shared.providers.answers import objects, text
from shared.providers.authorized import AuthorizedCalls
from shared.providers.gmail.limits import BATCH_IDS

_ALONE_BELOW = 50  # where single calls of 5 units become cheaper than halving calls of 50

_Outcomes = dict[str, ApiConnectError | None]
_Change = Mapping[str, Sequence[str]] | None
"""Labels to add and remove, as batchModify takes them; None: delete for good."""


class GmailDisposal:
    """The disposals of one mailbox. `base`: the URL of the user. units: cost of each call."""

    def __init__(self, calls: AuthorizedCalls, base: str, units: Mapping[str, int]) -> None:
        self._calls = calls
        self._base = base
        self._units = units

    def dispose(self, disposal: Disposal, mail_ids: Sequence[str], *, move_to: str | None) -> _Outcomes:
        """An outcome for every id. After a failure that is not one mail's, the ids not yet tried get the same error."""
        outcomes: _Outcomes = dict.fromkeys(mail_ids)
        waiting = [] if disposal is Disposal.LEAVE else list(outcomes)
        try:
            change = self._change(disposal, move_to) if waiting else None
            while waiting:
                chunk = waiting[:BATCH_IDS]
                outcomes.update(self._apply(change, chunk))
                del waiting[: len(chunk)]
        except (Throttled, ProviderUnavailable, Permanent) as error:
            outcomes.update(dict.fromkeys(waiting, error))
        return outcomes

    def _change(self, disposal: Disposal, move_to: str | None) -> _Change:
        if disposal is Disposal.DELETE:
            return None
        if disposal is Disposal.MARK_READ:
            return {"removeLabelIds": ["UNREAD"]}
        label = "TRASH" if disposal is Disposal.TRASH else self._label_id(move_to or "")
        return {"addLabelIds": [label], "removeLabelIds": ["INBOX", "SPAM"]}

    def _apply(self, change: _Change, mail_ids: Sequence[str]) -> _Outcomes:
        """One call for all; if mails that are gone stand in its way, halves, and at last each mail alone."""
        try:
            self._one_call(change, mail_ids)
        except MailGone:
            if len(mail_ids) > 1:
                step = (len(mail_ids) + 1) // 2 if len(mail_ids) > _ALONE_BELOW else 1
                outcomes: _Outcomes = {}
                for start in range(0, len(mail_ids), step):
                    outcomes |= self._apply(change, mail_ids[start : start + step])
                return outcomes
        return dict.fromkeys(mail_ids)

    def _one_call(self, change: _Change, mail_ids: Sequence[str]) -> None:
        messages = f"{self._base}/messages"
        if len(mail_ids) == 1:
            one = f"{messages}/{quote(mail_ids[0], safe='')}"
            if change is None:
                self._calls("dispose", "DELETE", one, units=self._units["delete"])
            else:
                self._calls("dispose", "POST", f"{one}/modify", units=self._units["modify"], json_body=change)
            return
        name = "batchDelete" if change is None else "batchModify"
        body: dict[str, Any] = {"ids": list(mail_ids), **(change or {})}
        self._calls("dispose", "POST", f"{messages}/{name}", units=self._units[name], json_body=body)

    def _label_id(self, name: str) -> str:
        """The id of the user's label, made if missing. Names differ from each other without regard to case."""
        url = f"{self._base}/labels"
        answer = self._calls("find_label", "GET", url, units=self._units["labels.list"])
        for label in objects(answer.call, answer.object(), "labels", required=False):
            if str(label.get("name")).lower() == name.lower():
                return text(answer.call, label, "id")
        made = self._calls("make_label", "POST", url, units=self._units["labels.create"], json_body={"name": name})
        return text(made.call, made.object(), "id")
