"""Reading partitions, where the broker of the tests cannot show it: compaction, marks of transactions, ranges out of bounds, silence."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.kafka import reader
from ingestion.sources.kafka.configuration import configuration, topics
from ingestion.sources.kafka.ledger import Position
from ingestion.sources.kafka.ranges import KEPT_RUNS, OffsetRange, Partition, batch_id_of, location_of
from ingestion.sources.kafka.reader import MessageBatch, Reader, Start
from tests.conftest import make_settings
from warehouse.errors import SettingsError


def message(offset: int, *, partition: int = 0, value: bytes = b"x") -> Message:
    return Message(topic="t", partition=partition, offset=offset, value=value, timestamp=(1, 0))


def failure(code: int, *, partition: int = 0, offset: int = 0) -> Message:
    return Message(topic="t", partition=partition, offset=offset, error=KafkaError(code))


END = KafkaError._PARTITION_EOF


class Script:
    """A consumer that gives what is written here, one list a poll, then nothing."""

    polls: Iterator[Sequence[Message]] = iter(())

    def __init__(self, _configuration: object) -> None:
        self.assigned: list[int] = []

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.assigned = [item.offset for item in partitions]

    def consume(self, _most: int, *, timeout: float) -> Sequence[Message]:  # noqa: ARG002 - the library's signature
        return next(self.polls, [])

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "Consumer", Script)
    monkeypatch.setattr(reader, "SILENCE_SECONDS", 0.0)


def read(*polls: Sequence[Message], starts: Sequence[Start] | None = None, most: int = 1000) -> tuple[list[MessageBatch], list[str]]:
    Script.polls = iter(polls)
    own = Reader(make_settings(kafka_brokers="b:1", kafka_batch_messages=most), starts or [start()])
    return list(own.batches()), [str(error) for error in own.errors]


def start(offset: int = 0, *, partition: int = 0, end: int = 0, last: int | None = None) -> Start:
    return Start(partition=Partition("t", partition), position=Position(epoch=0, offset=offset, last_message=last), end=end)


def test_offsets_without_a_message_are_counted_and_named() -> None:
    (batch,), errors = read([message(2), message(3), message(7)], [message(8), failure(END, offset=9)])
    (found,) = batch.ranges
    assert (found.start, found.end, found.message_count, found.missing_count, found.missing) == (0, 9, 4, 5, ((0, 2), (4, 7)))
    assert errors == []


def test_of_very_many_gaps_only_the_first_are_named_and_all_counted() -> None:
    (batch,), _ = read([message(offset) for offset in range(0, 5_000, 2)], [failure(END)], most=10_000)
    (found,) = batch.ranges
    assert (len(found.missing), found.missing_count) == (KEPT_RUNS, 2_499)


def test_the_last_message_is_read_again_and_counts_only_once() -> None:
    (first,), _ = read([message(0), message(1), failure(END)])
    known = first.ranges[0].last_message
    batches, errors = read([message(1), message(2), failure(END)], starts=[start(2, last=known)])
    assert [(item.start, item.end, item.message_count) for item in batches[0].ranges] == [(2, 3, 1)]
    assert errors == []


@given(
    # Of two partitions, the offsets that hold a message, and where their messages are cut and mixed.
    held=st.lists(st.sets(st.integers(0, 40), max_size=30), min_size=2, max_size=2),
    order=st.randoms(use_true_random=False),
    poll_size=st.integers(1, 12),
    most=st.integers(1, 30),
)
def test_however_messages_come_each_is_one_line_and_each_gap_is_counted(
    held: list[set[int]], order: random.Random, poll_size: int, most: int
) -> None:
    waiting = {partition: [message(offset, partition=partition, value=b"%d:%d" % (partition, offset)) for offset in sorted(offsets)]
               for partition, offsets in enumerate(held)}  # fmt: skip
    mixed: list[Message] = []
    while any(waiting.values()):
        partition = order.choice([partition for partition, rest in waiting.items() if rest])
        count = order.randint(1, len(waiting[partition]))
        mixed += waiting[partition][:count]
        del waiting[partition][:count]
    polls = [mixed[at : at + poll_size] for at in range(0, len(mixed), poll_size)]
    batches, errors = read(*polls, [failure(END), failure(END, partition=1)], starts=[start(), start(partition=1)], most=most)

    lines = b"".join(piece for batch in batches for piece in batch.pieces).split()
    assert errors == []
    assert lines == [item.value() for item in mixed]
    for partition, offsets in enumerate(held):
        ranges = [found for batch in batches for found in batch.ranges if found.partition.number == partition]
        assert [found.start for found in ranges[1:]] == [found.end for found in ranges[:-1]]
        assert sum(found.message_count for found in ranges) == len(offsets)
        missing = {offset for found in ranges for gap in found.missing for offset in range(*gap)}
        assert missing == set(range(max(offsets, default=-1) + 1)) - offsets


def test_a_last_message_that_was_compacted_away_proves_nothing() -> None:
    batches, errors = read([message(5), failure(END)], starts=[start(2, last=1)])
    assert [(item.start, item.end, item.missing) for item in batches[0].ranges] == [(2, 6, ((2, 5),))]
    assert errors == []


def test_another_last_message_stops_its_partition_and_no_other() -> None:
    both = [start(2, last=1), start(0, partition=1)]
    batches, (sentence,) = read([message(1), message(2), message(0, partition=1)], [failure(END, partition=1)], starts=both)
    assert [item.partition.number for item in batches[0].ranges] == [1]
    assert "offset 1 of partition 0 holds another message" in sentence


@pytest.mark.parametrize("code", [KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE])
def test_an_offset_that_is_not_there_is_an_error_and_no_other_offset(code: int) -> None:
    batches, (sentence,) = read([failure(code)], starts=[start(500)])
    assert batches == []
    assert "offset 500 of partition 0 is out of range" in sentence
    assert "meterhouse kafka restart t" in sentence


def test_what_comes_before_a_failure_is_kept() -> None:
    (batch,), (sentence,) = read([message(0), failure(KafkaError.TOPIC_AUTHORIZATION_FAILED)])
    assert batch.ranges[0].end == 1
    assert "TOPIC_AUTHORIZATION_FAILED" in sentence


def test_a_broker_that_gives_nothing_is_an_error_after_a_while() -> None:
    (batch,), (sentence,) = read([message(0)], [])
    assert batch.ranges[0].end == 1
    assert "the broker gives nothing from offset 1 on" in sentence


def test_a_connection_that_is_lost_is_no_end() -> None:
    lost = Message(error=KafkaError(KafkaError._ALL_BROKERS_DOWN))
    (batch,), errors = read([message(0), lost], [lost, message(1), failure(END)])
    assert (batch.ranges[0].end, errors) == (2, [])


def test_a_topic_that_never_ends_is_left_after_what_was_there_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_MESSAGES_OF_A_RUN", 2)
    polls = [[message(offset)] for offset in range(100)]
    batches, errors = read(*polls, starts=[start(end=5)], most=1)
    assert (len(batches), errors) == (5, [])


def test_a_batch_is_known_by_cluster_partition_epoch_and_offsets() -> None:
    def of(**values: int) -> OffsetRange:
        plain = {"epoch": 0, "start": 0, "end": 10, "message_count": 10}
        return OffsetRange(partition=Partition("t", 0), **plain | values)

    other = OffsetRange(partition=Partition("t", 1), epoch=0, start=0, end=10, message_count=10)
    assert batch_id_of("c", [of(), other]) == batch_id_of("c", [other, of(message_count=9)])
    different = [("d", [of()]), ("c", [of(epoch=1)]), ("c", [of(end=11)]), ("c", [of(start=1)]), ("c", [other]), ("c", [of()])]
    assert len({batch_id_of(cluster, ranges) for cluster, ranges in different}) == len(different)
    many = [OffsetRange(partition=Partition("t", number), epoch=0, start=0, end=1, message_count=1) for number in range(500)]
    assert location_of("c", many).endswith("… 500 ranges")


def test_the_client_is_told_brokers_proof_and_the_properties_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text("# ours\n\nssl.ca.location = /etc/ca.pem\nsecurity.protocol=plaintext\n")
    found = configuration(make_settings(kafka_brokers="b:1", kafka_properties=file, kafka_security_protocol="ssl"))
    assert (found["ssl.ca.location"], found["security.protocol"], found["auto.offset.reset"]) == ("/etc/ca.pem", "ssl", "error")
    assert "sasl.password" not in found

    for text, sentence in (("group.id=x\n", "line 1 sets group.id"), ("\nnonsense\n", "line 2 is not name=value")):
        file.write_text(text)
        with pytest.raises(SettingsError, match=sentence):
            configuration(make_settings(kafka_brokers="b:1", kafka_properties=file))


def test_brokers_without_topics_are_a_mistake() -> None:
    assert topics(make_settings()) == []
    assert topics(make_settings(kafka_brokers="b:1", kafka_topics="b, a,,a")) == ["a", "b"]
    with pytest.raises(SettingsError, match="METERHOUSE_KAFKA_TOPICS"):
        topics(make_settings(kafka_brokers="b:1"))
