"""Which command starts the warehouse, and who stops it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import Home
from warehouse import embedded


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield Home(tmp_path / "home")
    embedded.stop(tmp_path / "home")


def test_a_command_starts_the_warehouse_and_stops_it_at_its_end(home: Home) -> None:
    assert home.rows("sql", "SELECT 1 AS one") == [{"one": 1}]
    assert embedded.running(home.path) is None


def test_a_command_leaves_a_warehouse_running_that_it_did_not_start(home: Home) -> None:
    (started,) = home.rows("warehouse", "start")
    assert started["state"] == "running"
    home.rows("sql", "SELECT 1")
    (status,) = home.rows("warehouse", "status")
    assert status == started
    home.rows("warehouse", "stop")
    assert home.rows("warehouse", "status")[0]["state"] == "stopped"


def test_of_two_commands_at_once_the_last_one_to_end_stops_the_warehouse(home: Home) -> None:
    home.call("--help")  # what the second command is forked from has begun, so that it takes no time of the first one's
    slow = home.start("sql", "SELECT sleepEachRow(1) FROM numbers(10) SETTINGS max_block_size = 1", "--as", "pipeline")
    while embedded.running(home.path) is None:
        assert slow.poll() is None
        time.sleep(0.05)
    home.rows("sql", "SELECT 1")
    assert slow.poll() is None, "the first command ended before the second, so this shows nothing"
    assert embedded.running(home.path) is not None
    _, errors = slow.communicate(timeout=60)
    assert slow.returncode == 0, errors
    assert embedded.running(home.path) is None


def test_the_warehouse_of_a_killed_command_is_stopped_by_the_next_one(home: Home) -> None:
    slow = home.start("sql", "SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1", "--as", "pipeline")
    while embedded.running(home.path) is None:
        time.sleep(0.05)
    os.kill(slow.pid, signal.SIGKILL)
    slow.communicate()
    home.rows("sql", "SELECT 1")
    assert embedded.running(home.path) is None


def test_a_terminated_command_stops_its_warehouse(home: Home) -> None:
    slow = home.start("sql", "SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_block_size = 1", "--as", "pipeline")
    while embedded.running(home.path) is None:
        time.sleep(0.05)
    slow.terminate()
    slow.communicate(timeout=60)
    assert slow.returncode == 1
    assert embedded.running(home.path) is None


def test_connecting_to_a_warehouse_that_does_not_run_says_how_to_start_it(home: Home) -> None:
    assert "meterhouse warehouse start" in home.refusal("connect")


def test_a_setting_that_is_wrong_is_named_without_its_value(home: Home) -> None:
    wrong = Home(home.path, {"METERHOUSE_CLICKHOUSE_URL": "http://user:secret@host"})
    sentence = wrong.refusal("sql", "SELECT 1")
    assert "METERHOUSE_CLICKHOUSE_URL" in sentence
    assert "secret" not in sentence


def test_two_prefixes_in_one_home_are_two_environments_that_share_the_server_only(home: Home, tmp_path: Path) -> None:
    (started,) = home.rows("warehouse", "start")
    other = Home(home.path, {"METERHOUSE_DATABASE_PREFIX": "staging_"})
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "accounts.csv").write_text("account_id,currency_code\nacc-1,USD\n")
    (catalog / "skus.csv").write_text("sku_id,service,metric,unit,aggregation\n")
    (catalog / "prices.csv").write_text("price_id,sku_id,currency_code,model,unit_price\n")
    home.rows("catalog", "apply", str(catalog))
    assert other.rows("sql", "SELECT count() AS n FROM staging_ops.batches") == [{"n": 0}]
    assert home.rows("sql", "SELECT count() AS n FROM ops.batches") == [{"n": 0}]
    assert home.rows("warehouse", "status")[0]["url"] == started["url"]
    # The control store is the accounts' master: one that was shared would find nothing to change.
    (applied,) = other.rows("catalog", "apply", str(catalog))
    assert (applied["changed"], applied["accounts_changed"]) == (True, 1)
