"""What a batch takes of a partition, and the id that follows from it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

# Runs of missing offsets that are kept one by one; a topic of transactions has one after each.
KEPT_RUNS = 1_000
_LOCATION_LENGTH = 1_000


@dataclass(frozen=True, order=True)
class Partition:
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


@dataclass(frozen=True, kw_only=True)
class OffsetRange:
    """Offsets [start, end) of a partition, as they were read."""

    partition: Partition
    epoch: int
    start: int
    end: int
    message_count: int
    missing: tuple[tuple[int, int], ...] = field(default=())  # the first KEPT_RUNS of them
    topic_id: str = ""
    last_message: int = 0  # hash of the one at end - 1

    @property
    def missing_count(self) -> int:
        """Offsets without a message."""
        return self.end - self.start - self.message_count


def batch_id_of(cluster_id: str, ranges: Sequence[OffsetRange]) -> str:
    """The id of the batch of these ranges. With the epoch: offsets of a topic that was made anew are others."""
    named = sorted((item.partition, item.epoch, item.start, item.end) for item in ranges)
    text = "\n".join([cluster_id, *(f"{partition} {epoch} {start} {end}" for partition, epoch, start, end in named)])
    return f"kafka-{hashlib.sha256(text.encode()).hexdigest()}"


def location_of(cluster_id: str, ranges: Sequence[OffsetRange]) -> str:
    """`kafka://cluster topic/0@[0,500) topic/1@[7,9)`, shortened where many partitions take part."""
    text = " ".join(f"{item.partition}@[{item.start},{item.end})" for item in sorted(ranges, key=lambda item: item.partition))
    short = text if len(text) <= _LOCATION_LENGTH else f"{text[:_LOCATION_LENGTH]}… {len(ranges)} ranges"
    return f"kafka://{cluster_id} {short}"
