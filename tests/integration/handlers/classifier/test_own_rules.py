"""Operators' own rules in a running classifier: from a file or the database, without a restart, and in each log row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from services.classifier.handler.mail_fetched import MailFetchedHandler
from services.classifier.handler.own_rules import LOOK_SECONDS, OwnRulesWatch
from services.classifier.handler.watched import WatchedClassifier
from services.classifier.settings import shipped_rules
from shared.contracts.events import MailFetched
from shared.domain.bounces import BounceClass, MailFinding
from shared.messaging.runner import BatchRunner
from shared.storage import operator_rules, serving
from shared.storage.database import Database
from tests.builders import SEALER, a_dsn, a_fetched_mail, a_mailbox
from tests.integration.handlers.works import Works
from tests.integration.shared.messaging.running import running
from tests.waiting import until

SOFT = '[[rule]]\nid = "kept"\nclass = "soft"\ntext = ["user unknown", "does not exist"]\nre2 = ["no such"]\n'
SHIPPED = shipped_rules().version


@pytest.fixture(scope="module")
def children() -> Iterator[WatchedClassifier]:
    """One child for all tests of this file, which also proves that it takes up each test's rules."""
    with WatchedClassifier(1, 5.0) as classifier:
        yield classifier


def put(database: Database, text: str) -> None:
    with database.transaction() as connection:
        operator_rules.put_in_force(connection, text, "rita")


def found(works: Works, handler: MailFetchedHandler) -> MailFinding:
    """What the classifier makes of one more report of an unknown user."""
    mail_id = a_fetched_mail(works.database, a_mailbox(works.database), a_dsn(), uuid4().hex)
    works.send(MailFetched(mail_id=mail_id))
    with running(BatchRunner(works.broker, works.units, handler)):
        assert until(lambda: works.idle(MailFetched))
    with works.database.transaction() as connection:
        return serving.classified(connection, [mail_id])[0].finding


def test_a_changed_file_is_in_force_for_the_next_mail_after_a_look(
    works: Works, children: WatchedClassifier, tmp_path: Path
) -> None:
    file, clock = tmp_path / "rules.toml", [0.0]
    handler = MailFetchedHandler(works.database, SEALER, children, SHIPPED)
    handler.follow(str(file), clock=lambda: clock[0])
    assert found(works, handler).bounce_class is BounceClass.HARD
    file.write_text(SOFT, "utf-8")
    assert found(works, handler).bounce_class is BounceClass.HARD  # not yet looked again
    clock[0] += LOOK_SECONDS
    after = found(works, handler)
    assert (after.bounce_class, after.rule) == (BounceClass.SOFT, "own.kept")
    assert after.rule_set.startswith(f"{SHIPPED}+own-")
    file.unlink()
    clock[0] += LOOK_SECONDS
    assert found(works, handler).rule_set == SHIPPED


def test_rules_of_the_database_are_in_force_from_the_start_and_can_be_taken_back(
    works: Works, children: WatchedClassifier
) -> None:
    put(works.database, SOFT)
    clock = [0.0]
    handler = MailFetchedHandler(works.database, SEALER, children, SHIPPED)
    handler.follow(None, clock=lambda: clock[0])
    assert found(works, handler).rule == "own.kept"
    put(works.database, "")
    clock[0] += LOOK_SECONDS
    assert found(works, handler).rule == "dsn.user-unknown"


def test_rules_that_are_broken_later_leave_the_last_good_ones_in_force(
    works: Works, children: WatchedClassifier, tmp_path: Path
) -> None:
    file, clock = tmp_path / "rules.toml", [0.0]
    file.write_text(SOFT, "utf-8")
    handler = MailFetchedHandler(works.database, SEALER, children, SHIPPED)
    handler.follow(str(file), clock=lambda: clock[0])
    file.write_text(SOFT.replace('"soft"', '"bouncy"'), "utf-8")
    clock[0] += LOOK_SECONDS
    assert found(works, handler).rule == "own.kept"


def test_rules_that_are_broken_at_the_start_end_the_service_with_file_line_and_reason(
    works: Works, children: WatchedClassifier, tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("\n" + SOFT.replace('"soft"', '"bouncy"'), "utf-8")
    handler = MailFetchedHandler(works.database, SEALER, children, SHIPPED)
    with pytest.raises(SystemExit, match=r"rules\.toml:2: class is 'bouncy'"):
        handler.follow(str(file))


def test_looking_costs_nothing_between_looks(works: Works) -> None:
    used: list[str] = []
    watch = OwnRulesWatch(lambda sources, version: used.append(version), None, clock=lambda: 0.0)
    put(works.database, SOFT)
    with works.database.transaction() as connection:
        watch.refresh(connection)
        operator_rules.put_in_force(connection, "", "rita")
        watch.refresh(connection)
    assert len(used) == 1
