"""How an object goes to the server: fetched by it or streamed where it is lines, through a file where its end has to be looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.sources.content import Content, content_of
from ingestion.sources.files import suffix_of
from ingestion.sources.hashing import content_hash
from ingestion.sources.objects.store import Listed, ObjectStore
from warehouse.errors import InputError

_STREAMED: dict[str, str | None] = {".jsonl": None, ".jsonl.gz": "gzip"}


@dataclass(frozen=True, kw_only=True)
class StreamedObject:
    """An object of lines whose bytes are sent as they come; `encoding` is gzip or None."""

    store: ObjectStore
    item: Listed
    encoding: str | None
    format: str = "LineAsString"
    structure: str = "line String"
    line: str = "line"

    def chunks(self) -> Iterator[bytes]:
        """The object's bytes.

        Raises:
            InputError: it has been replaced since it was listed.
            SourceError: the store does not answer, or broke off.
        """
        return self.store.chunks(self.item)


@dataclass(frozen=True, kw_only=True)
class ServedObject(StreamedObject):
    """The same, fetched by the server itself. `table` holds a key: it is not shown."""

    table: str = field(repr=False)

    @property
    def options(self) -> Mapping[str, str | int]:
        """A store that the server does not reach is given up after seconds, not minutes."""
        return {"s3_retry_attempts": 2, "s3_connect_timeout_ms": 3_000, "s3_request_timeout_ms": 60_000}

    def require_unchanged(self) -> None:
        """Make sure that the object is as it was listed."""
        self.store.require_unchanged(self.item)


def batch_id_of(item: Listed) -> str:
    """The id of an object's batch: the same while its name and its ETag are, whenever it was written."""
    text = "\n".join((item.bucket, item.key, item.etag, str(item.size)))
    return f"s3-{hashlib.sha256(text.encode()).hexdigest()}"


@contextmanager
def content_of_object(store: ObjectStore, item: Listed, *, folder: Path, is_served: bool) -> Iterator[Content]:
    """The content of an object, for the time of the block; `folder` takes a copy where one is needed.

    Lines are fetched by the server where it can (`is_served` and a plain name), else streamed.

    zstd and Parquet are copied: a zstd frame that is cut off shows only at its end, and Parquet is read from there.

    Raises:
        InputError: it is cut off where that shows, damaged, or has been replaced since it was listed.
        SourceError: the store does not answer, or broke off.
    """
    suffix = suffix_of(Path(item.key))
    if suffix in _STREAMED:
        encoding = _STREAMED[suffix]
        if encoding and not item.size:
            raise InputError(f"{item.location}: cut off or not {encoding}; nothing of it was loaded, send it again whole")
        table = store.table(item, packing=encoding or "none") if is_served else None
        if table is None:
            yield StreamedObject(store=store, item=item, encoding=encoding)
        else:
            yield ServedObject(store=store, item=item, encoding=encoding, table=table)
        return
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{batch_id_of(item)}{suffix}"
    try:
        with copy.open("wb") as file:
            for chunk in store.chunks(item):
                file.write(chunk)
        yield content_of(copy, content_hash(copy))
    except InputError as error:
        raise InputError(str(error).replace(str(copy), item.location)) from error
    finally:
        copy.unlink(missing_ok=True)
