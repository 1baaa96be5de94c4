"""Makes requests durable: appended to a spool file and synced to disk, many at once (group commit).

One thread writes. While the disk works on one frame, the requests that arrive form the next: the more there are at once,
the fewer times each waits for the disk. sources/frames.py says what the file looks like and who may seal it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ingestion.sources import frames

# A file becomes one batch of the loader. Larger ones take longer to repeat after a crash, smaller ones cost more commits.
FILE_BYTES = 256 << 20
# Of one frame: more would keep its requests waiting without making the disk's work cheaper.
FRAME_BYTES = 32 << 20
FRAME_REQUESTS = 500  # below IOV_MAX, so that one frame is one call
# How long a measured size of the spool is believed; what this process writes is added at once.
_MEASURE_SECONDS = 0.5


class SpoolFullError(Exception):
    """The spool holds as much as it may; the loader has to catch up."""


class SpoolFailedError(Exception):
    """The disk refused; nothing of the request counts as accepted."""


@dataclass
class _File:
    """The file that is appended to."""

    path: Path
    descriptor: int
    size: int = 0


@dataclass
class _Waiting:
    payload: bytes
    done: Future[str] = field(default_factory=Future)


class Spool:
    """The spool of a home, for one door. Close it at the end."""

    def __init__(self, folder: Path, *, limit_bytes: int, file_bytes: int = FILE_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._file_bytes = file_bytes
        self._measured = (0.0, 0)
        self._file: _File | None = None
        self._waiting: deque[_Waiting] = deque()
        self._arrived = threading.Condition()
        self._is_closed = False
        self._writer = threading.Thread(target=self._write_all, name="spool", daemon=True)
        self._writer.start()

    async def append(self, payload: bytes) -> str:
        """Make whole lines durable and return the id of the batch they will be loaded in.

        Raises:
            SpoolFullError: try again when the loader has caught up.
            SpoolFailedError: the disk refused.
        """
        if self.used_bytes() + len(payload) > self._limit_bytes:
            raise SpoolFullError
        entry = _Waiting(payload)
        with self._arrived:
            if self._is_closed:
                raise SpoolFailedError("the door is closing")
            self._waiting.append(entry)
            self._arrived.notify()
        return await asyncio.wrap_future(entry.done)

    def used_bytes(self) -> int:
        """Bytes of all spool files, whoever wrote them."""
        measured_at, used = self._measured
        if time.monotonic() - measured_at > _MEASURE_SECONDS:
            used = _size_of(self._folder)
            self._measured = (time.monotonic(), used)
        return used

    def close(self) -> None:
        """Write what waits, and end."""
        with self._arrived:
            self._is_closed = True
            self._arrived.notify()
        self._writer.join()

    def _write_all(self) -> None:
        while True:
            group = self._next_group()
            if not group:
                self._leave()
                return
            try:
                batch_id = self._commit([entry.payload for entry in group])
            except Exception as error:  # noqa: BLE001 - whatever it is, callers wait for their answer and later ones for this thread
                self._leave()
                reason = error.strerror if isinstance(error, OSError) else None
                for entry in group:
                    entry.done.set_exception(SpoolFailedError(reason or type(error).__name__))
            else:
                for entry in group:
                    entry.done.set_result(batch_id)

    def _next_group(self) -> list[_Waiting]:
        """What arrived since the last frame; waits for something. Empty when the spool is closed and all is written."""
        group: list[_Waiting] = []
        size = 0
        with self._arrived:
            while True:
                while self._waiting and len(group) < FRAME_REQUESTS and size < FRAME_BYTES:
                    entry = self._waiting.popleft()
                    if entry.done.set_running_or_notify_cancel():  # not where the caller is gone
                        group.append(entry)
                        size += len(entry.payload)
                if group or self._is_closed:
                    return group
                self._arrived.wait()

    def _commit(self, payloads: list[bytes]) -> str:
        pieces = frames.frame(payloads)
        while True:
            file = self._file = self._file or _create(self._folder)
            with frames.locked(file.descriptor):
                is_ours = file.path.exists()  # until the loader seals it
                if is_ours:
                    written = _write(file.descriptor, pieces)
                    os.fdatasync(file.descriptor)
            if not is_ours:
                self._leave()
                continue
            file.size += written
            self._measured = (self._measured[0], self._measured[1] + written)
            if file.size >= self._file_bytes:
                frames.seal(file.path)
                self._leave()
            return frames.batch_id_of(file.path)

    def _leave(self) -> None:
        """Write to this file no more; the loader seals it, and cuts off what a failed write has left."""
        if self._file is not None:
            os.close(self._file.descriptor)
            self._file = None


def _create(folder: Path) -> _File:
    """A new file whose name is durable before anything is promised in it. Names sort by time."""
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(6)}{frames.OPEN}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    try:
        os.fsync(descriptor)
        frames.sync_folder(folder)
    except OSError:
        os.close(descriptor)
        raise
    return _File(path=path, descriptor=descriptor)


def _write(descriptor: int, pieces: list[bytes]) -> int:
    """Write all pieces; the kernel may take less than it is given, on a full disk for one."""
    total = sum(map(len, pieces))
    written = os.writev(descriptor, pieces)
    if written < total:
        rest = memoryview(b"".join(pieces))
        while written < total:
            written += os.write(descriptor, rest[written:])
    return total


def _size_of(folder: Path) -> int:
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                total += entry.stat().st_size
            except FileNotFoundError:
                continue  # loaded and removed meanwhile
    return total
