"""A file of lines: plain, gzip or zstd. Its bytes go to the server as they are, which unpacks them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingestion.sources.hashing import verified_chunks
from warehouse.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Lines:
    """A file of lines whose bytes hash to `expected_hash`; `encoding` is gzip, zstd or None."""

    path: Path
    expected_hash: str
    encoding: str | None
    format: str = "LineAsString"
    structure: str = "line String"
    line: str = "line"

    @classmethod
    def open(cls, path: Path, expected_hash: str, *, encoding: str | None) -> Lines:
        """Look at a file's end.

        Raises:
            InputError: it cannot be read, or shows without unpacking that it was cut off.
        """
        _check_ends(path, encoding)
        return cls(path=path, expected_hash=expected_hash, encoding=encoding)

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes.

        Raises:
            InputError: it cannot be read, or has changed.
        """
        return verified_chunks(self.path, self.expected_hash)


def _check_ends(path: Path, encoding: str | None) -> None:
    """Refuse a compressed file without an end where the server would take what is there for all of it."""
    if encoding is None:
        return
    try:
        with path.open("rb") as file:
            is_whole = file.seek(0, 2) > 0
            if encoding == "zstd":
                is_whole = is_whole and _is_whole_zstd(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if not is_whole:
        raise InputError(f"{path}: cut off or not {encoding}; nothing of it was loaded, send it again whole")


def _is_whole_zstd(file: BinaryIO) -> bool:
    """Whether a file is zstd frames, the last one with its end. Walks block headers and unpacks nothing (RFC 8878, 3.1).

    The server's decoder takes a frame that stops in the middle for the end of the input, and says nothing.
    """
    end = file.seek(0, 2)
    position = 0
    while position < end:
        file.seek(position)
        header = file.read(18)
        magic = int.from_bytes(header[:4], "little")
        if 0x184D2A50 <= magic <= 0x184D2A5F:  # a skippable frame: its length follows
            position += 8 + int.from_bytes(header[4:8], "little")
            continue
        if magic != 0xFD2FB528 or len(header) < 6:
            return False
        descriptor = header[4]
        is_single_segment = descriptor >> 5 & 1
        size_bytes = (is_single_segment, 2, 4, 8)[descriptor >> 6]
        position += 5 + (1 - is_single_segment) + (0, 1, 2, 4)[descriptor & 3] + size_bytes
        is_last = False
        while not is_last:
            file.seek(position)
            block = file.read(3)
            if len(block) < 3:
                return False
            fields = int.from_bytes(block, "little")
            is_last = bool(fields & 1)
            position += 3 + (1 if fields >> 1 & 3 == 1 else fields >> 3)  # type 1 is one byte, repeated
        position += 4 * (descriptor >> 2 & 1)  # a checksum
    return position == end
