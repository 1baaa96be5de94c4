"""Loads the objects under METERHOUSE_LANDING that are new or have been replaced since they were loaded."""

from __future__ import annotations

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from ingestion import loader
from ingestion.loader import Batch, LoadResult
from ingestion.sources.content import NotServedError
from ingestion.sources.objects.content import batch_id_of, content_of_object
from ingestion.sources.objects.store import Listed, ObjectStore
from ingestion.sources.seen import Memory, new_or_changed, settled_before
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
    after = settled_before(client, settings, store.location) if settings.landing_is_ordered else ""
    is_served = True
    with Memory(client, settings) as memory:
        for item in new_or_changed(client, settings, store.listed(after=after)):
            try:
                try:
                    result = _loaded(client, settings, store, item, is_served=is_served)
                except NotServedError:
                    # It may be this object, or that the server does not reach the store: then the others would wait for nothing too.
                    is_served = False
                    result = _loaded(client, settings, store, item, is_served=False)
            except InputError as error:
                memory.remember(item, "")
                yield error
                continue
            memory.remember(item, result.batch_id)
            yield result


def _loaded(client: Client, settings: Settings, store: ObjectStore, item: Listed, *, is_served: bool) -> LoadResult:
    with content_of_object(store, item, folder=settings.home / "incoming", is_served=is_served) as content:
        batch = Batch(content=content, batch_id=batch_id_of(item), location=item.location, source_name=SOURCE_NAME)
        return loader.load_content(client, settings, batch)
