"""Loads the objects under METERHOUSE_LANDING that are new or have been replaced since they were loaded."""

from __future__ import annotations

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from ingestion import loader
from ingestion.loader import LoadResult
from ingestion.sources.objects.content import batch_id_of, content_of_object
from ingestion.sources.objects.store import ObjectStore
from ingestion.sources.seen import Memory, new_or_changed
from warehouse.errors import InputError
from warehouse.settings import Settings

SOURCE_NAME = "s3"


def load_new(client: Client, settings: Settings) -> Iterator[LoadResult | InputError]:
    """Load what is new, in the order of keys: a result, or the reason why not, an object that was not known as loaded.

    Raises:
        SourceError: the store does not answer, refuses, or broke off.
        SettingsError: METERHOUSE_LANDING names no bucket.
    """
    store = ObjectStore(settings)
    with Memory(client, settings) as memory:
        for item in new_or_changed(client, settings, store.listed()):
            try:
                with content_of_object(store, item, folder=settings.home / "incoming") as content:
                    result = loader.load_content(
                        client, settings, content, batch_id=batch_id_of(item), location=item.location, source_name=SOURCE_NAME
                    )
            except InputError as error:
                yield error
                continue
            memory.remember(item, result.batch_id)
            yield result
