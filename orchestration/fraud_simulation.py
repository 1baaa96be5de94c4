"""Gives the antifraud's simulation a deployment of its own: a fresh home, a warehouse, the tables that rules read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml
from clickhouse_connect.driver.client import Client

from control.settings import ControlSettings
from control.testing.fraud_simulation import Figures, simulate
from orchestration.dbt import PROFILES
from orchestration.deployment import Deployment
from orchestration.session import open_warehouse
from warehouse.settings import Settings

# Files that live in memory cost no waiting for a disk.
MEMORY = Path("/dev/shm")  # noqa: S108 - the folder below it has a name of its own
_CONTRACTS = PROFILES / "models" / "rating" / "_rating.yml"
_RATED = {
    "charges_daily": ("toYYYYMM(charge_date)", "(charge_date, account_id)"),
    "charges_hourly": ("toYYYYMM(hour_at)", "(hour_at, account_id)"),
}


def run_simulation(
    control_settings: ControlSettings,
    *,
    seed: int,
    accounts: int,
    months: int,
    scan_every: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> Figures:
    """Play the simulation; it touches nothing of the user's deployment and leaves nothing behind.

    Raises:
        InputError: the policy is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="meterhouse-fraud-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        own = Deployment(settings=Settings(_env_file=None, home=Path(folder)), control_settings=control_settings)
        with open_warehouse(own) as client, own.control() as control:
            make_rated_tables(client, own.settings)
            return simulate(control, client, own.settings, seed=seed, accounts=accounts, months=months, scan_every=scan_every, say=say)


def make_rated_tables(client: Client, settings: Settings) -> None:
    """The tables of rating that rules read, empty, with the columns of their contracts."""
    models = {model["name"]: model for model in yaml.safe_load(_CONTRACTS.read_text())["models"]}
    for table, (partition, order) in _RATED.items():
        columns = ", ".join(f"{column['name']} {column['data_type']}" for column in models[table]["columns"])
        client.command(
            f"CREATE TABLE IF NOT EXISTS {settings.database('rating')}.{table} ({columns})"
            f" ENGINE = MergeTree PARTITION BY {partition} ORDER BY {order}"
        )
