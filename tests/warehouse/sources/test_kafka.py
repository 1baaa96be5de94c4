"""Kafka as a source: each offset is loaded exactly once, by a ledger that lies beside the data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from ingestion.sources.kafka import load as kafka
from tests.sources_bench.brokers import Broker, running_broker
from tests.sources_bench.deployments import Loading
from tests.sources_bench.events import event, lines
from warehouse.ports import free_port
from warehouse.settings import Settings


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"events-{uuid4().hex[:8]}"
    broker.create(name, partitions=3)
    return name


@pytest.fixture
def loading(client: Client, settings: Settings, broker: Broker, topic: str, tmp_path: Path) -> Loading:
    own = settings.model_copy(update={"kafka_brokers": broker.address, "kafka_topics": topic, "home": tmp_path})
    return Loading(client=client, settings=own.model_copy(update={"home": settings.home}))


def test_messages_of_all_partitions_are_loaded_once_and_then_only_what_is_new(loading: Loading, broker: Broker, topic: str) -> None:
    for partition in range(3):
        broker.send(topic, [event(number) for number in range(partition * 10, partition * 10 + 10)], partition=partition)

    (first,) = loading.run()
    assert (first.accepted, first.location) == (30, f"kafka://tansu_cluster {topic}/0@[0,10) {topic}/1@[0,10) {topic}/2@[0,10)")
    assert loading.run() == []

    broker.send(topic, [event(30)], partition=1)
    (second,) = loading.run()
    assert second.location == f"kafka://tansu_cluster {topic}/1@[10,11)"
    assert loading.numbers() == set(range(31))
    ledger = loading.rows("SELECT partition, from_offset, to_offset, message_count, missing_count FROM {ops}.kafka_ranges ORDER BY ALL")
    assert ledger == [(0, 0, 10, 10, 0), (1, 0, 10, 10, 0), (1, 10, 11, 1, 0), (2, 0, 10, 10, 0)]


def test_a_batch_is_known_by_its_offsets_and_bounded_in_size(loading: Loading, broker: Broker, topic: str) -> None:
    broker.send(topic, [event(number) for number in range(25)])
    small = Loading(client=loading.client, settings=loading.settings.model_copy(update={"kafka_batch_messages": 10}))

    results = small.run()

    assert [result.rows_read for result in results] == [10, 10, 5]
    assert [row[0] for row in loading.rows("SELECT batch_id FROM {ops}.batches ORDER BY batch_seq")] == [r.batch_id for r in results]
    assert len({result.batch_id for result in results}) == 3
    assert loading.numbers() == set(range(25))


def test_a_range_counts_only_with_its_batch(loading: Loading, broker: Broker, topic: str) -> None:
    broker.send(topic, [event(number) for number in range(5)])
    (first,) = loading.run()
    # As after a crash between the two: the range is written, its batch is not.
    loading.client.command(f"ALTER TABLE {loading.settings.database('ops')}.batches DELETE WHERE 1 SETTINGS mutations_sync = 2")

    (again,) = loading.run()

    assert again.batch_id == first.batch_id, "the same offsets are the same batch"
    assert loading.numbers() == set(range(5))


def test_messages_may_hold_several_lines_bad_lines_or_nothing(loading: Loading, broker: Broker, topic: str) -> None:
    broker.send(topic, [lines([1, 2]), "not json", None, event(1), event(2, quantity="7"), ""])

    (result,) = loading.run()

    assert (result.accepted, result.rejected, result.duplicates, result.conflicts) == (2, 1, 1, 1)
    assert loading.rows("SELECT reason_code, raw_line FROM {ops}.rejected_events") == [("invalid_json", "not json")]
    assert loading.run() == []


def test_a_topic_that_is_added_later_is_read_from_its_beginning(loading: Loading, broker: Broker, topic: str) -> None:
    other = f"{topic}-b"
    broker.create(other, partitions=1)
    broker.send(topic, [event(1)])
    loading.run()
    broker.send(other, [event(2)])
    both = Loading(client=loading.client, settings=loading.settings.model_copy(update={"kafka_topics": f"{topic}, {other}"}))
    both.run()
    assert both.numbers() == {1, 2}


def test_a_topic_that_does_not_exist_holds_up_no_other(loading: Loading, broker: Broker, topic: str) -> None:
    broker.send(topic, [event(1)])
    wrong = Loading(client=loading.client, settings=loading.settings.model_copy(update={"kafka_topics": f"aaa-missing,{topic}"}))

    results, unreadable = wrong.with_failures()

    assert [result.accepted for result in results] == [1]
    assert len(unreadable) == 1
    assert "aaa-missing does not exist" in unreadable[0]


def test_a_topic_that_was_made_anew_is_an_error_until_a_person_accepts_it(loading: Loading, broker: Broker, topic: str) -> None:
    broker.send(topic, [event(number) for number in range(10)])
    loading.run()
    broker.delete(topic)
    broker.create(topic, partitions=3)
    broker.send(topic, [event(number) for number in range(100, 110)])

    results, unreadable = loading.with_failures()
    assert results == []
    assert f"kafka topic {topic} is not the one that was read before" in unreadable[0]
    assert f"meterhouse kafka restart {topic}" in unreadable[0]

    assert kafka.restart(loading.client, loading.settings, topic) == 1
    (result,) = loading.run()
    assert result.location.endswith(f"{topic}/0@[0,10)")
    assert loading.numbers() == {*range(10), *range(100, 110)}


def test_a_message_that_changed_under_its_offset_is_noticed_where_the_broker_gives_topics_no_id(
    loading: Loading, broker: Broker, topic: str
) -> None:
    broker.send(topic, [event(number) for number in range(10)])
    loading.run()
    # A broker that tells no ids: all that is left is the last message itself.
    loading.client.command(
        f"ALTER TABLE {loading.settings.database('ops')}.kafka_ranges UPDATE topic_id = '' WHERE 1 SETTINGS mutations_sync = 2"
    )
    broker.delete(topic)
    broker.create(topic, partitions=3)
    broker.send(topic, [event(number) for number in range(100, 120)])

    results, unreadable = loading.with_failures()

    assert results == []
    assert "offset 9 of partition 0 holds another message" in unreadable[0]
    assert loading.numbers() == set(range(10))


def test_offsets_that_the_broker_lost_before_they_were_read_are_recorded_and_reported_once(
    loading: Loading, broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.send(topic, [event(number) for number in range(10)])
    loading.run()
    broker.send(topic, [event(number) for number in range(10, 20)])
    # The broker of the tests keeps everything, so it is asked through an answer that says what retention would.
    broken = kafka._Brokers.watermarks
    monkeypatch.setattr(
        kafka._Brokers, "watermarks", lambda self, partition: (15, 20) if partition.number == 0 else broken(self, partition)
    )

    results, unreadable = loading.with_failures()

    assert [result.accepted for result in results] == [5]
    assert len(unreadable) == 1
    assert "removed offsets 10 to 14 before they were read" in unreadable[0]
    assert loading.rows("SELECT partition, from_offset, to_offset FROM {ops}.kafka_gaps") == [(0, 10, 15)]
    assert loading.with_failures() == ([], [])
    assert loading.numbers() == {*range(10), *range(15, 20)}


def test_no_broker_is_one_sentence_without_the_password(loading: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.sources.kafka.load.ANSWER_SECONDS", 1)
    update = {
        "kafka_brokers": f"127.0.0.1:{free_port()}",
        "kafka_security_protocol": "sasl_plaintext",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_sasl_username": "meterhouse",
        "kafka_sasl_password": SecretStr("a-secret-that-must-not-show"),
    }
    dead = Loading(client=loading.client, settings=loading.settings.model_copy(update=update))

    results, (sentence,) = dead.with_failures()

    assert results == []
    assert "no kafka broker answers" in sentence
    assert "secret" not in sentence
