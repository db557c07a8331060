"""Reads what a document names but does not hold: secrets in files or the environment, and CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from services.console.core.documents import SecretAt, SentMailPart, SubscriberPart
from services.console.core.faults import Fault, Path
from services.console.core.reading import Document, read_rows

_MAX_SECRET = 64 * 1024


@dataclass(slots=True)
class Fetched:
    """What was read, and what could not be."""

    secrets: dict[Path, str] = field(default_factory=dict)
    subscribers: dict[Path, tuple[SubscriberPart, ...]] = field(default_factory=dict)
    sent_mail: tuple[SentMailPart, ...] = ()
    faults: list[Fault] = field(default_factory=list)


def fetch(document: Document, folder: FilePath, environment: Callable[[str], str | None]) -> Fetched:
    """Follows every reference of the document. `folder`: what relative names start from."""
    fetched = Fetched()
    for key in document.keys:
        for name in ("client_secret", "private_key"):
            reference: SecretAt | None = getattr(key.part, name)
            if reference is not None:
                _secret((*key.path, name), reference, folder, environment, fetched)
    for entry in document.lists:
        if entry.part.subscribers_csv is not None:
            path = (*entry.path, "subscribers_csv")
            rows = _csv(path, folder / entry.part.subscribers_csv, fetched)
            parts, faults = read_rows(SubscriberPart, rows, entry.part.subscribers_csv)
            fetched.subscribers[entry.path] = tuple(parts)
            fetched.faults += [Fault((*path, *fault.path), fault.reason, fault.fix) for fault in faults]
    if document.sent_mail_csv is not None:
        rows = _csv(("sent_mail_csv",), folder / document.sent_mail_csv, fetched)
        mails, faults = read_rows(SentMailPart, rows, document.sent_mail_csv)
        fetched.sent_mail = tuple(mails)
        fetched.faults += [Fault(("sent_mail_csv", *fault.path), fault.reason, fault.fix) for fault in faults]
    return fetched


def _secret(
    path: Path, at: SecretAt, folder: FilePath, environment: Callable[[str], str | None], fetched: Fetched
) -> None:
    if at.env is not None:
        value = environment(at.env)
        if value is None or not value.strip():
            fetched.faults.append(Fault(path, f"variable {at.env} is not set", "set it for this command"))
            return
        fetched.secrets[path] = value.strip()
        return
    text = _text(path, folder / (at.file or ""), fetched, limit=_MAX_SECRET)
    if text is None:
        return
    if not text.strip():
        fetched.faults.append(Fault(path, f"file {at.file} is empty", "write the secret into it"))
        return
    fetched.secrets[path] = text.strip()


def _csv(path: Path, file: FilePath, fetched: Fetched) -> list[dict[str, str]]:
    text = _text(path, file, fetched)
    if text is None:
        return []
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = list(reader)
    except csv.Error as error:
        fetched.faults.append(Fault(path, f"is not CSV: {error}", "save it as comma-separated text"))
        return []
    if any(None in row for row in rows):
        fetched.faults.append(Fault(path, "has rows longer than its header line", "quote cells that hold commas"))
        return []
    return rows


def _text(path: Path, file: FilePath, fetched: Fetched, limit: int | None = None) -> str | None:
    try:
        if limit is not None and file.stat().st_size > limit:
            fetched.faults.append(
                Fault(path, f"file {file} is too big for a secret", "name the file with the key itself")
            )
            return None
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        fetched.faults.append(Fault(path, f"file {file} is not text", "save it as UTF-8"))
    except OSError as error:
        fetched.faults.append(Fault(path, f"file {file}: {error.strerror}", "correct the name or its permissions"))
    return None
