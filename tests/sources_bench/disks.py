"""A disk that is full, and then is not: for processes whose files all lie on it."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A limit of files holds for each alone; what is written at once goes to so many at least.
_FILES = 64


@dataclass(frozen=True, kw_only=True)
class SmallDisk:
    """A folder on a file system of a few megabytes; where nothing may be mounted, files that may not grow stand for it."""

    folder: Path
    is_mounted: bool

    @contextlib.contextmanager
    def full(self, pid: int, *, left_bytes: int = 0) -> Iterator[None]:
        """Inside the block the process with that pid finds no space beyond `left_bytes`."""
        if not self.is_mounted:
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (left_bytes // _FILES, resource.RLIM_INFINITY))
            yield
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
            return
        filler = self.folder / "filler"
        with filler.open("wb") as file:
            filled = 0
            # The process may write meanwhile, so that a step finds less space than there was when it was measured.
            while (wanted := self._available() - left_bytes) > 0:
                step = max(wanted // 2, min(wanted, 1 << 16))
                with contextlib.suppress(OSError):
                    os.posix_fallocate(file.fileno(), filled, step)
                    filled += step
        yield
        filler.unlink()

    def _available(self) -> int:
        space = os.statvfs(self.folder)
        return space.f_bavail * space.f_frsize


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """A new small disk in a new folder. Whatever runs on it must have ended when the block ends."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "meterhouse-test", str(folder)]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield SmallDisk(folder=folder, is_mounted=is_mounted)
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)
