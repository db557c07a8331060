"""Tidying a Graph mailbox: `$batch` calls of up to twenty, an outcome for each mail.

Source: Graph "Combine multiple requests in one HTTP call using JSON batching": the outer answer is 200 even if every
item failed, items come back in any order, each counts against the limits and may be throttled alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from shared.domain.errors import ApiConnectError, MailGone, Permanent, ProviderUnavailable, Throttled
from shared.domain.mailboxes import Disposal, Provider
from shared.providers.answers import Answer, Call, objects, text, unreadable
from shared.providers.authorized import AuthorizedCalls
from shared.providers.error_table import retry_after_seconds
from shared.providers.graph.errors import explain_parts
from shared.providers.graph.limits import BATCH_ITEMS, SLOTS, WITHOUT_PERMANENT_DELETE

IMMUTABLE_IDS = {"Prefer": 'IdType="ImmutableId"'}
"""On every request and every item of a batch: else a mail's id changes when it is moved."""

_Outcomes = dict[str, ApiConnectError | None]
_Request = Callable[[str], dict[str, Any]]


class GraphDisposal:
    """The disposals of one mailbox. `user`: the path of the mailbox, `/users/…`."""

    def __init__(self, calls: AuthorizedCalls, api: str, user: str, address: str) -> None:
        self._calls = calls
        self._base = f"{api}/v1.0"
        self._user = user
        self._call = Call(Provider.MICROSOFT, "dispose", address)
        self._for_good = urlsplit(api).hostname not in WITHOUT_PERMANENT_DELETE

    def dispose(self, disposal: Disposal, mail_ids: Sequence[str], *, move_to: str | None) -> _Outcomes:
        """An outcome for every id. After the failure of a whole call, the ids not yet tried get the same error."""
        outcomes: _Outcomes = dict.fromkeys(mail_ids)
        if disposal is Disposal.LEAVE:
            return outcomes
        waiting = list(outcomes)
        try:
            request = self._request_for(disposal, move_to) if waiting else None
            while waiting and request:
                outcomes.update(self._batch(waiting[:BATCH_ITEMS], request))
                del waiting[:BATCH_ITEMS]
        except (Throttled, ProviderUnavailable, Permanent, MailGone) as error:
            outcomes.update(dict.fromkeys(waiting, error))
        return outcomes

    def _request_for(self, disposal: Disposal, move_to: str | None) -> _Request:
        if disposal is Disposal.MARK_READ:
            return lambda path: {"method": "PATCH", "url": path, "body": {"isRead": True}}
        if disposal is Disposal.DELETE:
            return self._delete
        target = "deleteditems" if disposal is Disposal.TRASH else self._folder_id(move_to or "")
        return lambda path: {"method": "POST", "url": f"{path}/move", "body": {"destinationId": target}}

    def _delete(self, path: str) -> dict[str, Any]:
        if self._for_good:
            return {"method": "POST", "url": f"{path}/permanentDelete", "body": {}}  # a batch takes no POST without one
        return {"method": "DELETE", "url": path}

    def _batch(self, mail_ids: Sequence[str], request_for: _Request) -> _Outcomes:
        requests = [
            self._item(str(number), request_for(f"{self._user}/messages/{quote(mail_id, safe='')}"))
            for number, mail_id in enumerate(mail_ids)
        ]
        answer = self._calls(
            "dispose",
            "POST",
            f"{self._base}/$batch",
            units=len(requests),
            slots=SLOTS,
            headers=IMMUTABLE_IDS,
            json_body={"requests": requests},
        )
        said = _items(answer)
        if self._for_good and any(item.not_offered for item in said.values()):
            self._for_good = False
            return self._batch(mail_ids, request_for)
        return {mail_id: self._outcome(said.get(str(number))) for number, mail_id in enumerate(mail_ids)}

    @staticmethod
    def _item(number: str, request: dict[str, Any]) -> dict[str, Any]:
        headers = dict(IMMUTABLE_IDS)
        if "body" in request:
            headers["Content-Type"] = "application/json"
        return {"id": number, "headers": headers, **request}

    def _outcome(self, item: _Item | None) -> ApiConnectError | None:
        """None when it is done, which a mail that is gone counts as."""
        if item is None:
            return unreadable(self._call, "the batch's answer leaves this mail out")
        if item.status < 300:
            return None
        error = explain_parts(self._call, item.status, item.body, item.retry_after)
        self._calls.note_refusal(error)
        return None if isinstance(error, MailGone) else error

    def _folder_id(self, name: str) -> str:
        """The id of a top-level folder, made if missing. Asked anew each time: moving to a folder that is gone would
        answer ErrorItemNotFound, which looks as if the mail were gone."""
        folders = f"{self._base}{self._user}/mailFolders"
        wanted = name.replace("'", "''")
        query = urlencode({"$filter": f"displayName eq '{wanted}'", "$select": "id,displayName"}, quote_via=quote)
        answer = self._calls("find_folder", "GET", f"{folders}?{query}", units=1, headers=IMMUTABLE_IDS)
        for folder in objects(answer.call, answer.object(), "value", required=True):
            return text(answer.call, folder, "id")
        made = self._calls(
            "make_folder", "POST", folders, units=1, headers=IMMUTABLE_IDS, json_body={"displayName": name}
        )
        return text(made.call, made.object(), "id")


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of a batch's answer. not_offered: this cloud does not have the operation."""

    status: int
    body: Mapping[str, Any] | None
    retry_after: float | None

    @property
    def not_offered(self) -> bool:
        error = (self.body or {}).get("error")
        message = str(error.get("message")) if isinstance(error, Mapping) else ""
        return self.status in {405, 501} or (self.status == 400 and "Resource not found for the segment" in message)


def _items(answer: Answer) -> dict[str, _Item]:
    found = {}
    for item in objects(answer.call, answer.object(), "responses", required=True):
        status, headers, body = item.get("status"), item.get("headers"), item.get("body")
        if not isinstance(status, int):
            raise unreadable(answer.call, "an item of the batch has no status")
        said = {str(k).lower(): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {}
        wait = retry_after_seconds(
            replace(answer, headers={**answer.headers, **said, "retry-after": said.get("retry-after", "")})
        )
        found[text(answer.call, item, "id")] = _Item(status, body if isinstance(body, dict) else None, wait)
    return found
