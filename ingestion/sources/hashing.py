"""The bytes of a file and their hash, which is the identity of a batch.

A file is hashed before it is sent and again as it is sent: one that is replaced, cut or appended to in between is noticed,
and what was sent of it never counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from warehouse.errors import InputError

CHUNK_BYTES = 1 << 20


def chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        InputError: the file cannot be read.
    """
    digest = hashlib.sha256()
    for chunk in chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def verified_chunks(path: Path, expected_hash: str) -> Iterator[bytes]:
    """A file's bytes, and an error instead of the end if they are not those that were hashed.

    Raises:
        InputError: the file cannot be read, or has changed.
    """
    digest = hashlib.sha256()
    for chunk in chunks(path):
        digest.update(chunk)
        yield chunk
    require_same(path, digest.hexdigest(), expected_hash)


def require_same(path: Path, found_hash: str, expected_hash: str) -> None:
    """Raise InputError if a file's bytes are not those that were hashed before."""
    if found_hash != expected_hash:
        raise InputError(f"{path}: changed while it was read; nothing of it was loaded, load it again when it is complete")
