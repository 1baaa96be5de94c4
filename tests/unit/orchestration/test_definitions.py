"""The graph: what is in it, and in which order."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetKey, DefaultScheduleStatus, Definitions
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from orchestration.assets.invoices import ANNOUNCED, LOOKED_AT, WRITTEN
from orchestration.definitions import build_definitions
from orchestration.jobs import JOBS
from orchestration.schedules import schedules
from tests.conftest import make_settings
from warehouse.settings import LAYERS

IMPORT = """
import socket
def refuse(*_): raise AssertionError("a connection was opened")
socket.socket.connect = refuse
import orchestration.definitions
import sys
loaded = {"fpdf", "pandas", "great_expectations"} & set(sys.modules)
assert not loaded, f"every tick would wait for {loaded}"
"""


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Definitions]:
    """Loaded while nothing can be connected to."""
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    home = tmp_path_factory.mktemp("home")
    yield build_definitions(make_settings(home=home))
    patch.undo()


@pytest.fixture(scope="module")
def graph(definitions: Definitions) -> AssetGraph:
    found = definitions.resolve_asset_graph()
    assert isinstance(found, AssetGraph)
    return found


def upstream(graph: AssetGraph, key: AssetKey) -> set[AssetKey]:
    return {AssetKey(found.path) for found in graph.get_ancestor_asset_keys(key)}


def test_importing_the_definitions_connects_to_nothing_and_writes_nothing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", IMPORT], cwd=tmp_path, check=True, env={"METERHOUSE_HOME": str(tmp_path / "home")})
    assert not (tmp_path / "home").exists()


def test_every_step_from_raw_to_paid_is_upstream_of_what_follows_it(graph: AssetGraph) -> None:
    story = [
        ["raw", "usage_events"],
        ["ops", "ticks"],
        ["metering", "int_metered_hourly"],
        ["rating", "int_charged_daily"],
        ["invoicing", "invoices"],
        ["ops", "computed_ticks"],
        ["ops", "committed_ticks"],
        ["control", "invoices_issued"],
        ["control", "invoices_pushed"],
    ]
    keys = [AssetKey(path) for path in story]
    for place, key in enumerate(keys[1:], start=1):
        assert set(keys[:place]) <= upstream(graph, key), key


def test_a_tick_reads_the_catalog_and_what_the_control_store_decided(graph: AssetGraph) -> None:
    before = upstream(graph, AssetKey(["invoicing", "invoices"]))
    assert AssetKey(["raw", "catalog_prices"]) in before
    assert AssetKey(["raw", "control_invoices"]) in before


def test_the_group_of_an_asset_is_its_layer(graph: AssetGraph) -> None:
    for key in graph.materializable_asset_keys:
        assert graph.get(key).group_name == key.path[0]
        assert key.path[0] in {*LAYERS, "control"}


def test_money_identities_accounting_and_grain_block_the_tick_and_unrated_usage_does_not(graph: AssetGraph) -> None:
    blocking = {key.name: graph.get_check_spec(key).blocking for key in graph.asset_check_keys}
    for name in ("event_accounting_adds_up", "consumption_is_plausible", "consumption_is_rated_or_unrated", "lines_add_up_the_days"):
        assert blocking[name], name
    assert blocking["usage_is_rated"] is False


def test_a_test_of_several_models_is_a_check_of_the_one_furthest_down(graph: AssetGraph) -> None:
    owners = {key.name: key.asset_key for key in graph.asset_check_keys}
    assert owners["lines_add_up_the_days"].path[0] == "invoicing"


def test_a_tick_issues_nothing_and_charges_nobody(definitions: Definitions) -> None:
    for job in ("tick", "audit"):
        selected = definitions.resolve_job_def(job).asset_layer.executable_asset_keys
        assert AssetKey(["ops", "committed_ticks"]) in selected
        assert not {key for key in selected if key.path[0] == "control"}, job


def test_closing_a_month_runs_a_whole_tick_first(definitions: Definitions) -> None:
    selected = definitions.resolve_job_def("month_close").asset_layer.executable_asset_keys
    assert set(definitions.resolve_job_def("tick").asset_layer.executable_asset_keys) <= set(selected)
    assert AssetKey(["control", "invoices_issued"]) in selected


def test_the_tick_is_scheduled_every_five_minutes(definitions: Definitions) -> None:
    schedule = definitions.resolve_schedule_def("tick_every_five_minutes")
    assert schedule.cron_schedule == "*/5 * * * *"
    assert schedule.default_status is DefaultScheduleStatus.RUNNING


def test_jobs_that_run_by_themselves_are_off_until_somebody_switches_them_on() -> None:
    own = {f"{job.name}_schedule" for job in JOBS}
    for is_on, status in ((False, DefaultScheduleStatus.STOPPED), (True, DefaultScheduleStatus.RUNNING)):
        assert {found.default_status for found in schedules(is_on=is_on) if found.name in own} == {status}


def test_each_job_that_runs_by_itself_makes_one_asset_and_no_tick(definitions: Definitions) -> None:
    for job in JOBS:
        selected = definitions.resolve_job_def(job.name).asset_layer.executable_asset_keys
        assert selected == {AssetKey(["control", job.asset])}, job.name


def test_the_end_of_a_month_is_one_run_that_looks_issues_writes_files_pushes_and_announces(
    definitions: Definitions, graph: AssetGraph
) -> None:
    selected = set(definitions.resolve_job_def("month_end").asset_layer.executable_asset_keys)
    assert set(definitions.resolve_job_def("month_close").asset_layer.executable_asset_keys) <= selected
    issued, pushed = AssetKey(["control", "invoices_issued"]), AssetKey(["control", "invoices_pushed"])
    assert {LOOKED_AT, issued, WRITTEN, pushed, ANNOUNCED} <= selected
    assert {AssetKey(["ops", "committed_ticks"]), LOOKED_AT} <= upstream(graph, issued)
    assert issued in upstream(graph, WRITTEN)
    assert WRITTEN in upstream(graph, pushed)
    assert pushed in upstream(graph, ANNOUNCED)


def test_all_that_dbt_writes_into_the_checkout_is_the_parsed_project(definitions: Definitions) -> None:
    assert definitions
    root = Path(__file__).parents[3]
    assert [path.name for path in (root / "target").iterdir()] == ["parsed"]
    assert not (root / "dbt_project" / "target").exists()
    assert not (root / "logs").exists()
