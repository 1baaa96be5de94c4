"""Object storage as a landing zone: METERHOUSE_LANDING=s3://bucket/prefix."""
# ruff: noqa: PLC0415 - the client library is loaded where a bucket is configured, and only then

from __future__ import annotations

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from ingestion.loader import LoadResult
from ingestion.sources.files import OBJECT_PREFIX
from warehouse.errors import InputError
from warehouse.settings import Settings


def drain(client: Client, settings: Settings) -> Iterator[LoadResult | InputError]:
    """Load the objects that are new or were replaced; nothing where METERHOUSE_LANDING names no bucket. See load.py."""
    if settings.landing and settings.landing.startswith(OBJECT_PREFIX):
        from ingestion.sources.objects import load

        yield from load.load_new(client, settings)
