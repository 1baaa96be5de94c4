"""The pipeline for tests in this process. Dagster and dbt warn of each other's internals while they are imported; ours are errors."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from orchestration.pipeline import RebuildRange, close_month, run_tick

__all__ = ["RebuildRange", "close_month", "run_tick"]
