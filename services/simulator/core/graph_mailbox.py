"""A Microsoft 365 mailbox: one folder per mail, ids that change on a move and ids that do not."""

from __future__ import annotations

from dataclasses import dataclass

from services.simulator.core.mailboxes import Mailbox, MailboxOptions, StoredMail, opaque

WELL_KNOWN = {
    "inbox": "Inbox", "junkemail": "Junk Email", "deleteditems": "Deleted Items", "sentitems": "Sent Items",
    "drafts": "Drafts", "archive": "Archive", "outbox": "Outbox",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Folder:
    """A mail folder; `well_known` is "" for a custom one."""

    id: str
    name: str
    well_known: str
    parent: str


class GraphMailbox(Mailbox):
    """Folders by id and by well-known name; `msgfolderroot` is the parent of all top folders."""

    provider = "microsoft"

    def __init__(self, address: str, options: MailboxOptions) -> None:
        super().__init__(address, options)
        self.root = opaque("AQMkAD", address, "msgfolderroot")
        self.folders: dict[str, Folder] = {}
        self.ids: dict[str, str] = {"msgfolderroot": self.root}
        for well_known, name in WELL_KNOWN.items():
            self.ids[well_known] = self._add_folder(name, well_known, self.root).id
        self.purged: list[StoredMail] = []

    def folder(self, wanted: str) -> Folder | None:
        """The folder by id or by well-known name in any case."""
        return self.folders.get(self.ids.get(wanted.lower(), wanted))

    def folder_named(self, wanted: str) -> Folder | None:
        """As `folder`, also by display name: what an operator writes."""
        found = self.folder(wanted)
        if found is None:
            found = next((one for one in self.folders.values() if one.name.lower() == wanted.lower()), None)
        return found

    def create_folder(self, name: str, parent: str = "") -> Folder | None:
        """A new custom folder, or None when the parent already has one of that name."""
        parent = parent or self.root
        taken = {one.name.lower() for one in self.folders.values() if one.parent == parent}
        return None if name.lower() in taken else self._add_folder(name, "", parent)

    def new_mail(
        self, raw: bytes, folder: Folder, received: float, *, unread: bool = True, draft: bool = False
    ) -> StoredMail:
        """A mail with ids of its own, not yet put in."""
        number = self.next_number()
        mail = StoredMail(number, raw, received, {folder.id}, unread=unread, draft=draft, modified=received)
        mail.lasting_id = opaque("AAkALgAA", self.address, number)
        mail.public_id = opaque("AAMkAD", self.address, number, 0)
        mail.thread_id = opaque("AAQkAD", self.address, number, size=30)
        return mail

    def folder_of(self, mail: StoredMail) -> Folder:
        return self.folders[next(iter(mail.places))]

    def move(self, mail: StoredMail, target: Folder, now: float) -> None:
        """Into another folder: the changeable id becomes another one, the lasting id stays."""
        for name in mail.places:
            self.place(name).drop(mail)
        self.by_id.pop(mail.public_id, None)
        mail.version += 1
        mail.public_id = opaque("AAMkAD", self.address, mail.number, mail.version)
        mail.places = {target.id}
        mail.modified = now
        self.place(target.id).add(mail)
        self.by_id[mail.public_id] = mail

    def purge(self, mail: StoredMail) -> None:
        """Out of the reach of the API (recoverable items)."""
        self.remove(mail)
        self.purged.append(mail)

    def _add_folder(self, name: str, well_known: str, parent: str) -> Folder:
        folder = Folder(opaque("AQMkAD", self.address, parent, name), name, well_known, parent)
        self.folders[folder.id] = folder
        return folder
