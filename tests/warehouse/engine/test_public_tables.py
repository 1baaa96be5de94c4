"""The public tables are a contract: names, columns, types. And no float comes near money or quantities anywhere."""

from __future__ import annotations

from pathlib import Path

from clickhouse_connect.driver.client import Client

from orchestration import dbt
from tests.warehouse.engine.stage import open_stage
from warehouse.settings import LAYERS, Settings


def test_public_tables_have_the_columns_and_types_that_are_documented(settings: Settings, client: Client, tmp_path: Path) -> None:
    with open_stage(settings, client, tmp_path) as stage:
        stage.tick(None)
    nodes = [node for node in dbt.manifest(settings)["nodes"].values() if node.get("meta", {}).get("public")]
    assert len(nodes) == 8
    for node in nodes:
        table = f"{settings.database(node['config']['schema'])}.{node['name']}"
        found = {row[0]: row[1].replace("LowCardinality(String)", "String") for row in client.query(f"DESCRIBE {table}").result_rows}
        assert found == {column["name"]: column["data_type"] for column in node["columns"].values()}, table

    databases = ", ".join(f"'{settings.database(layer)}'" for layer in LAYERS)
    floats = client.query(
        f"SELECT database, table, name, type FROM system.columns WHERE database IN ({databases}) AND match(type, 'Float|BFloat')"
    )
    assert floats.result_rows == []
