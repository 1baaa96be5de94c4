"""A spool file: what the HTTP door writes and the loader reads.

It is a row of frames, each the requests that were made durable together: a header (mark, length, CRC-32) and that many
bytes of lines. A crash leaves at most a torn frame at the end, which was never answered, and which the CRC tells apart.

    <id>.open    a door may append to it, holding its lock (flock) for the time of one frame
    <id>.sealed  complete; renamed under the lock, so a door that comes for the lock afterwards finds its file gone
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from warehouse.errors import InputError

OPEN, SEALED = ".open", ".sealed"
_HEADER = struct.Struct("<4sQI")
_MARK = b"MHS1"
_PIECE_BYTES = 1 << 20


def folder(home: Path) -> Path:
    """Where the spool of a home lies."""
    return home / "spool"


def batch_id_of(path: Path) -> str:
    """The id under which the ledger knows a spool file, open or sealed."""
    return f"http-{path.name.partition('.')[0]}"


def frame(payloads: Sequence[bytes]) -> list[bytes]:
    """One frame of several payloads, in pieces to be written one after the other."""
    checksum = 0
    for payload in payloads:
        checksum = zlib.crc32(payload, checksum)
    return [_HEADER.pack(_MARK, sum(map(len, payloads)), checksum), *payloads]


@contextmanager
def locked(file: BinaryIO | int) -> Iterator[None]:
    """Alone with an open spool file; the kernel drops the lock of a process that dies."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def payload_of(path: Path) -> Iterator[bytes]:
    """All lines of a sealed file.

    Raises:
        InputError: the file cannot be read or a frame is damaged; nothing may be used of what came before.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            position = 0
            while position < end:
                header = _header_at(file, position, end)
                if header is None:
                    raise _damaged(path, position)
                length, checksum = header
                position += _HEADER.size
                found = 0
                for start in range(0, length, _PIECE_BYTES):
                    piece = file.read(min(_PIECE_BYTES, length - start))
                    found = zlib.crc32(piece, found)
                    yield piece
                position += length
                if found != checksum:
                    raise _damaged(path, position)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def seal(path: Path) -> Path | None:
    """Close an open file for good, whether its door lives or not; a torn frame at its end is cut off.

    Returns:
        The sealed file; None where there is nothing in it, or another process has sealed it.
    """
    try:
        with path.open("rb+") as file, locked(file):
            if not path.exists():
                return None
            whole = _whole_bytes(file)
            file.truncate(whole)
            os.fsync(file.fileno())
            target = path.with_suffix(SEALED)
            if whole:
                path.rename(target)
            else:
                path.unlink()
            sync_folder(path.parent)
            return target if whole else None
    except FileNotFoundError:
        return None


def sync_folder(path: Path) -> None:
    """Make new, renamed and removed names of a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _whole_bytes(file: BinaryIO) -> int:
    """How many bytes from the start are whole frames. Only the last frame can be torn, so only its CRC is computed."""
    end = file.seek(0, 2)
    position, last = 0, 0
    while position < end and (header := _header_at(file, position, end)) is not None:
        last = position
        position += _HEADER.size + header[0]
    if position and not _is_intact(file, last, position):
        return last
    return position


def _header_at(file: BinaryIO, position: int, end: int) -> tuple[int, int] | None:
    """Length and checksum of the frame that begins here; None where no whole frame does. Leaves the file behind the header."""
    file.seek(position)
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    mark, length, checksum = _HEADER.unpack(header)
    if mark != _MARK or position + _HEADER.size + length > end:
        return None
    return length, checksum


def _is_intact(file: BinaryIO, start: int, end: int) -> bool:
    header = _header_at(file, start, end)
    if header is None:
        return False
    found, left = 0, header[0]
    while left and (piece := file.read(min(left, _PIECE_BYTES))):
        found = zlib.crc32(piece, found)
        left -= len(piece)
    return found == header[1]


def _damaged(path: Path, position: int) -> InputError:
    return InputError(f"{path}: damaged at byte {position}; nothing of it was loaded, the disk may be failing")
