"""gmail.googleapis.com: tokens, scopes, quota units and which operation a path is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.simulator.core.answers import Answer
from services.simulator.core.faults import Call
from services.simulator.core.gmail_mailbox import GmailMailbox
from services.simulator.core.google_errors import gmail_answer, gmail_refusal
from services.simulator.core.registry import GMAIL_SCOPES, Grant
from services.simulator.handler import World
from services.simulator.http import gmail_changing as changing
from services.simulator.http import gmail_drafts as drafts
from services.simulator.http import gmail_reading as reading
from services.simulator.http.gmail_batch import run_batch
from services.simulator.http.gmail_context import Context
from services.simulator.http.gmail_upload import UPLOADED, step_of, upload
from services.simulator.http.pipeline import Job, bearer, expired_token, perform
from services.simulator.http.wire import Request

Operation = tuple[str, Callable[[Context], Answer]]

# (method, path below the user with * for ids) → operation and its name in the table of units.
_OPERATIONS: dict[tuple[str, ...], Operation] = {
    ("GET", "profile"): ("profile", reading.profile),
    ("GET", "messages"): ("list", reading.list_messages),
    ("GET", "messages", "*"): ("get", reading.get_message),
    ("GET", "messages", "*", "attachments", "*"): ("attachment", reading.get_attachment),
    ("GET", "history"): ("history", reading.list_history),
    ("GET", "labels"): ("labels", reading.list_labels),
    ("GET", "labels", "*"): ("label", reading.get_label),
    ("POST", "labels"): ("create_label", changing.create_label),
    ("POST", "messages", "send"): ("send", changing.send),
    ("POST", "messages", "*", "modify"): ("modify", changing.modify),
    ("POST", "messages", "*", "trash"): ("trash", changing.trash),
    ("POST", "messages", "*", "untrash"): ("untrash", changing.untrash),
    ("DELETE", "messages", "*"): ("delete", changing.delete),
    ("POST", "messages", "batchModify"): ("batch_modify", changing.batch_modify),
    ("POST", "messages", "batchDelete"): ("batch_delete", changing.batch_delete),
    ("GET", "drafts"): ("drafts", drafts.list_drafts),
    ("POST", "drafts"): ("create_draft", drafts.create_draft),
    ("GET", "drafts", "*"): ("draft", drafts.get_draft),
    ("PUT", "drafts", "*"): ("update_draft", drafts.update_draft),
    ("DELETE", "drafts", "*"): ("delete_draft", drafts.delete_draft),
    ("POST", "drafts", "send"): ("send_draft", drafts.send_draft),
}
_FIXED = ("send", "batchModify", "batchDelete")


class Gmail:
    """Answers /gmail/v1, /upload/gmail/v1, /resumable/upload/gmail/v1 and both batch paths."""

    def __init__(self, world: World) -> None:
        self.world = world

    def knows(self, request: Request) -> bool:
        return request.segments[0] in ("gmail", "upload", "resumable", "batch")

    async def respond(self, request: Request) -> Answer:
        if request.segments[0] == "batch":
            job = Job(Call("google", "batch"), request, lambda: run_batch(request, self.respond))
            return await perform(self.world, job)
        segments = request.segments
        is_upload = segments[0] != "gmail"
        if is_upload:
            segments = segments[segments.index("gmail") :] if "gmail" in segments else segments
        if segments[:3] != ["gmail", "v1", "users"] or len(segments) < 5:
            return Answer(404, b"Not Found", "text/html; charset=UTF-8")
        grant = self._grant(request)
        if isinstance(grant, Answer):
            self.world.count(Call("google", "unauthorized"), grant.status)
            return grant
        return await self._user(request, grant, segments[3], segments[4:], is_upload)

    async def _user(self, request: Request, grant: Grant, user: str, rest: list[str], is_upload: bool) -> Answer:
        key = [request.method, *rest]
        for place in range(2, len(key), 2):
            if key[place] not in _FIXED:
                key[place] = "*"
        if request.method == "PUT" and is_upload:
            key[0] = "POST"
        name, work = _OPERATIONS.get(tuple(key), ("unknown", _unknown))
        if name == "get" and request.asked("format") == "raw":
            name = "raw"
        context = Context(self.world, request, grant, rest[1:2][0] if len(rest) > 1 else "", rest)
        call = Call("google", name, mailbox=grant.subject, client=grant.client)
        if is_upload:
            work = upload if name in UPLOADED else _unknown
            call = replace(call, operation=step_of(request, name))
        job = Job(call, request, lambda: self._work(name, work, context, user), grant)
        job.cost = self.world.units.get(call.operation, 5)
        return await perform(self.world, job)

    def _work(self, name: str, work: Callable[[Context], Answer], context: Context, user: str) -> Answer:
        allowed = GMAIL_SCOPES.get(name)
        if allowed is not None and not allowed & context.grant.rights:
            return gmail_answer("insufficientPermissions")
        if user.lower() not in ("me", context.grant.subject):
            return gmail_answer("forbidden", f"Delegation denied for {context.grant.subject}")
        found = self.world.mailbox("google", context.grant.subject)
        if not isinstance(found, GmailMailbox) or not found.options.licensed:
            raise gmail_refusal("failedPrecondition")
        context.found = found
        return work(context)

    def _grant(self, request: Request) -> Grant | Answer:
        token = bearer(request) or request.asked("access_token")
        grant = self.world.grants.get(token)
        if grant is None or grant.provider != "google":
            return gmail_answer("authError" if token else "required")
        return grant if grant.expires_at > self.world.now() else expired_token("google")


def _unknown(context: Context) -> Answer:
    return Answer(404, b"Not Found", "text/html; charset=UTF-8")
