"""Dagster's instance configuration."""

from __future__ import annotations

from pathlib import Path

import yaml

from orchestration import dagster_home


def test_dagster_reports_to_nobody_and_keeps_everything_in_the_home(tmp_path: Path) -> None:
    folder = dagster_home.prepare(tmp_path)
    content = yaml.safe_load((folder / "dagster.yaml").read_text())
    assert content["telemetry"] == {"enabled": False}
    assert content["storage"]["sqlite"]["base_dir"].startswith(str(tmp_path))
    assert content["compute_logs"]["config"]["base_dir"].startswith(str(tmp_path))


def test_preparing_again_writes_nothing(tmp_path: Path) -> None:
    path = dagster_home.prepare(tmp_path) / "dagster.yaml"
    before = path.stat().st_mtime_ns
    dagster_home.prepare(tmp_path)
    assert path.stat().st_mtime_ns == before
