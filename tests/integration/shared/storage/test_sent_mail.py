"""The log of sent mail: what an id names. And the switches and keys that stand beside it."""

from __future__ import annotations

import pytest

from shared.domain.bounces import ReferenceSource
from shared.domain.mailboxes import Capability, Provider
from shared.storage import api_keys, customers, sent_mail
from shared.storage.database import Database
from shared.storage.sealing import SealBroken, Sealer
from shared.storage.sent_mail import Question
from tests.builders import (
    MESSAGE_ID,
    NOW,
    READER,
    SEALER,
    a_customer,
    a_list,
    a_sent_mail,
    a_subscriber,
    a_system_key,
)
from tests.integration.shared.storage.looking import do

OTHER = "other@example.net"
CARRY_REFERENCES = (ReferenceSource.REFERENCE_HEADER, ReferenceSource.ENVELOPE_ADDRESS)


def named_by(
    database: Database, value: str, source: ReferenceSource = ReferenceSource.RETURNED_MESSAGE_ID
) -> list[int]:
    """Ids of the sent mails that an id names."""
    with database.transaction() as connection:
        return sorted(row[3].sent_mail_id for row in sent_mail.find(connection, [Question(1, source, value)]))


class TestFinding:
    @pytest.mark.parametrize("source", [s for s in ReferenceSource if s not in CARRY_REFERENCES])
    def test_a_message_id_is_looked_up_as_asked_for_and_as_the_provider_changed_it(
        self, database: Database, source: ReferenceSource
    ) -> None:
        sent = a_sent_mail(database)
        do(database, "update sent_mail set actual_message_id = 'changed@outlook.example.com'")
        assert named_by(database, MESSAGE_ID, source) == [sent]
        assert named_by(database, "changed@outlook.example.com", source) == [sent]

    def test_our_reference_is_a_key_of_its_own(self, database: Database) -> None:
        sent = a_sent_mail(database, reference="ref-1")
        for source in CARRY_REFERENCES:
            assert named_by(database, "ref-1", source) == [sent]
        assert named_by(database, "ref-1") == []
        assert named_by(database, MESSAGE_ID, ReferenceSource.REFERENCE_HEADER) == []

    def test_one_message_id_may_name_mails_of_two_customers(self, database: Database) -> None:
        ours = a_sent_mail(database)
        theirs = a_sent_mail(database, customer="globex", in_list="theirs", reference="ref-2")
        assert named_by(database, MESSAGE_ID) == [ours, theirs]

    def test_a_mail_comes_with_its_recipients_and_whose_it_is(self, database: Database) -> None:
        subscriber = a_subscriber(database)
        a_sent_mail(database, READER, OTHER, sent_at=NOW)
        with database.transaction() as connection:
            question = Question(7, ReferenceSource.REFERENCES, MESSAGE_ID)
            ((key, source, value, mail),) = sent_mail.find(connection, [question])
        assert (key, source, value) == (7, ReferenceSource.REFERENCES, MESSAGE_ID)
        assert (mail.customer_id, mail.list_id, mail.sent_at) == (a_customer(database), a_list(database), NOW)
        assert [(one.address, one.subscriber_id) for one in mail.recipients] == [(OTHER, None), (READER, subscriber)]

    def test_no_question_no_answer(self, database: Database) -> None:
        with database.transaction() as connection:
            assert sent_mail.find(connection, []) == []

    def test_a_mail_is_recorded_once(self, database: Database) -> None:
        a_sent_mail(database)
        with database.transaction() as connection:
            again = sent_mail.record(
                connection, customer_id=1, message_id=MESSAGE_ID, reference="ref-2", recipients=[(READER, None)], sent_at=NOW
            )  # fmt: skip
        assert again is None


class TestSwitches:
    def test_everything_is_on_soft_bounces_are_only_logged_and_blacklists_are_the_customers(
        self, database: Database
    ) -> None:
        with database.transaction() as connection:
            found = customers.switches(connection)
        assert found.extension_enabled
        assert found.enabled_providers == frozenset(Provider)
        assert (found.soft_bounces_to_blacklist, found.global_blacklist, found.match_within_days) == (0, False, 90)

    def test_a_switch_says_whether_it_was_turned(self, database: Database) -> None:
        with database.transaction() as connection:
            turned = [customers.put_setting(connection, "bounce_blacklist_scope", "global") for _ in range(2)]
            assert customers.switches(connection).global_blacklist
        assert turned == [True, False]


class TestKeys:
    @pytest.mark.parametrize("provider", list(Provider))
    def test_a_key_is_loaded_with_its_secret(self, database: Database, provider: Provider) -> None:
        key_id = a_system_key(database, provider=provider, secret="hush")
        with database.transaction() as connection:
            key = api_keys.load(connection, SEALER, key_id)
        secrets = (key.client_secret, key.private_key)
        assert secrets == (("hush", "") if provider is Provider.MICROSOFT else ("", "hush"))

    def test_a_secret_copied_into_another_key_does_not_open(self, database: Database) -> None:
        a_system_key(database, uid="one", secret="hush")
        two = a_system_key(database, uid="two", secret="other")
        do(database, "update api_keys set secret_sealed = (select secret_sealed from api_keys where uid = 'one')")
        with pytest.raises(SealBroken, match="api_key:two"), database.transaction() as connection:
            api_keys.load(connection, SEALER, two)

    def test_a_key_that_is_not_there_is_named(self, database: Database) -> None:
        with pytest.raises(KeyError, match="99"), database.transaction() as connection:
            api_keys.load(connection, Sealer.parse(Sealer.new_key()), 99)

    def test_what_a_key_may_do_is_known_per_domain_while_it_is_fresh(self, database: Database) -> None:
        from datetime import timedelta

        key_id, day = a_system_key(database), timedelta(days=1)
        with database.transaction() as connection:
            for granted in (True, False):
                api_keys.record_capability(
                    connection, key_id, "a.example.com", Capability.MODIFY, granted=granted, scopes="s", code=""
                )
            assert api_keys.capabilities(connection, key_id, "a.example.com", day) == {Capability.MODIFY: False}
            assert api_keys.capabilities(connection, key_id, "b.example.com", day) == {}
        do(database, "update key_capabilities set checked_at = now() - interval '2 days'")
        with database.transaction() as connection:
            assert api_keys.capabilities(connection, key_id, "a.example.com", day) == {}
