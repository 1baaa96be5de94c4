"""The ten-minute slice has the shape that its figures are quoted for."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks import slice as slices
from benchmarks.slice import Slice, provide_slice, write_slice
from ingestion.catalog import read_catalog
from ingestion.synthetic import Generated
from ingestion.synthetic.folder import prepare

SHAPE = Slice.scaled(20_000)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return write_slice(SHAPE, tmp_path_factory.mktemp("slice"))


def events_of(written: Generated) -> list[dict[str, Any]]:
    return [json.loads(line) for path in written.files for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_the_full_slice_is_ten_minutes_of_two_billion_events_a_day() -> None:
    full = Slice()
    assert abs(full.events - 2_000_000_000 // 144) < 20_000
    assert (full.accounts, full.resources) == (20_000, 200_000)
    assert Slice.scaled(full.events) == full


def test_all_events_lie_in_the_ten_minutes(written: Generated) -> None:
    times = [event["time"] for event in events_of(written)]
    assert min(times) == "2026-01-31T12:00:00.000Z"
    assert "2026-01-31T12:09:59" < max(times) < "2026-01-31T12:10"


def test_one_of_twenty_is_a_lifecycle_event_and_one_of_a_thousand_a_copy(written: Generated) -> None:
    events = events_of(written)
    assert len(events) == SHAPE.events
    distinct = {(event["source"], event["id"]): event["type"] for event in events}
    assert len(distinct) == written.accepted == SHAPE.events - 20
    assert sum(kind != "usage.recorded" for kind in distinct.values()) == written.accepted // 20


def test_each_resource_reports_seven_metrics_about_once_a_minute(written: Generated) -> None:
    reports = Counter((event["subject"], event["data"]["metric"]) for event in events_of(written) if event["type"] == "usage.recorded")
    assert len(reports) == SHAPE.resources * 7
    assert set(reports.values()) <= {9, 10, 11}


def test_the_catalog_is_valid_and_has_forty_skus(written: Generated) -> None:
    catalog = read_catalog(written.catalog)
    assert len(catalog.skus) == 40
    assert {price.model for price in catalog.prices} == {"per_unit", "graduated", "volume", "package"}
    assert len(catalog.accounts) == SHAPE.accounts
    told = {(event["data"].get("metric"), event["data"]["region"]) for event in events_of(written)}
    assert {pair for pair in told if pair[0]} <= {(sku.metric, sku.region) for sku in catalog.skus}


def test_the_lines_do_not_depend_on_the_size_of_a_block(written: Generated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "_BLOCK", 333)
    assert write_slice(SHAPE, tmp_path).content_sha256 == written.content_sha256


def test_slices_of_two_instants_share_resources_but_no_event(written: Generated, tmp_path: Path) -> None:
    later = write_slice(Slice.scaled(20_000, start=datetime(2026, 1, 31, 12, 10, tzinfo=UTC)), tmp_path)
    first, second = events_of(written), events_of(later)
    assert {event["subject"] for event in first} == {event["subject"] for event in second}
    assert not {event["id"] for event in first} & {event["id"] for event in second}


def test_a_slice_that_is_there_is_not_written_again(written: Generated) -> None:
    before = [path.stat().st_mtime_ns for path in written.files]
    assert provide_slice(SHAPE, written.out) == written
    assert [path.stat().st_mtime_ns for path in written.files] == before


def test_a_slice_of_another_shape_or_half_written_is_replaced(tmp_path: Path) -> None:
    small = provide_slice(Slice.scaled(1_000), tmp_path)
    assert provide_slice(Slice.scaled(2_000), tmp_path).lines == 2_000
    prepare(tmp_path, {"slice": asdict(Slice.scaled(1_000))})
    assert provide_slice(Slice.scaled(1_000), tmp_path).content_sha256 == small.content_sha256
