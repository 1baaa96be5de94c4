"""Imports Dagster and dbt with their own warnings switched off: they warn of each other's internals, and ours are errors here."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import orchestration.definitions  # noqa: F401 - the import is the purpose
