"""The benchmarks of sources measure what they say, small."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import http_rate, kafka_rate, source_lines
from benchmarks.http_rate import bench_http
from benchmarks.kafka_rate import bench_kafka
from tests.conftest import make_settings


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_lines, "_BODIES", 3)
    monkeypatch.setattr(http_rate, "_FILE_BODIES", 2)


def test_http_events_are_all_in_raw_and_timed(tmp_path: Path) -> None:
    figures = bench_http(make_settings(home=tmp_path), seconds=0.2, producers=2)
    assert figures.events >= 1_000
    assert figures.events % 1_000 == 0
    assert 0 < figures.sent_seconds < figures.loaded_seconds
    assert 0 < figures.median_milliseconds <= figures.p99_milliseconds
    assert figures.accepted_per_second > figures.events_per_second > 0
    assert figures.ratio_to_file > 0
    assert min(figures.peak_bytes, figures.file_peak_bytes) > 0
    assert all(figure.ratio is None or figure.ratio > 0 for figure in http_rate.figures(figures))


def test_kafka_messages_are_all_in_raw_and_timed(tmp_path: Path) -> None:
    figures = bench_kafka(make_settings(home=tmp_path), events=5_000)
    assert (figures.events, figures.batches) == (5_000, 1)
    assert figures.events_per_second > 0
    assert figures.ratio_to_file > 0
    assert min(figures.peak_bytes, figures.file_peak_bytes) > 0
    assert kafka_rate.figures(figures)[0].beside_name == "files to raw"
