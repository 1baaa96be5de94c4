"""What a new catalog would change is shown in money before it is applied, and issued months change by notes only."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from sqlalchemy import func, select, update

from control.store.tables import accounts, credits_
from ingestion.loader import load_file
from orchestration.catalog import apply_folder, diff_folder
from tests.reference.instants import parse_instant
from tests.warehouse.engine.stage import Stage, open_stage
from warehouse.errors import RefusedError
from warehouse.settings import Settings

FEBRUARY = parse_instant("2026-02-01T00:00:00Z")
ACCOUNTS = "account_id,name,currency_code,country_code\nacme,Acme,EUR,NL\n"
SKUS = "sku_id,service,name,metric,region,unit,aggregation,billed_when,divisor\negress,Network,Egress,egress.gib,,GiB,sum,,\n"
PRICES = "price_id,sku_id,account_id,currency_code,model,unit_price,package_size,valid_from,valid_to\n"


def _folder(base: Path, *, unit_price: str, skus: str = SKUS, more_prices: str = "") -> Path:
    base.mkdir()
    (base / "accounts.csv").write_text(ACCOUNTS)
    (base / "skus.csv").write_text(skus)
    (base / "prices.csv").write_text(f"{PRICES}egress-eur,egress,,EUR,per_unit,{unit_price},,,\n{more_prices}")
    return base


def _load(stage: Stage, name: str, *events: tuple[str, str, str, str]) -> None:
    path = stage.folder / f"{name}.jsonl"
    lines = [
        {
            "specversion": "1.0", "id": event_id, "source": "/net", "type": "usage.recorded", "subject": "gw-1", "time": time,
            "data": {"account_id": "acme", "metric": metric, "quantity": quantity},
        }
        for event_id, time, metric, quantity in events
    ]  # fmt: skip
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    load_file(stage.client, stage.settings, path)


def _invoices(stage: Stage) -> list[tuple[str, str, str, str, Decimal]]:
    table = f"{stage.settings.database('invoicing')}.invoices"
    query = f"SELECT kind, period, adjusted_period, status, total_amount FROM {table} ORDER BY period, kind, adjusted_period"
    return [tuple(row) for row in stage.client.query(query).result_rows]  # type: ignore[misc]  # five columns


def test_a_catalog_that_alters_an_issued_month_is_refused_with_the_amounts_unless_restated(
    settings: Settings, client: Client, tmp_path: Path
) -> None:
    with open_stage(settings, client, tmp_path) as stage:
        apply_folder(stage.control, client, settings, _folder(tmp_path / "first", unit_price="0.10"))
        _load(
            stage,
            "january",
            ("e-1", "2026-01-10T10:00:00Z", "egress.gib", "100"),
            ("e-2", "2026-01-11T10:00:00Z", "archive.gib", "7"),
            ("e-3", "2026-02-01T00:00:00Z", "egress.gib", "50"),
        )
        stage.tick(FEBRUARY)
        stage.close("2026-01", FEBRUARY)

        # Pricing what was unrated until now alters nothing that was issued.
        learned = _folder(
            tmp_path / "learned",
            unit_price="0.10",
            skus=f"{SKUS}archive,Storage,Archive,archive.gib,,GiB,sum,,\n",
            more_prices="archive-eur,archive,,EUR,per_unit,1,,,\n",
        )
        changes = diff_folder(stage.control, client, settings, learned)
        assert [(change.period, change.sku_id, change.amount_before, change.amount_after, change.is_altered) for change in changes] == [
            ("2026-01", "archive", Decimal(0), Decimal(7), False)
        ]
        assert apply_folder(stage.control, client, settings, learned).changed
        stage.tick(FEBRUARY)

        dearer = _folder(
            tmp_path / "dearer",
            unit_price="0.15",
            skus=f"{SKUS}archive,Storage,Archive,archive.gib,,GiB,sum,,\n",
            more_prices="archive-eur,archive,,EUR,per_unit,1,,,\n",
        )
        before = _invoices(stage)
        changes = diff_folder(stage.control, client, settings, dearer)
        assert [
            (change.period, change.sku_id, change.is_issued, change.amount_before, change.amount_after, change.is_altered)
            for change in changes
        ] == [
            ("2026-01", "egress", True, Decimal(10), Decimal(15), True),
            ("2026-02", "egress", False, Decimal(5), Decimal("7.5"), True),
        ]
        with pytest.raises(RefusedError, match=r"acme 2026-01 egress 10 → 15 EUR.*--restate"):
            apply_folder(stage.control, client, settings, dearer)
        stage.tick(FEBRUARY)
        assert _invoices(stage) == before

        apply_folder(stage.control, client, settings, dearer, may_restate=True)
        stage.tick(FEBRUARY, scope="all")
        assert _invoices(stage) == [
            ("invoice", "2026-01", "", "issued", Decimal(10)),
            ("debit_note", "2026-02", "2026-01", "draft", Decimal(12)),
            ("invoice", "2026-02", "", "draft", Decimal("7.5")),
        ]


def test_a_credit_below_its_use_is_refused_before_anything_is_written(settings: Settings, client: Client, tmp_path: Path) -> None:
    header = "credit_id,account_id,amount,currency_code\n"
    with open_stage(settings, client, tmp_path) as stage:
        first = _folder(tmp_path / "first", unit_price="0.10")
        (first / "credits.csv").write_text(f"{header}welcome,acme,5,EUR\n")
        apply_folder(stage.control, client, settings, first)
        stage.control.store.transact(lambda connection: connection.execute(update(credits_).values(used_minor=400)))

        second = _folder(tmp_path / "second", unit_price="0.10")
        (second / "accounts.csv").write_text(f"{ACCOUNTS}newcomer,Newcomer,EUR,NL\n")
        (second / "credits.csv").write_text(f"{header}welcome,acme,3.99,EUR\n")
        for attempt in (apply_folder, diff_folder):
            with pytest.raises(RefusedError, match=r"credit welcome cannot be lowered to 3\.99 EUR"):
                attempt(stage.control, client, settings, second)
        with stage.control.store.reading() as connection:
            assert connection.execute(select(func.count()).select_from(accounts)).scalar_one() == 1
