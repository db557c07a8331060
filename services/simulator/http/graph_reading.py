"""Graph operations that read: listings with their paging rules, one message, its MIME, folders."""

from __future__ import annotations

from itertools import islice
from urllib.parse import quote

from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.graph_errors import graph_refusal
from services.simulator.core.graph_mailbox import Folder
from services.simulator.core.graph_messages import graph_folder, graph_message, graph_time, unknown_property
from services.simulator.core.mailboxes import Place, StoredMail
from services.simulator.core.odata import (
    PROPERTIES,
    BadQuery,
    Filter,
    Order,
    is_inefficient,
    parse_filter,
    parse_orderby,
)
from services.simulator.http.graph_context import Context

DEFAULT_PAGE = 10
LARGEST_PAGE = 1000

__all__ = ["delta", "get_folder", "get_message", "get_raw", "graph_time", "list_folders", "list_messages"]


def list_messages(context: Context) -> Answer:
    """A page of a folder or of the whole mailbox, newest first unless $orderby says otherwise."""
    request = context.request
    top, skip = _count(context, "$top", DEFAULT_PAGE), _count(context, "$skip", 0)
    if not 1 <= top <= LARGEST_PAGE:
        raise graph_refusal("ErrorInvalidParameter", f"Invalid value '{top}' for $top: it must be from 1 to 1000.")
    select = request.asked("$select")
    if unknown := unknown_property(select):
        raise graph_refusal(
            "BadRequest", f"Could not find a property named '{unknown}' on type 'microsoft.graph.message'."
        )
    wanted, order = _query(context)
    place = context.mailbox.place(context.folder().id) if context.folder_name else context.mailbox.everything
    found = _in_order(place, wanted, order)
    page = list(islice(found, skip, skip + top + 1))
    document: dict[str, object] = {
        "@odata.context": context.metadata("messages"),
        "value": [graph_message(context.mailbox, mail, select, context.immutable) for mail in page[:top]],
    }
    if request.asked("$count").lower() == "true":
        document["@odata.count"] = sum(1 for _ in _in_order(place, wanted, order))
    if len(page) > top:
        document["@odata.nextLink"] = _next_link(context, skip + top)
    return json_answer(200, document)


def get_message(context: Context) -> Answer:
    """One message; internetMessageHeaders only when $select names them."""
    select = context.request.asked("$select")
    return context.entity(200, "messages", graph_message(context.mailbox, context.mail(), select, context.immutable))


def get_raw(context: Context) -> Answer:
    """The message's MIME."""
    return Answer(200, context.mail().raw, "text/plain")


def delta(context: Context) -> Answer:
    """Not offered: answers as if the client's state were lost, so that it does a full listing."""
    raise graph_refusal("syncStateNotFound")


def list_folders(context: Context) -> Answer:
    """Top folders, or the children of the folder in the path."""
    parent = context.folder().id if context.folder_name else context.mailbox.root
    children = [one for one in context.mailbox.folders.values() if one.parent == parent]
    top, skip = _count(context, "$top", DEFAULT_PAGE), _count(context, "$skip", 0)
    text = context.request.asked("$filter")
    if text.lower().startswith("displayname eq "):
        name = text.partition(" eq ")[2].strip()[1:-1].replace("''", "'").lower()
        children = [one for one in children if one.name.lower() == name]
    document: dict[str, object] = {
        "@odata.context": context.metadata("mailFolders"),
        "value": [graph_folder(context.mailbox, folder) for folder in children[skip : skip + top]],
    }
    if len(children) > skip + top:
        document["@odata.nextLink"] = _next_link(context, skip + top)
    return json_answer(200, document)


def get_folder(context: Context) -> Answer:
    folder: Folder = context.folder()
    return context.entity(200, "mailFolders", graph_folder(context.mailbox, folder))


def _query(context: Context) -> tuple[Filter | None, tuple[Order, ...]]:
    text = context.request.asked("$filter")
    try:
        wanted = parse_filter(text) if text else None
        order = parse_orderby(context.request.asked("$orderby"))
    except (BadQuery, ValueError) as problem:
        raise graph_refusal("BadRequest", str(problem)) from None
    if is_inefficient(wanted, order):
        raise graph_refusal("InefficientFilter")
    return wanted, order


def _in_order(place: Place, wanted: Filter | None, order: tuple[Order, ...]) -> filter[StoredMail]:
    by_time = len(order) <= 1 and (not order or order[0].name == "receiveddatetime")
    if by_time:
        mails = place.newest_first() if not order or order[0].descending else place.oldest_first()
    else:
        listed = list(place.newest_first())
        for term in reversed(order):
            listed.sort(key=PROPERTIES[term.name], reverse=term.descending)
        mails = iter(listed)
    return filter(wanted.test if wanted else None, mails)


def _count(context: Context, name: str, default: int) -> int:
    text = context.request.asked(name)
    if not text:
        return default
    if not text.isdigit():
        raise graph_refusal("BadRequest", f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _next_link(context: Context, skip: int) -> str:
    request = context.request
    kept = [(key, value) for key, value in request.query if key != "$skip"]
    query = "&".join(f"{quote(key, safe='$')}={quote(value, safe='')}" for key, value in [*kept, ("$skip", str(skip))])
    return f"{request.base}{request.path}?{query}"
