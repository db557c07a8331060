"""CSV as spreadsheets write it, in and out: encodings, separators, and cells that a spreadsheet would take for a formula."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

from services.console.core.faults import suggest

MOST_ROWS: Final = 100_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_GUARD = "'"
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class RowFault:
    """One thing to put right. line: of the file, from 1; None: the file as a whole. field: the column, and what is in it."""

    line: int | None
    field: str
    reason: str
    fix: str

    def text(self, file: str) -> str:
        """`file:line: field: reason; fix`."""
        return f"{file}{f':{self.line}' if self.line else ''}: {self.field}: {self.reason}; {self.fix}"


class RowsRefused(Exception):
    """A file with at least one fault; nothing of it was written."""

    def __init__(self, faults: Iterable[RowFault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line or 0))
        super().__init__("\n".join(fault.text("file") for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it begins on, and its cells by column; empty cells are left out."""

    line: int
    cells: Mapping[str, str]


def read_rows(raw: bytes, columns: Sequence[str], needed: Sequence[str]) -> list[Row]:
    """The rows of a file whose first line names some of `columns`, in any order. Blank lines are passed over.

    UTF-8 with or without a byte order mark, UTF-16 with one; comma, semicolon or tab, as the first line has them.
    Raises RowsRefused with every fault of shape.
    """
    text = _text(raw)
    first = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    header: list[str] | None = None
    rows: list[Row] = []
    faults: list[RowFault] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            faults.append(
                RowFault(line, "row", f"is not CSV: {error}", 'close every ", and write "" for a " inside a cell')
            )
            break
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = [cell.strip().lower() for cell in cells]
            faults += _header_faults(header, columns, needed, line)
            if faults:
                break
        elif len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
            reason = f"has {len(cells)} cells, the first line names {len(header)} columns"
            faults.append(RowFault(line, "row", reason, 'put " around a cell with the separator in it'))
        else:
            filled = {name: unguarded(cell) for name, cell in zip(header, cells, strict=False) if cell.strip()}
            rows.append(Row(line, filled))
        if len(rows) > MOST_ROWS:
            faults.append(RowFault(line, "row", f"is more than {MOST_ROWS:,} rows", "import the file in parts"))
            break
    if header is None and not faults:
        faults.append(RowFault(None, "file", "is empty", f"write a first line: {','.join(columns)}"))
    if faults:
        raise RowsRefused(faults)
    return rows


def _text(raw: bytes) -> str:
    encoding = next((name for mark, name in _BOMS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        fix = "save it as “CSV UTF-8” (in a spreadsheet: Save as, file type CSV UTF-8)"
        raise RowsRefused([RowFault(line, "row", "is not UTF-8 text", fix)]) from None
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise RowsRefused([RowFault(line, "row", "holds a NUL character", "save the file as CSV, as text")])
    return text


def _header_faults(header: Sequence[str], columns: Sequence[str], needed: Sequence[str], line: int) -> list[RowFault]:
    unknown = [
        RowFault(line, name or "column", "is no column here", suggest(name, columns))
        for name in header
        if name not in columns
    ]
    twice = [
        RowFault(line, name, "is there twice", "remove one of the two columns")
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    missing = [
        RowFault(line, name, "is missing as a column", "name it in the first line")
        for name in needed
        if name not in header
    ]
    return unknown or [*twice, *missing]


def write_rows(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """CSV with a header line; comma, CR LF (RFC 4180)."""
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([guarded(row.get(name, "")) for name in columns])
    return out.getvalue()


def guarded(cell: str) -> str:
    """A cell that a spreadsheet takes as text: an apostrophe goes before what looks like a formula, and before an apostrophe."""
    return _GUARD + cell if cell.startswith((*_FORMULA, _GUARD)) else cell


def unguarded(cell: str) -> str:
    """The opposite of `guarded`; an apostrophe that guards nothing stays."""
    return cell[1:] if cell.startswith(_GUARD) and cell[1:].startswith((*_FORMULA, _GUARD)) else cell
