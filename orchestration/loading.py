"""Loads event files: the ones a person names, and the ones in the landing zone. The loader itself is ingestion's.

Callers hold the pipeline's lease: two loads at once would both pass the identity check.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clickhouse_connect.driver.client import Client

from ingestion import loader
from ingestion.loader import LoadResult
from ingestion.sources import files
from warehouse.errors import InputError
from warehouse.settings import Settings


def load_paths(client: Client, settings: Settings, paths: Sequence[Path]) -> Iterator[LoadResult]:
    """Load files and folders in sorted path order, one result a file, as they are loaded.

    Raises:
        InputError: a path is missing (before anything is loaded) or a file is no event file; nothing of that file was loaded.
    """
    found = files.event_files(paths)
    loader.recover(client, settings)
    for path in found:
        yield loader.load_file(client, settings, path)


def load_landing(client: Client, settings: Settings) -> tuple[list[LoadResult], list[str]]:
    """Load what is new in the landing zone. A file that cannot be loaded does not hold up the others.

    Returns:
        One result a file that was loaded now, and a sentence for each file that could not be.
    """
    loader.recover(client, settings)
    results: list[LoadResult] = []
    unreadable: list[str] = []
    for path in files.landing(settings):
        try:
            result = loader.load_file(client, settings, path)
        except InputError as error:
            unreadable.append(str(error))
            continue
        if not result.already_loaded:
            results.append(result)
    return results, unreadable
