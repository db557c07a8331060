"""graph.microsoft.com: who may do what, which operation a path is, and the batch endpoint's entry."""

from __future__ import annotations

from collections.abc import Callable

from services.simulator.core.answers import Answer, Refused
from services.simulator.core.faults import Call
from services.simulator.core.graph_errors import graph_answer, graph_refusal
from services.simulator.core.graph_mailbox import GraphMailbox
from services.simulator.core.registry import GRAPH_ROLES_BY_OPERATION, Grant
from services.simulator.handler import World
from services.simulator.http import graph_attachments as attachments
from services.simulator.http import graph_changing as changing
from services.simulator.http import graph_reading as reading
from services.simulator.http.graph_batch import run_batch
from services.simulator.http.graph_context import Context
from services.simulator.http.pipeline import Job, bearer, expired_token, perform
from services.simulator.http.wire import Request

Operation = tuple[str, Callable[[Context], Answer]]
MOST_REQUEST_BYTES = 4 * 1024 * 1024

# (method, path below the user with * for ids) → operation. A folder's path is taken off before.
_OPERATIONS: dict[tuple[str, ...], Operation] = {
    ("POST", "sendmail"): ("send", changing.send_mail),
    ("GET", "messages"): ("list", reading.list_messages),
    ("POST", "messages"): ("create_draft", changing.create_draft),
    ("GET", "messages", "*"): ("get", reading.get_message),
    ("GET", "messages", "*", "$value"): ("raw", reading.get_raw),
    ("GET", "messages", "delta"): ("delta", reading.delta),
    ("PATCH", "messages", "*"): ("update", changing.update_message),
    ("DELETE", "messages", "*"): ("delete", changing.delete_message),
    ("POST", "messages", "*", "send"): ("send_draft", changing.send_draft),
    ("POST", "messages", "*", "move"): ("move", changing.move_message),
    ("POST", "messages", "*", "copy"): ("copy", changing.copy_message),
    ("POST", "messages", "*", "permanentdelete"): ("permanent_delete", changing.permanent_delete),
    ("POST", "messages", "*", "attachments"): ("attach", attachments.add_attachment),
    ("POST", "messages", "*", "attachments", "createuploadsession"): (
        "create_upload",
        attachments.create_upload_session,
    ),
    ("GET", "mailfolders"): ("folders", reading.list_folders),
    ("GET", "mailfolders", "*"): ("folder", reading.get_folder),
    ("GET", "mailfolders", "*", "childfolders"): ("folders", reading.list_folders),
    ("POST", "mailfolders"): ("create_folder", changing.create_folder),
    ("POST", "mailfolders", "*", "childfolders"): ("create_folder", changing.create_folder),
}


class Graph:
    """Answers everything under /v1.0 (and /beta)."""

    def __init__(self, world: World) -> None:
        self.world = world

    def knows(self, request: Request) -> bool:
        return request.segments[0] in ("v1.0", "beta")

    async def respond(self, request: Request) -> Answer:
        answer = await self._respond(request)
        request_id = self.world.guid()
        if b'"innerError":{}' in answer.body:
            answer.body = answer.body.replace(b'"innerError":{}', self._inner_error(request, request_id), 1)
        answer.headers = (*answer.headers, ("request-id", request_id))
        return answer

    async def _respond(self, request: Request) -> Answer:
        grant = self._grant(request)
        if isinstance(grant, Answer):
            self.world.count(Call("microsoft", "unauthorized"), grant.status)
            return grant
        segments = request.segments
        if len(segments) == 2 and segments[1].lower() == "$batch" and request.method == "POST":
            call = Call("microsoft", "batch", client=grant.client)
            return await perform(self.world, Job(call, request, lambda: run_batch(request, self.respond), grant))
        if len(segments) < 2 or segments[1].lower() != "users":
            if len(segments) > 1 and segments[1].lower() == "me":
                return graph_answer("BadRequest", "/me request is only valid with delegated authentication flow.")
            return graph_answer("BadRequest", f"Resource not found for the segment '{'/'.join(segments[1:2])}'.")
        return await self._user(request, grant)

    async def _user(self, request: Request, grant: Grant) -> Answer:
        if len(request.segments) < 4:
            return graph_answer("Authorization_RequestDenied")
        address = request.segments[2]
        name, work, context = self._operation(request, address, grant)
        call = Call("microsoft", name, mailbox=address, client=grant.client)
        return await perform(self.world, Job(call, request, lambda: self._work(name, work, context), grant))

    def _operation(
        self, request: Request, address: str, grant: Grant
    ) -> tuple[str, Callable[[Context], Answer], Context]:
        rest = request.segments[3:]
        context = Context(self.world, request, grant, address)
        if rest[0].lower() == "mailfolders" and len(rest) > 2 and rest[2].lower() == "messages":
            context.folder_name = rest[1]
            rest = rest[2:]
        elif rest[0].lower() == "mailfolders" and len(rest) > 1:
            context.folder_name = rest[1]
        key = [request.method, *(part.lower() for part in rest)]
        if len(rest) > 1 and not (len(rest) == 2 and key[2] == "delta"):
            context.mail_id = rest[1]
            key[2] = "*"
        name, work = _OPERATIONS.get(tuple(key), ("unknown", _unknown))
        return name, work, context

    def _work(self, name: str, work: Callable[[Context], Answer], context: Context) -> Answer:
        """Rights and mailbox are looked at when the work is done, as the answer to it."""
        needed = GRAPH_ROLES_BY_OPERATION.get(name)
        if needed is not None and not needed & context.grant.rights:
            return graph_answer("ErrorAccessDenied")
        if len(context.request.body) > MOST_REQUEST_BYTES:
            return Answer(413, b"", "")
        context.found = self._mailbox(context)
        return work(context)

    def _mailbox(self, context: Context) -> GraphMailbox:
        found = self.world.mailbox("microsoft", context.address)
        if not isinstance(found, GraphMailbox) or found.options.tenant not in ("", context.grant.tenant):
            raise graph_refusal("ErrorInvalidUser", context.address)
        if not found.options.licensed:
            raise graph_refusal("MailboxNotEnabledForRESTAPI")
        if context.grant.client in found.options.denied_clients:
            raise graph_refusal("ErrorAccessDenied", message="Access to OData is disabled.")
        return found

    def _grant(self, request: Request) -> Grant | Answer:
        token = bearer(request)
        grant = self.world.grants.get(token)
        if grant is None or grant.provider != "microsoft":
            text = "Access token is empty." if not token else "IDX14100: JWT is not well formed, there are no dots (.)."
            text = "Access token validation failure. Invalid signature." if token.count(".") == 2 else text
            return graph_answer("InvalidAuthenticationToken", message=text)
        return grant if grant.expires_at > self.world.now() else expired_token("microsoft")

    def _inner_error(self, request: Request, request_id: str) -> bytes:
        client = request.headers.get("client-request-id", request_id)
        moment = reading.graph_time(self.world.now())[:-1]
        return f'"innerError":{{"date":"{moment}","request-id":"{request_id}","client-request-id":"{client}"}}'.encode()


def _unknown(context: Context) -> Answer:
    raise Refused(graph_answer("BadRequest", f"Resource not found for the segment '{context.request.segments[-1]}'."))
