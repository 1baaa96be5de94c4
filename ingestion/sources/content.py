"""How events go to the server as one batch, whatever their format and wherever they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from ingestion.sources.files import suffix_of
from ingestion.sources.lines import Lines
from ingestion.sources.parquet import Parquet
from warehouse.errors import WarehouseError

_ENCODINGS: dict[str, str | None] = {".jsonl": None, ".jsonl.gz": "gzip", ".jsonl.zst": "zstd"}


class Content(Protocol):
    """What is sent of a batch."""

    @property
    def format(self) -> str:
        """ClickHouse's name of the body's format."""
        ...

    @property
    def encoding(self) -> str | None:
        """How the body is packed: gzip, zstd, or None."""
        ...

    @property
    def structure(self) -> str:
        """Columns of the body, for input()."""
        ...

    @property
    def line(self) -> str:
        """SQL of a line's text over these columns."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The body, once.

        Raises:
            InputError: it cannot be read, or is no longer what the batch stands for.
        """
        ...


@runtime_checkable
class ServedContent(Content, Protocol):
    """What the server can fetch by itself, so that no byte of it passes through us."""

    @property
    def table(self) -> str:
        """SQL of a table of its lines. It may hold a key of the store: it goes into a request's body, never into a URL or an error."""
        ...

    @property
    def options(self) -> Mapping[str, str | int]:
        """ClickHouse settings for reading it."""
        ...

    def require_unchanged(self) -> None:
        """Make sure, after it was read, that it is still what the batch stands for.

        Raises:
            InputError: it is not.
        """
        ...


class NotServedError(WarehouseError):
    """The server cannot fetch the content; it may be streamed instead. Nothing of it was loaded."""


def content_of(path: Path, expected_hash: str) -> Content:
    """The content of an event file whose bytes hash to `expected_hash`.

    Raises:
        InputError: the file has another suffix, cannot be read, is cut off where that shows, or has columns of no event.
    """
    suffix = suffix_of(path)
    if suffix == ".parquet":
        return Parquet.open(path, expected_hash)
    return Lines.open(path, expected_hash, encoding=_ENCODINGS[suffix])
