"""Kafka as a source: METERHOUSE_KAFKA_BROKERS and _TOPICS.

Offsets are kept in ops beside the data, never in the broker: what was read counts exactly when its batch is committed.
"""
# ruff: noqa: PLC0415 - the client library is loaded where Kafka is configured, and only then

from __future__ import annotations

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from ingestion.loader import LoadResult
from ingestion.sources.errors import SourceError
from warehouse.settings import Settings


def drain(client: Client, settings: Settings) -> Iterator[LoadResult | SourceError]:
    """Load what the topics hold beyond the ledger; nothing where no broker is configured. See load.py."""
    if settings.kafka_brokers:
        from ingestion.sources.kafka import load

        yield from load.load_new(client, settings)
