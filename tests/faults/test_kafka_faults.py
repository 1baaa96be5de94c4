"""Kafka brokers that restart, stall, forget or deliver twice: every message counts once, or a sentence says what is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from tests.sources_bench.brokers import Broker, running_broker
from tests.sources_bench.deployments import Loading
from tests.sources_bench.events import event
from tests.sources_bench.object_stores import VARIABLES, running_store
from tests.sources_bench.servers import wait_until
from warehouse.settings import Settings


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Broker]:
    """A broker that finds its messages again when it is started anew."""
    with running_store(tmp_path) as store:
        store.bucket("broker")
        environment = {**VARIABLES, "AWS_ENDPOINT": store.endpoint, "AWS_ALLOW_HTTP": "true"}
        with running_broker(tmp_path, storage="s3://broker/", environment=environment) as broker:
            yield broker


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Broker]:
    """A broker whose messages are gone when it ends."""
    with running_broker(tmp_path) as broker:
        yield broker


def reading(client: Client, settings: Settings, broker: Broker) -> Loading:
    return Loading(client=client, settings=settings.model_copy(update={"kafka_brokers": broker.address, "kafka_topics": "events"}))


def test_a_broker_that_restarts_between_runs_loses_and_repeats_nothing(
    client: Client, settings: Settings, durable: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading = reading(client, settings, durable)
    durable.create("events", partitions=2)
    durable.send("events", [event(number) for number in range(50)], partition=1)
    loading.run()
    durable.kill()
    with monkeypatch.context() as patient:
        patient.setattr("ingestion.sources.kafka.load.ANSWER_SECONDS", 1)
        results, (sentence,) = loading.with_failures()
    assert results == []
    assert "no kafka broker answers" in sentence

    durable.start()
    durable.send("events", [event(number) for number in range(50, 80)], partition=1)
    (result,) = loading.run()

    assert result.location.endswith("events/1@[50,80)")
    assert loading.numbers() == set(range(80))


def test_a_broker_that_stalls_while_it_is_read_is_waited_for(client: Client, settings: Settings, forgetful: Broker) -> None:
    loading = reading(client, settings, forgetful)
    forgetful.create("events")
    forgetful.send("events", [event(number) for number in range(5_000)])
    small = Loading(client=client, settings=loading.settings.model_copy(update={"kafka_batch_messages": 1_000}))
    results: list[int] = []
    has_begun = threading.Event()

    def load() -> None:
        for result in small.run():
            results.append(result.accepted)
            has_begun.set()

    thread = threading.Thread(target=load)
    thread.start()
    forgetful.pause()
    threading.Timer(1.0, forgetful.resume).start()
    thread.join()
    assert sum(results) == 5_000
    assert loading.numbers() == set(range(5_000))


def test_a_broker_that_restarts_while_it_is_read_is_read_on(client: Client, settings: Settings, durable: Broker) -> None:
    loading = reading(client, settings, durable)
    durable.create("events")
    for first in range(0, 2_000, 100):  # as many fetches at least
        durable.send("events", [event(number) for number in range(first, first + 100)])
    small = Loading(client=client, settings=loading.settings.model_copy(update={"kafka_batch_messages": 100}))
    accepted: list[int] = []

    def load() -> None:
        accepted.extend(result.accepted for result in small.run())

    thread = threading.Thread(target=load)
    thread.start()
    wait_until(lambda: len(loading.rows("SELECT batch_seq FROM {ops}.batches")) >= 2)
    durable.kill()
    durable.start()
    thread.join()
    assert sum(accepted) == 2_000
    assert loading.numbers() == set(range(2_000))


def test_messages_that_are_delivered_twice_count_once(client: Client, settings: Settings, forgetful: Broker) -> None:
    loading = reading(client, settings, forgetful)
    forgetful.create("events")
    forgetful.send("events", [event(1), event(2), event(1)])
    loading.run()
    forgetful.send("events", [event(2), event(3)])
    loading.run()
    assert loading.numbers() == {1, 2, 3}
    assert loading.rows("SELECT sum(rows_accepted), sum(rows_duplicate) FROM {ops}.batches") == [(3, 2)]


def test_a_broker_that_has_forgotten_everything_is_an_error_and_no_silence(client: Client, settings: Settings, forgetful: Broker) -> None:
    loading = reading(client, settings, forgetful)
    forgetful.create("events")
    forgetful.send("events", [event(number) for number in range(10)])
    loading.run()
    forgetful.kill()
    forgetful.start()
    forgetful.create("events")
    forgetful.send("events", [event(number) for number in range(10, 30)])

    results, (sentence,) = loading.with_failures()

    assert results == []
    assert "kafka topic events is not the one that was read before" in sentence
    assert loading.numbers() == set(range(10))
