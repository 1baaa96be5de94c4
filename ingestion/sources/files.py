"""Which paths are event files and in which order they load, the landing folder included.

Knows names, not content: what a file's bytes are is content.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from warehouse.errors import InputError
from warehouse.settings import Settings

OBJECT_PREFIX = "s3://"
SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")


def suffix_of(path: Path) -> str:
    """The supported suffix that a file's name ends in.

    Raises:
        InputError: it has none of them.
    """
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return suffix
    raise InputError(f"{path}: not an event file; its name must end in {', '.join(SUFFIXES)}")


def event_files(paths: Sequence[Path]) -> list[Path]:
    """Files, and the event files below folders, each once, in sorted path order. Hidden files of folders are left alone.

    Raises:
        InputError: a path does not exist, or a named file has another suffix.
    """
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            named = (item for item in path.rglob("*") if item.name.endswith(SUFFIXES) and not item.name.startswith("."))
            found.update(item for item in named if item.is_file())
        elif not path.exists():
            raise InputError(f"{path}: no such file or folder")
        else:
            suffix_of(path)
            found.add(path)
    return sorted(found)


def landing(settings: Settings) -> list[Path]:
    """The event files of METERHOUSE_LANDING in sorted path order, loaded or not; none where it names no folder of this machine.

    Raises:
        InputError: the folder does not exist.
    """
    if not settings.landing or settings.landing.startswith(OBJECT_PREFIX):
        return []
    folder = Path(settings.landing)
    if not folder.is_dir():
        raise InputError(f"METERHOUSE_LANDING names {folder}, which is no folder; create it or correct the setting")
    return event_files([folder])


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where it is gone by now, which its load will tell."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
