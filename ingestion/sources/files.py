"""Event files: which paths are some, in which order they load, and their bytes as a stream that notices a change.

Knows suffixes and compression, nothing of what a line says.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from warehouse.errors import InputError
from warehouse.settings import Settings

# Suffix -> Content-Encoding that the server decompresses by itself.
ENCODINGS: dict[str, str | None] = {".jsonl": None, ".jsonl.gz": "gzip", ".jsonl.zst": "zstd", ".parquet": None}
CHUNK_BYTES = 1 << 20


def suffix_of(path: Path) -> str | None:
    """The supported suffix that a path ends in, or None."""
    return next((suffix for suffix in sorted(ENCODINGS, key=len, reverse=True) if path.name.endswith(suffix)), None)


def event_files(paths: Sequence[Path]) -> list[Path]:
    """Files and the supported files below folders, each once, in sorted path order. Hidden files of folders are left alone.

    Raises:
        InputError: a path does not exist, or a named file has another suffix.
    """
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found.update(item for item in path.rglob("*") if item.is_file() and suffix_of(item) and not item.name.startswith("."))
        elif not path.exists():
            raise InputError(f"{path}: no such file or folder")
        elif suffix_of(path) is None:
            raise InputError(f"{path}: not an event file; the suffix must be one of {', '.join(ENCODINGS)}")
        else:
            found.add(path)
    return sorted(found)


def landing(settings: Settings) -> list[Path]:
    """The event files of METERHOUSE_LANDING, in sorted path order; none where it is not set.

    Raises:
        InputError: the folder does not exist.
    """
    if not settings.landing:
        return []
    folder = Path(settings.landing)
    if not folder.is_dir():
        raise InputError(f"METERHOUSE_LANDING names {folder}, which is no folder")
    return event_files([folder])


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes: the identity of the batch.

    Raises:
        InputError: the file cannot be read.
    """
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


@dataclass
class Stream:
    """The bytes of a file, once, in chunks; afterwards `is_unchanged` says whether they were those of `expected_hash`."""

    path: Path
    expected_hash: str
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in _chunks(self.path):
            self._digest.update(chunk)
            yield chunk

    @property
    def is_unchanged(self) -> bool:
        """Whether the bytes that were read have the expected hash."""
        return self._digest.hexdigest() == self.expected_hash


def check_whole(path: Path) -> None:
    """Decompress a file to its end and keep nothing.

    Raises:
        InputError: a compressed file is damaged or cut off.
    """
    suffix = suffix_of(path)
    try:
        if suffix == ".jsonl.gz":
            with gzip.open(path, "rb") as file:
                while file.read(CHUNK_BYTES):
                    pass
        elif suffix == ".jsonl.zst":
            _check_zstandard(path)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise InputError(f"{path}: damaged or cut off ({error}); nothing of it was loaded, send it again whole") from error


def _check_zstandard(path: Path) -> None:
    """Frames one after the other, each to its end: the library's own readers take a cut frame for the end of the file."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    is_inside = False
    for chunk in _chunks(path):
        rest = chunk
        while rest:
            decompressor.decompress(rest)
            is_inside = not decompressor.eof
            rest = decompressor.unused_data if decompressor.eof else b""
            if decompressor.eof:
                decompressor = zstandard.ZstdDecompressor().decompressobj()
    if is_inside:
        raise EOFError("the last frame has no end")


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
