"""Parts of a fixed number of lines, and an error on the disk that is not lost in the compressing thread."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ingestion.synthetic.writer import PartWriter


def test_files_are_cut_after_the_same_number_of_lines_however_they_come(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(10)]
    with PartWriter(tmp_path, lines_per_file=4) as writer:
        writer.write(lines[:1])
        writer.write([])
        writer.write(lines[1:])
    assert [path.name for path in writer.files] == ["part-00000.jsonl.gz", "part-00001.jsonl.gz", "part-00002.jsonl.gz"]
    assert [gzip.decompress(path.read_bytes()).decode().split("\n")[:-1] for path in writer.files] == [lines[:4], lines[4:8], lines[8:]]
    assert writer.lines == 10


def test_a_disk_that_fills_up_fails_the_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(self: gzip.GzipFile, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gzip.GzipFile, "write", full)
    with pytest.raises(OSError, match="No space left"), PartWriter(tmp_path, lines_per_file=1) as writer:
        writer.write(["one", "two"])
