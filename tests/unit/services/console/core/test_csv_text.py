"""CSV in and out: any cell comes back as it went, and none is a formula to a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.core.csv_text import RowsRefused, guarded, read_rows, unguarded, write_rows

CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=30)


@given(CELLS)
def test_what_is_written_is_read_back_and_is_no_formula(cell: str) -> None:
    text = write_rows(("name", "more"), [{"name": "x", "more": cell}])
    [row] = read_rows(text.encode(), ("name", "more"), ())
    # A cell of nothing but spaces may count as empty.
    assert row.cells.get("more", "") == cell or not cell.strip()
    assert not list(csv.reader(StringIO(text, newline="")))[1][1].startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize(
    ("written", "guarded_as"),
    [("=1+1", "'=1+1"), ("'=1", "''=1"), ("'quoted'", "''quoted'"), ("plain", "plain"), ("a=b", "a=b"), ("", "")],
)
def test_an_apostrophe_guards_a_formula_and_itself(written: str, guarded_as: str) -> None:
    assert (guarded(written), unguarded(guarded_as)) == (guarded_as, written)


@pytest.mark.parametrize("typed", ["'tis the season", "'"])
def test_an_apostrophe_that_a_person_typed_stays(typed: str) -> None:
    assert unguarded(typed) == typed


def test_a_row_is_known_by_the_line_on_which_it_begins() -> None:
    rows = read_rows(b'name,more\n"a\nb",1\n\nc,2\n', ("name", "more"), ())
    assert [(row.line, row.cells["name"]) for row in rows] == [(2, "a\nb"), (5, "c")]


def test_a_file_of_too_many_rows_is_refused() -> None:
    with pytest.raises(RowsRefused, match="is more than 100,000 rows"):
        read_rows(b"name\n" + b"x\n" * 100_001, ("name",), ())
