"""The landing folder: loads its event files that are new or have changed since they were looked at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from ingestion import loader
from ingestion.loader import LoadResult
from ingestion.sources import files
from ingestion.sources.seen import Memory, new_or_changed
from ingestion.sources.together import together
from warehouse.errors import InputError
from warehouse.settings import Settings

# A file that changed this recently could change again within the same tick of the file system's clock, and look the same.
_SETTLED_NANOSECONDS = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class _File:
    """A file as it was when it was listed, before it is read."""

    path: Path
    size: int
    modified_ns: int
    changed_ns: int  # a copy that keeps the time of modification, written in place, changes nothing else
    inode: int

    @property
    def location(self) -> str:
        return str(self.path)

    @property
    def fingerprint(self) -> str:
        return f"{self.size}:{self.modified_ns}:{self.changed_ns}:{self.inode}"

    @property
    def is_settled(self) -> bool:
        """Whether another change would be seen."""
        return time.time_ns() - max(self.modified_ns, self.changed_ns) > _SETTLED_NANOSECONDS


def drain(client: Client, settings: Settings) -> Iterator[LoadResult | InputError]:
    """Load what is new, in sorted path order: a result, or the reason why not, a file that was not known as loaded.

    Raises:
        InputError: the landing folder does not exist.
    """
    with Memory(client, settings) as memory:
        for some in together(new_or_changed(client, settings, _listed(settings)), lambda file: file.size):
            results = loader.load_files(client, settings, [file.path for file in some])
            for file, result in zip(some, results, strict=True):
                if isinstance(result, LoadResult) and file.is_settled:
                    memory.remember(file, result.batch_id)
                yield result


def _listed(settings: Settings) -> Iterator[_File]:
    for path in files.landing(settings):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue  # taken away since it was listed
        yield _File(path=path, size=found.st_size, modified_ns=found.st_mtime_ns, changed_ns=found.st_ctime_ns, inode=found.st_ino)
