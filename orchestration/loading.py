"""Loads events: files that a person names, and what is new in the configured sources. The loader itself is ingestion's.

Callers hold the pipeline's lease: two loads at once would both pass the identity check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from clickhouse_connect.driver.client import Client

from ingestion import loader
from ingestion.loader import LoadResult
from ingestion.sources import files, kafka, landing, objects, spool
from ingestion.sources.errors import SourceError
from ingestion.sources.together import together
from warehouse.errors import InputError, SettingsError
from warehouse.settings import Settings

# What a source gives: a result a batch, and the error of each input that cannot be loaded. It raises where it cannot go on.
Drain = Callable[[Client, Settings], Iterator[LoadResult | InputError | SourceError]]

# In this order. Each is nothing where it is not configured.
SOURCES: tuple[Drain, ...] = (landing.drain, objects.drain, kafka.drain, spool.drain)


def load_paths(client: Client, settings: Settings, paths: Sequence[Path]) -> Iterator[LoadResult]:
    """Load files and folders in sorted path order, one result a file, as they are loaded.

    Raises:
        InputError: a path is missing (before anything is loaded) or a file is no event file; nothing of that file was loaded.
    """
    found = files.event_files(paths)
    loader.recover(client, settings)
    for some in together(found, files.size_of):
        for result in loader.load_files(client, settings, some):
            if isinstance(result, InputError):
                raise result
            yield result


def load_sources(client: Client, settings: Settings, sources: Sequence[Drain] = SOURCES) -> tuple[list[LoadResult], list[str]]:
    """Load what is new in all sources. Neither an input that cannot be loaded nor a source that fails holds up the others.

    Raises:
        WarehouseError: the warehouse failed, which is no source's fault; what was loaded before stays loaded.

    Returns:
        One result a batch that was loaded now, and a sentence for each input or source that could not be read.
    """
    loader.recover(client, settings)
    results: list[LoadResult] = []
    unreadable: list[str] = []
    for drain in sources:
        try:
            for item in drain(client, settings):
                if not isinstance(item, LoadResult):
                    unreadable.append(str(item))
                elif not item.already_loaded:
                    results.append(item)
        except (InputError, SettingsError, SourceError) as error:
            unreadable.append(str(error))
    return results, unreadable
