"""What the HTTP door has accepted, as batches: one spool file a batch, removed when it is loaded.

A file that a crash left between commit and removal is found loaded by its batch id, and only removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from ingestion import loader
from ingestion.loader import Batch, LoadResult
from ingestion.sources import frames
from ingestion.sources.together import together
from warehouse.errors import InputError
from warehouse.settings import Settings

SOURCE_NAME = "http"


@dataclass(frozen=True, kw_only=True)
class SpooledLines:
    """The lines of a sealed spool file."""

    path: Path
    format: str = "LineAsString"
    encoding: None = None
    structure: str = "line String"
    line: str = "line"

    def chunks(self) -> Iterator[bytes]:
        """All lines.

        Raises:
            InputError: the file cannot be read or is damaged.
        """
        return frames.payload_of(self.path)


def drain(client: Client, settings: Settings) -> Iterator[LoadResult | InputError]:
    """Load everything that was accepted before the call, oldest first: a result, or the reason why not, a file."""
    folder = frames.folder(settings.home)
    for path in sorted(folder.glob(f"*{frames.OPEN}")):
        frames.seal(path)
    for some in together(sorted(folder.glob(f"*{frames.SEALED}")), lambda path: path.stat().st_size):
        results = loader.load_together(client, settings, [_batch(path) for path in some])
        for path, result in zip(some, results, strict=True):
            if isinstance(result, LoadResult):
                path.unlink()
            yield result


def _batch(path: Path) -> Batch:
    return Batch(content=SpooledLines(path=path), batch_id=frames.batch_id_of(path), location=str(path), source_name=SOURCE_NAME)
