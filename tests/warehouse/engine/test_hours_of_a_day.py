"""Within a day a tick rates the hours from the first that changed on; what else can reach earlier hours has them all rated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from clickhouse_connect.driver.client import Client

from ingestion.loader import load_file
from orchestration import dbt
from orchestration.catalog import apply_folder
from orchestration.comparison import compare
from tests.reference.instants import parse_instant
from tests.warehouse.engine.stage import Stage, open_stage
from warehouse.settings import Settings

CATALOG = {
    "accounts": ["account_id,currency_code", *(f"{name},USD" for name in ("steady", "late", "reserved", "repriced", "other"))],
    "skus": ["sku_id,service,metric,unit,aggregation", "net,Network,bytes,GB,sum", "disk,Storage,stored,GB,sum"],
    "prices": [
        "price_id,sku_id,account_id,currency_code,model,unit_price",
        "net-usd,net,,USD,graduated,",
        "disk-usd,disk,,USD,per_unit,1",
    ],
    # The first ten units of a month cost 1, the others a half: a total before an hour is wanted exactly.
    "price_tiers": ["price_id,tier,up_to,unit_price,flat_fee", "net-usd,1,10,1,0", "net-usd,2,,0.5,3"],
    "commitments": [
        "commitment_id,account_id,sku_id,quantity_per_hour,unit_price,currency_code,valid_from,valid_to",
        "one,reserved,net,1,0.25,USD,2026-01-20T05:00:00Z,2026-01-20T08:00:00Z",
    ],
}
# A contract that holds since the day's third hour.
CONTRACT = "net-repriced,net,repriced,USD,per_unit,7,2026-01-20T03:00:00Z"


def usage(account: str, hour: int, quantity: int = 3, *, metric: str = "bytes") -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"{account}-{hour}-{quantity}-{metric}",
        "source": "/t",
        "type": "usage.recorded",
        "subject": f"{account}-r",
        "time": f"2026-01-20T{hour:02d}:30:00Z",
        "data": {"account_id": account, "metric": metric, "quantity": quantity},
    }


def apply(stage: Stage, catalog: dict[str, list[str]]) -> None:
    folder = stage.folder / f"catalog-{len(catalog['prices'])}"
    folder.mkdir()
    for name, lines in catalog.items():
        (folder / f"{name}.csv").write_text("".join(f"{line}\n" for line in lines))
    apply_folder(stage.control, stage.client, stage.settings, folder)


def load(stage: Stage, name: str, events: Sequence[dict[str, object]]) -> None:
    path = stage.folder / f"{name}.jsonl"
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    load_file(stage.client, stage.settings, path)


def hours_rated(stage: Stage, events: Sequence[dict[str, object]], as_of: str) -> dict[tuple[str, str], list[int]]:
    """Bill the events to as-of; the hours that it rated, by account and SKU."""
    load(stage, as_of[11:13], events)
    stage.tick(parse_instant(as_of))
    rated = f"{stage.settings.database('rating')}.int_rated_hourly"
    found = stage.client.query(
        f"SELECT account_id, sku_id, arraySort(groupUniqArray(toHour(hour_at))) FROM {rated} GROUP BY ALL"
    ).result_rows
    return {(account, sku): hours for account, sku, hours in found}


def test_a_tick_rates_the_hours_from_the_first_that_changed_on(settings: Settings, client: Client, tmp_path: Path) -> None:
    with open_stage(settings, client, tmp_path) as stage:
        apply(stage, CATALOG)
        morning = [usage(account, hour) for account in ("steady", "late", "reserved", "repriced") for hour in (2, 4, 6, 8)]
        first = hours_rated(stage, [*morning, usage("steady", 1, metric="stored")], "2026-01-20T09:00:00Z")
        assert first[("steady", "net")] == [2, 4, 6, 8]

        # One unit of the fifth hour meets the boundary of the tiers: hours after it cost something else now.
        second = hours_rated(
            stage, [usage("steady", 9), usage("late", 5, 1), usage("reserved", 9), usage("other", 9)], "2026-01-20T10:00:00Z"
        )
        assert second == {
            ("steady", "net"): [9],
            ("late", "net"): [5, 6, 8],
            ("reserved", "net"): [2, 4, 5, 6, 7, 8, 9],  # hours whose commitment nobody used
            ("other", "net"): [9],
        }

        # The contract of one account reaches back.
        apply(stage, CATALOG | {"prices": [f"{CATALOG['prices'][0]},valid_from", *(f"{row}," for row in CATALOG["prices"][1:]), CONTRACT]})
        third = hours_rated(stage, [usage("repriced", 10), usage("steady", 10, metric="stored")], "2026-01-20T11:00:00Z")
        assert third == {("repriced", "net"): [2, 4, 6, 8, 10], ("steady", "disk"): [10]}

        # After an attempt that got no further than the hours, nobody knows what a day kept.
        load(stage, "late", [usage("steady", 7, 2), usage("repriced", 11)])
        stage.fail(parse_instant("2026-01-20T12:00:00Z"), last_model="charges_hourly")
        fourth = hours_rated(stage, [usage("other", 12)], "2026-01-20T13:00:00Z")
        assert fourth == {("steady", "net"): [2, 4, 6, 7, 8, 9], ("repriced", "net"): [2, 4, 6, 8, 10, 11], ("other", "net"): [9, 12]}

        fifth = hours_rated(stage, [usage("steady", 13)], "2026-01-20T14:00:00Z")
        assert fifth == {("steady", "net"): [13]}
        assert [comparison.first_difference for comparison in compare(client, settings)] == [""] * 7

        # A kept hour that is no longer what its day holds of it is found, to the last digit.
        rating = settings.database("rating")
        digit = f"toDecimal256('{Decimal(1).scaleb(-32):f}', 32)"
        client.command(
            f"ALTER TABLE {rating}.charges_hourly_versions UPDATE amount_unrounded = amount_unrounded + {digit}"
            " WHERE account_id = 'steady' AND toHour(hour_at) = 2 SETTINGS mutations_sync = 2"
        )
        failed = [result for result in dbt.build(settings, select=["test_type:singular"]) if result.status == "fail"]
        assert [result.unique_id.split(".")[2] for result in failed] == ["days_add_up_the_hours"]
        found = [(row["account_id"], row["amount_difference"]) for row in client.query(failed[0].sql).named_results()]
        assert found == [("steady", Decimal(1).scaleb(-32))]
