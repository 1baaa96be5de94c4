"""The first lines of contents, packed and not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from ingestion.sources.content import content_of
from ingestion.sources.hashing import content_hash
from ingestion.sources.sample import first_lines

_LINES = [b"%07d" % number for number in range(100_000)]
_TEXT = b"\n".join(_LINES)
_FILES = {"a.jsonl": _TEXT, "a.jsonl.gz": gzip.compress(_TEXT, 1), "a.jsonl.zst": zstandard.compress(_TEXT)}


@pytest.mark.parametrize("name", _FILES)
def test_they_are_whole_lines_and_not_all(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(_FILES[name])

    found = first_lines(content_of(path, content_hash(path)))

    assert 1000 < len(found) < len(_LINES)
    assert found == _LINES[: len(found)]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_damaged_file_gives_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(_FILES[name])
    content = content_of(path, content_hash(path))
    path.write_bytes(b"no longer packed")

    assert first_lines(content) == []


def test_a_file_that_is_gone_gives_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(_TEXT)
    content = content_of(path, content_hash(path))
    path.unlink()

    assert first_lines(content) == []
