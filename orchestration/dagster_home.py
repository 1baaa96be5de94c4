"""Dagster's own folder in the home: its instance configuration and its storage. What runs is said in definitions.py."""

from __future__ import annotations

from pathlib import Path

INSTANCE = """\
# Written by Meterhouse at each start; changes here are lost.
telemetry:
  enabled: false

storage:
  sqlite:
    base_dir: {folder}/storage

local_artifact_storage:
  module: dagster._core.storage.root
  class: LocalArtifactStorage
  config:
    base_dir: {folder}/storage

compute_logs:
  module: dagster._core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config:
    base_dir: {folder}/compute_logs

# Two ticks at once would only wait for each other's lease.
concurrency:
  runs:
    max_concurrent_runs: 1

# A tick every 5 minutes makes 100 000 records a year that nobody reads.
retention:
  schedule:
    purge_after_days:
      skipped: 7
      success: 30
      failure: 90
"""


def folder(home: Path) -> Path:
    """DAGSTER_HOME of a home."""
    return home / "dagster"


def prepare(home: Path) -> Path:
    """Write the instance configuration where it is missing or of another version, and return DAGSTER_HOME."""
    target = folder(home)
    target.mkdir(parents=True, exist_ok=True)
    text = INSTANCE.format(folder=target)
    path = target / "dagster.yaml"
    if not path.exists() or path.read_text() != text:
        fresh = target / "dagster.yaml.new"
        fresh.write_text(text)
        fresh.replace(path)
    return target
