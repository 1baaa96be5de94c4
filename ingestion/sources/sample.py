"""The first lines of a content, to learn from how they are written. They say nothing about what a content holds."""

from __future__ import annotations

import contextlib
import zlib

import zstandard

from ingestion.sources.content import Content
from ingestion.sources.errors import SourceError
from warehouse.errors import InputError

_BYTES = 1 << 18  # unpacked


def first_lines(content: Content) -> list[bytes]:
    """Whole lines from the start of a content; none where it cannot be read, which its load will tell."""
    if content.format != "LineAsString":
        return []
    found = b""
    with contextlib.suppress(InputError, SourceError, zlib.error, zstandard.ZstdError):
        for chunk in content.chunks():
            found += chunk
            if len(found) >= _BYTES:
                break
        return _unpacked(found, content.encoding)[:_BYTES].split(b"\n")[:-1]
    return []


def _unpacked(packed: bytes, encoding: str | None) -> bytes:
    """The start of what is packed; `packed` may end anywhere."""
    if encoding == "gzip":
        return zlib.decompressobj(wbits=31).decompress(packed, _BYTES)
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().stream_reader(packed).read(_BYTES)
    return packed
