"""Loads what the configured topics hold beyond the ledger. A topic that fails does not hold up the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from ingestion import loader
from ingestion.loader import Batch, LoadResult
from ingestion.sources.errors import SourceError
from ingestion.sources.kafka.configuration import configuration, topics
from ingestion.sources.kafka.ledger import Ledger, Position
from ingestion.sources.kafka.ranges import Partition, batch_id_of, location_of
from ingestion.sources.kafka.reader import ANSWER_SECONDS, MessageBatch, Reader, Start, explained, made_anew, refused_property
from warehouse.settings import Settings

SOURCE_NAME = "kafka"


@dataclass(frozen=True, kw_only=True)
class MessageLines:
    """The lines of messages that were read."""

    batch: MessageBatch
    format: str = "LineAsString"
    encoding: None = None
    structure: str = "line String"
    line: str = "line"

    def chunks(self) -> Iterator[bytes]:
        """All lines."""
        return iter(self.batch.pieces)


def load_new(client: Client, settings: Settings) -> Iterator[LoadResult | SourceError]:
    """Load what is new, a result a batch, and the reason why not for each topic or partition that cannot be read on.

    Raises:
        SourceError: no broker answers.
        SettingsError: the configuration is wrong.
    """
    names = topics(settings)
    with contextlib.closing(_Brokers(settings)) as brokers:
        ledger = Ledger(client, settings, brokers.cluster_id)
        starts: list[Start] = []
        for topic in names:
            try:
                found = brokers.starts(ledger, topic)
            except SourceError as error:
                yield error
                continue
            starts += [start for start, _ in found]
            yield from (lost for _, lost in found if lost is not None)
    if starts:
        yield from _loaded(client, settings, ledger, starts)


def restart(client: Client, settings: Settings, topic: str) -> int:
    """Accept that a topic was made anew, and read it from its beginning from now on. Returns its new epoch.

    Raises:
        SourceError: no broker answers.
    """
    with contextlib.closing(_Brokers(settings)) as brokers:
        return Ledger(client, settings, brokers.cluster_id).begin_epoch(topic)


def _loaded(client: Client, settings: Settings, ledger: Ledger, starts: list[Start]) -> Iterator[LoadResult | SourceError]:
    try:
        with contextlib.closing(Reader(settings, starts)) as reader:
            for batch in _ahead(reader.batches()):
                batch_id = batch_id_of(ledger.cluster_id, batch.ranges)
                ledger.intend(batch.ranges, batch_id)
                location = location_of(ledger.cluster_id, batch.ranges)
                lines = Batch(content=MessageLines(batch=batch), batch_id=batch_id, location=location, source_name=SOURCE_NAME)
                yield loader.load_content(client, settings, lines)
            yield from reader.errors
    except KafkaException as error:
        raise explained(error, "reading kafka failed") from None


def _ahead(batches: Iterator[MessageBatch]) -> Iterator[MessageBatch]:
    """The same batches, each read while the one before it loads: two are in memory at a time."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka") as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch


class _Brokers:
    """What the brokers say about topics before anything is read."""

    def __init__(self, settings: Settings) -> None:
        own = configuration(settings)
        try:
            self._consumer = Consumer(own)
            self._admin = AdminClient(own)
        except KafkaException as error:
            raise refused_property(error) from None
        try:
            self._metadata = self._consumer.list_topics(timeout=ANSWER_SECONDS)
        except KafkaException as error:
            self._consumer.close()
            raise explained(error, "no kafka broker answers") from None
        self.cluster_id: str = self._metadata.cluster_id or settings.kafka_brokers or ""

    def close(self) -> None:
        self._consumer.close()

    def starts(self, ledger: Ledger, topic: str) -> list[tuple[Start, SourceError | None]]:
        """Where each partition of a topic goes on, and what was lost of it since.

        Raises:
            SourceError: there is no such topic, it was made anew, or the broker does not tell.
        """
        described = self._metadata.topics.get(topic)
        if described is None or described.error is not None or not described.partitions:
            raise SourceError(f"kafka topic {topic} does not exist or may not be read; create it or correct METERHOUSE_KAFKA_TOPICS")
        topic_id = self._topic_id(topic)
        known = ledger.positions(topic)
        before = {position.topic_id for position in known.values()} - {""}
        if topic_id and before and before != {topic_id}:
            raise made_anew(topic, f"the broker knows it as {topic_id}")
        gone = sorted(set(known) - set(described.partitions))
        if gone:
            raise made_anew(topic, f"partition {gone[0]} is gone")
        epoch = ledger.epoch(topic)
        return [
            self._start(ledger, Partition(topic, number), known.get(number), epoch=epoch, topic_id=topic_id)
            for number in sorted(described.partitions)
        ]

    def watermarks(self, partition: Partition) -> tuple[int, int]:
        """The first offset that is there and the end, which may lag.

        Raises:
            SourceError: the broker does not tell.
        """
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(partition.topic, partition.number), timeout=ANSWER_SECONDS)
        except KafkaException as error:
            raise explained(error, f"kafka topic {partition} cannot be read") from None
        return low, high

    def _start(
        self, ledger: Ledger, partition: Partition, known: Position | None, *, epoch: int, topic_id: str
    ) -> tuple[Start, SourceError | None]:
        low, high = self.watermarks(partition)
        if known is None:
            return Start(partition=partition, position=Position(epoch=epoch, offset=low, topic_id=topic_id), end=high), None
        if known.offset >= low:
            # A message that is below the first offset cannot be compared any more.
            anchor = known.last_message if known.offset > low else None
            return Start(partition=partition, position=replace(known, topic_id=topic_id, last_message=anchor), end=high), None
        ledger.record_gap(partition, epoch=epoch, start=known.offset, end=low)
        lost = SourceError(
            f"kafka topic {partition}: the broker removed offsets {known.offset} to {low - 1} before they were read; they are recorded in"
            " ops.kafka_gaps, their producer has to send them again, and a longer retention prevents the next time"
        )
        return Start(partition=partition, position=Position(epoch=epoch, offset=low, topic_id=topic_id), end=high), lost

    def _topic_id(self, topic: str) -> str:
        """What tells a topic from a later one of the same name; empty from brokers that do not know it."""
        try:
            described = self._admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_SECONDS)[topic].result()
        except KafkaException:
            return ""  # an old broker, or a right that we do not have: messages are compared all the same
        return str(described.topic_id or "")
