"""The tables the other tests here fill are those the models build: same columns, same types, same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from clickhouse_connect.driver.client import Client

from tests.warehouse.dashboards.public_tables import DDL
from warehouse.settings import Settings

MODELS = Path(__file__).parents[3] / "dbt_project" / "models"


@pytest.mark.parametrize("name", sorted(DDL))
def test_the_example_has_the_columns_of_the_model_s_contract(reader: Client, example: Settings, name: str) -> None:
    layer, _, table = name.partition(".")
    described: dict[str, Any] = yaml.safe_load((MODELS / layer / f"_{layer}.yml").read_text())
    (model,) = [model for model in described["models"] if model["name"] == table]
    expected = [(column["name"], column["data_type"]) for column in model["columns"]]
    rows = reader.query(f"DESCRIBE TABLE {example.database(layer)}.{table}").result_rows
    assert [(row[0], row[1]) for row in rows] == expected
