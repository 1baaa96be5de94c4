"""The ledger of offsets in ops: what of each partition is loaded, and what the broker lost before it was.

A range is written before its batch is loaded and counts once the batch is in ops.batches, so offsets and data are one commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from ingestion.sources.kafka.ranges import OffsetRange, Partition
from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where reading a partition goes on."""

    epoch: int
    offset: int
    topic_id: str = ""  # empty where nothing was read, or the broker gave none
    last_message: int | None = None  # hash of the message at offset - 1, where we read it


class Ledger:
    """The offsets of one cluster."""

    def __init__(self, client: Client, settings: Settings, cluster_id: str) -> None:
        self._client = client
        self._ops = settings.database("ops")
        self.cluster_id = cluster_id

    def epoch(self, topic: str) -> int:
        """How often a person accepted that the topic was made anew."""
        found: int = self._client.query(
            f"SELECT max(epoch) FROM {self._ops}.kafka_epochs WHERE cluster_id = {{cluster:String}} AND topic = {{topic:String}}",
            parameters={"cluster": self.cluster_id, "topic": topic},
        ).result_rows[0][0]
        return found

    def positions(self, topic: str) -> dict[int, Position]:
        """Where each partition of a topic goes on, by its number; one that was never read is not in it."""
        epoch = self.epoch(topic)
        mine = "cluster_id = {cluster:String} AND topic = {topic:String} AND epoch = {epoch:UInt32}"
        parameters = {"cluster": self.cluster_id, "topic": topic, "epoch": epoch}
        read = self._client.query(
            f"SELECT partition, max(to_offset), argMax(topic_id, to_offset), argMax(last_message, to_offset) FROM {self._ops}.kafka_ranges"
            f" WHERE {mine} AND batch_id IN (SELECT batch_id FROM {self._ops}.batches) GROUP BY partition",
            parameters=parameters,
        ).result_rows
        found = {
            partition: Position(epoch=epoch, offset=offset, topic_id=topic_id, last_message=last)
            for partition, offset, topic_id, last in read
        }
        lost = self._client.query(
            f"SELECT partition, max(to_offset) FROM {self._ops}.kafka_gaps WHERE {mine} GROUP BY partition", parameters=parameters
        ).result_rows
        for partition, offset in lost:
            before = found.get(partition)
            if before is None or offset > before.offset:
                found[partition] = Position(epoch=epoch, offset=offset, topic_id=before.topic_id if before else "")
        return found

    def intend(self, ranges: Sequence[OffsetRange], batch_id: str) -> None:
        """Write what a batch is about to take."""
        now = datetime.now(UTC)
        rows = [
            [
                self.cluster_id,
                item.partition.topic,
                item.partition.number,
                item.epoch,
                item.start,
                item.end,
                item.message_count,
                item.missing_count,
                list(item.missing),
                item.topic_id,
                item.last_message,
                batch_id,
                now,
            ]
            for item in ranges
        ]
        self._client.insert(
            f"{self._ops}.kafka_ranges",
            rows,
            column_names=[
                *("cluster_id", "topic", "partition", "epoch", "from_offset", "to_offset", "message_count", "missing_count", "missing"),
                *("topic_id", "last_message", "batch_id", "read_at"),
            ],
        )

    def record_gap(self, partition: Partition, *, epoch: int, start: int, end: int) -> None:
        """Write that offsets [start, end) were gone before they were read; reading goes on behind them."""
        self._client.insert(
            f"{self._ops}.kafka_gaps",
            [[self.cluster_id, partition.topic, partition.number, epoch, start, end, datetime.now(UTC)]],
            column_names=["cluster_id", "topic", "partition", "epoch", "from_offset", "to_offset", "found_at"],
        )

    def begin_epoch(self, topic: str) -> int:
        """Accept that a topic was made anew: it is read from its beginning. Returns the new epoch."""
        epoch = self.epoch(topic) + 1
        self._client.insert(
            f"{self._ops}.kafka_epochs",
            [[self.cluster_id, topic, epoch, datetime.now(UTC)]],
            column_names=["cluster_id", "topic", "epoch", "began_at"],
        )
        return epoch


def summary(client: Client, settings: Settings) -> Sequence[Sequence[str | int]]:
    """A row a partition and epoch: cluster, topic, partition, epoch, next offset, offsets without a message, offsets lost."""
    ops = settings.database("ops")
    return client.query(
        "SELECT cluster_id, topic, partition, epoch, max(to_offset), sum(missing_count), sum(lost_count) FROM ("
        f"SELECT cluster_id, topic, partition, epoch, to_offset, missing_count, 0 AS lost_count FROM {ops}.kafka_ranges"
        f" WHERE batch_id IN (SELECT batch_id FROM {ops}.batches) LIMIT 1 BY batch_id, topic, partition"
        f" UNION ALL SELECT cluster_id, topic, partition, epoch, to_offset, 0, to_offset - from_offset FROM {ops}.kafka_gaps"
        ") GROUP BY cluster_id, topic, partition, epoch ORDER BY ALL"
    ).result_rows
