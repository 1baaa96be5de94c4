"""Event files: gzip without name or time in the header, cut after a fixed number of lines."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

# Level 6 makes files a sixth smaller and takes twice the time, which is then most of the time of all.
_LEVEL = 3


class PartWriter:
    """Writes part-00000.jsonl.gz, part-00001.jsonl.gz, … into a folder. Use as a context manager."""

    def __init__(self, folder: Path, *, lines_per_file: int) -> None:
        self.files: list[Path] = []
        self.lines = 0
        self._digest = hashlib.sha256()
        self._folder = folder
        self._lines_per_file = lines_per_file
        self._room = 0
        self._file: gzip.GzipFile | None = None
        # Compression takes as long as making the lines and runs outside Python's lock: a thread of its own halves the time.
        self._compressor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compress")
        self._compressing: Future[None] | None = None

    def write(self, lines: Sequence[str]) -> None:
        """Append lines, which come without their end."""
        start = 0
        while start < len(lines):
            file = self._file_with_room()
            part = lines[start : start + self._room]
            data = ("\n".join(part) + "\n").encode()
            self._finish_compressing()  # one block at a time: memory stays that of two blocks
            self._compressing = self._compressor.submit(self._compress, file, data)
            self._room -= len(part)
            self.lines += len(part)
            start += len(part)

    @property
    def content_sha256(self) -> str:
        """SHA-256 of all lines with their ends, before compression."""
        self._finish_compressing()
        return self._digest.hexdigest()

    def _file_with_room(self) -> gzip.GzipFile:
        if self._file is None or not self._room:
            self.close()
            path = self._folder / f"part-{len(self.files):05d}.jsonl.gz"
            self._file = _Part(path)
            self.files.append(path)
            self._room = self._lines_per_file
        return self._file

    def _compress(self, file: gzip.GzipFile, data: bytes) -> None:
        file.write(data)
        self._digest.update(data)

    def _finish_compressing(self) -> None:
        """Wait for the block under way; raises what went wrong with it, such as a full disk."""
        if self._compressing is not None:
            pending, self._compressing = self._compressing, None
            pending.result()

    def close(self) -> None:
        """End the file that is open."""
        self._finish_compressing()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.close()
        finally:
            self._compressor.shutdown()


class _Part(gzip.GzipFile):
    """A gzip file that owns the file below it. Its header has no name: with the path's, two folders would differ."""

    def __init__(self, path: Path) -> None:
        self._below = path.open("wb")
        super().__init__(filename="", mode="wb", compresslevel=_LEVEL, fileobj=self._below, mtime=0)

    def close(self) -> None:
        super().close()
        self._below.close()
