"""Reads partitions from given offsets to where they end now, in batches of bounded size.

One consumer is assigned all partitions: there is no group, so there is no rebalance, and whether a partition has grown or
a new one has come shows in each run. While a batch loads, the library goes on reading in its own threads.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ingestion.sources.errors import SourceError
from ingestion.sources.kafka.configuration import configuration
from ingestion.sources.kafka.ledger import Position
from ingestion.sources.kafka.ranges import KEPT_RUNS, OffsetRange, Partition
from warehouse.errors import SettingsError
from warehouse.settings import Settings

ANSWER_SECONDS = 10.0  # for a question to the broker; longer is an outage that this run does not wait for
SILENCE_SECONDS = 30.0  # without a message or an end; librdkafka connects anew after a broker's restart within that
_POLL_SECONDS = 0.1
# Python stands still while the library makes messages of them, and with it what is being sent to the warehouse.
_POLL_MESSAGES = 1_000
# Of one batch, in memory, whatever the number of messages.
BATCH_BYTES = 896 << 20
# A topic that never ends is left for the next run after so many messages, once everything is read that was there at the start.
# Some minutes of loading: a run has to come to its tables too.
_MESSAGES_OF_A_RUN = 20_000_000


class ReadError(SourceError):
    """A partition cannot be read on; the others were."""


@dataclass(kw_only=True)
class _Reading:
    """A partition that is being read."""

    partition: Partition
    epoch: int
    topic_id: str
    start: int  # of the batch
    next: int
    end_at_start: int  # what the broker called the end when reading began; may lag
    anchor: int | None  # hash of the message at start - 1, until it was compared
    message_count: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    last: Message | None = None
    has_ended: bool = False
    error: ReadError | None = None

    def taken(self) -> OffsetRange:
        """The range since the batch began; the next one begins."""
        found = OffsetRange(
            partition=self.partition,
            epoch=self.epoch,
            start=self.start,
            end=self.next,
            message_count=self.message_count,
            missing=tuple(self.missing[:KEPT_RUNS]),
            topic_id=self.topic_id,
            last_message=_hash(self.last) if self.last is not None else 0,  # a message without a value is false
        )
        self.start, self.message_count, self.missing, self.last = self.next, 0, [], None
        return found


@dataclass(frozen=True, kw_only=True)
class MessageBatch:
    """Messages as lines, one or more a message, and where they are from."""

    ranges: tuple[OffsetRange, ...]
    pieces: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a partition is read from."""

    partition: Partition
    position: Position
    end: int  # as the broker says; may lag


class Reader:
    """One reading of some partitions. Close it at the end."""

    def __init__(self, settings: Settings, starts: Sequence[Start]) -> None:
        self._batch_messages = settings.kafka_batch_messages
        self._readings: dict[tuple[str | None, int | None], _Reading] = {
            (start.partition.topic, start.partition.number): _reading(start) for start in starts
        }
        self._consumer = Consumer(configuration(settings))
        # The message before the first is read once more, to see that it is still the one that was loaded.
        self._consumer.assign(
            [
                TopicPartition(item.partition.topic, item.partition.number, item.next - (item.anchor is not None))
                for item in self._readings.values()
            ]
        )

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    @property
    def errors(self) -> list[ReadError]:
        """Why partitions could not be read to their end."""
        return [item.error for item in self._readings.values() if item.error is not None]

    def batches(self) -> Iterator[MessageBatch]:
        """Everything there is, and as much more as arrives meanwhile within bounds."""
        messages, is_over = 0, False
        while not is_over:
            batch = self._batch()
            messages += sum(found.message_count for found in batch.ranges)
            is_over = self._has_ended(is_enough=messages >= _MESSAGES_OF_A_RUN)
            if batch.ranges:
                yield batch

    def _has_ended(self, *, is_enough: bool) -> bool:
        return all(
            item.has_ended or item.error is not None or (is_enough and item.next >= item.end_at_start) for item in self._readings.values()
        )

    def _batch(self) -> MessageBatch:
        pieces: list[bytes] = []
        messages, size = 0, 0
        heard_at = time.monotonic()
        while messages < self._batch_messages and size < BATCH_BYTES and not self._has_ended(is_enough=False):
            found = self._consumer.consume(min(_POLL_MESSAGES, self._batch_messages - messages), timeout=_POLL_SECONDS)
            if found:
                heard_at = time.monotonic()
                lines = self._lines(found)
                if lines:
                    messages += len(lines)
                    pieces.append(b"\n".join(lines) + b"\n")
                    size += len(pieces[-1])
            elif time.monotonic() - heard_at > SILENCE_SECONDS:
                self._give_up()
        ranges = tuple(item.taken() for item in self._readings.values() if item.message_count)
        return MessageBatch(ranges=ranges, pieces=tuple(pieces))

    def _lines(self, messages: Sequence[Message]) -> list[bytes]:
        """The values of messages, after noting how far each partition is now. A message without a value is a blank line.

        Messages of a partition come many in a row, mostly each with the offset after the last one's: such a run is looked at
        as a whole, at a third of what its messages take one by one.
        """
        lines: list[bytes] = []
        offsets = list(map(Message.offset, messages))
        are_whole = not any(error is not None for error in map(Message.error, messages))
        start = 0
        for place, run in groupby(zip(map(Message.topic, messages), map(Message.partition, messages), strict=True)):
            end = start + len(list(run))
            item = self._readings.get(place)
            if item is None:
                pass  # about no partition, such as a lost connection: it is made anew, or silence will tell
            elif are_whole and item.error is None and offsets[start:end] == list(range(item.next, item.next + end - start)):
                lines += _taken(item, messages[start:end])
            else:
                lines += self._one_by_one(item, messages[start:end])
            start = end
        return lines

    def _one_by_one(self, item: _Reading, messages: Sequence[Message]) -> list[bytes]:
        """The same for messages of one partition among which there may be failures, gaps and what was read before."""
        lines: list[bytes] = []
        for message in messages:
            failure, offset = message.error(), message.offset()
            if failure is not None:
                _note(item, failure)
            elif item.error is None and offset is not None:
                if offset < item.next:
                    self._compare(item, message)
                    continue
                if offset > item.next:
                    item.missing.append((item.next, offset))
                    item.next = offset
                lines += _taken(item, [message])
        return lines

    def _compare(self, item: _Reading, message: Message) -> None:
        """See that the last message that was loaded is still there. One that was compacted away proves nothing, and is not here."""
        if item.anchor is not None and _hash(message) != item.anchor:
            item.error = made_anew(
                item.partition.topic, f"offset {item.next - 1} of partition {item.partition.number} holds another message"
            )
        item.anchor = None

    def _give_up(self) -> None:
        """Nothing was heard: what has not ended will not in this run."""
        for item in self._readings.values():
            if not item.has_ended and item.error is None:
                item.error = ReadError(
                    f"kafka topic {item.partition}: the broker gives nothing from offset {item.next} on; see that it is up"
                )


def made_anew(topic: str, evidence: str) -> ReadError:
    """A topic whose offsets no longer mean what they meant."""
    return ReadError(
        f"kafka topic {topic} is not the one that was read before ({evidence}); nothing more of it is loaded until"
        f" `meterhouse kafka restart {topic}` accepts it as a new one, to be read from its beginning"
    )


def _taken(item: _Reading, messages: Sequence[Message]) -> list[bytes]:
    """The values of a partition's next messages, none of them missing, as part of the batch."""
    item.anchor = None
    item.next += len(messages)
    item.message_count += len(messages)
    item.last = messages[-1]
    return [value or b"" for value in map(Message.value, messages)]


def _reading(start: Start) -> _Reading:
    position = start.position
    return _Reading(
        partition=start.partition,
        epoch=position.epoch,
        topic_id=position.topic_id,
        start=position.offset,
        next=position.offset,
        end_at_start=start.end,
        anchor=position.last_message,
    )


def _note(item: _Reading, failure: KafkaError) -> None:
    """An end, or why there will be none."""
    match failure.code():
        case KafkaError._PARTITION_EOF:
            item.has_ended = True
        case KafkaError._AUTO_OFFSET_RESET | KafkaError.OFFSET_OUT_OF_RANGE:
            item.error = made_anew(item.partition.topic, f"offset {item.next} of partition {item.partition.number} is out of range")
        case _ if failure.retriable():
            return
        case _:
            item.error = ReadError(f"kafka topic {item.partition}: {failure.name()}; nothing beyond offset {item.next} was loaded")


def _hash(message: Message) -> int:
    """What a message is known by: when it was made, its key and its value."""
    digest = hashlib.sha256(repr(message.timestamp()).encode())
    for part in (message.key(), message.value()):
        text = part.encode() if isinstance(part, str) else part or b""
        digest.update(len(text).to_bytes(8) + text)
    return int.from_bytes(digest.digest()[:8])


def explained(error: KafkaException, what: str) -> SourceError:
    """A failure of the library as a sentence, without the client's configuration."""
    failure = error.args[0]
    name = failure.name() if isinstance(failure, KafkaError) else type(error).__name__
    return SourceError(f"{what} ({name}); see METERHOUSE_KAFKA_BROKERS, and that the brokers are up and know us")


def refused_property(error: KafkaException) -> SettingsError:
    """A property that the library does not take, by its name; its value may be a secret."""
    failure = error.args[0]
    named = re.search(r'configuration property "?([a-z0-9._]+)', failure.str() if isinstance(failure, KafkaError) else "")
    return SettingsError(f"the kafka client refuses {named.group(1) if named else 'its configuration'}; correct METERHOUSE_KAFKA_*")
