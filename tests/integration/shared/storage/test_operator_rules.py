"""Operators' rules in the database: the newest text is in force, and every text is kept."""

from __future__ import annotations

from shared.storage import operator_rules
from shared.storage.database import Database


def test_the_newest_text_is_in_force(database: Database) -> None:
    with database.transaction() as connection:
        assert operator_rules.in_force(connection) is None
        assert operator_rules.newest_id(connection) == 0
        operator_rules.put_in_force(connection, "first", "rita")
        second = operator_rules.put_in_force(connection, "second", "tom")
        found = operator_rules.in_force(connection)
        assert found is not None
        assert (found.id, found.text, found.loaded_by) == (second, "second", "tom")
        assert operator_rules.newest_id(connection) == second
