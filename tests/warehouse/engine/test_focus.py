"""FOCUS rows on the real engine: a story with each kind of charge and document, in a month that is issued and one in draft."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from ingestion.loader import load_file
from orchestration.catalog import apply_folder
from orchestration.focus import export
from tests import focus_rules
from tests.conftest import make_settings
from tests.reference.instants import parse_instant
from tests.warehouse.engine.stage import Stage, open_stage
from warehouse.client import connect
from warehouse.errors import InputError, RefusedError
from warehouse.migrate import migrate
from warehouse.settings import LAYERS, Settings

JANUARY, FEBRUARY = "2026-01", "2026-02"
CATALOG = {
    "accounts": """account_id,name,currency_code,country_code,is_tax_exempt
acme,Acme,EUR,NL,false
bolt,Bolt,EUR,NL,false
nippon,Nippon,JPY,JP,false
""",
    "skus": """sku_id,service,name,metric,region,unit,aggregation,billed_when,divisor
vcpu,Compute,vCPU,vcpu,,vCPU-hour,sum,,
egress,Network,Traffic,egress.gib,,GiB,sum,,
store,Storage,Objects,store.gib,,GiB-hour,sum,,
calls,Odd Jobs,Calls,calls,,Call,sum,,
""",
    "prices": """price_id,sku_id,account_id,currency_code,model,unit_price,package_size,valid_from,valid_to
vcpu-eur,vcpu,,EUR,per_unit,0.0333,,,
vcpu-acme,vcpu,acme,EUR,per_unit,0.0301,,,
vcpu-jpy,vcpu,,JPY,per_unit,3.7,,,
egress-eur,egress,,EUR,graduated,,,,
store-jpy,store,,JPY,volume,,,,
calls-eur,calls,,EUR,package,0.015,1000,,
""",
    "price_tiers": """price_id,tier,up_to,unit_price,flat_fee
egress-eur,1,100,0.107,1.5
egress-eur,2,,0.0533,
store-jpy,1,100,10,
store-jpy,2,,5,
""",
    "discounts": """discount_id,account_id,scope_type,scope_value,percent,valid_from,valid_to
partner,bolt,service,Network,7.5,,
""",
    "commitments": """commitment_id,account_id,sku_id,quantity_per_hour,unit_price,currency_code,valid_from,valid_to
steady,acme,vcpu,2,0.0203,EUR,2026-01-02,2026-01-04
""",
    "credits": """credit_id,account_id,amount,currency_code,valid_from,valid_to
welcome,acme,1.25,EUR,,
bonus,bolt,3,EUR,,
""",
    "taxes": "country_code,tax_name,percent,valid_from,valid_to\nNL,VAT,21,,\nJP,CT,10,,\n",
}
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Story:
    """The rows of the table when January was in draft, and at the end."""

    stage: Stage
    drafts: list[Row]
    rows: list[Row]


def _folder(base: Path, **changes: str) -> Path:
    base.mkdir()
    for name, content in (CATALOG | changes).items():
        (base / f"{name}.csv").write_text(content)
    return base


def _load(stage: Stage, name: str, *events: tuple[str, str, str, str, str]) -> None:
    """Usage of (account, resource, metric, time, quantity)."""
    lines = [
        {
            "specversion": "1.0", "id": f"{name}-{number}", "source": "/cloud", "type": "usage.recorded", "subject": resource, "time": time,
            "data": {
                "account_id": account, "project_id": "web", "region": "eu-1", "metric": metric, "quantity": quantity,
                "labels": {"team": "ml", "note": 'says "a, b"'},
            },
        }
        for number, (account, resource, metric, time, quantity) in enumerate(events)
    ]  # fmt: skip
    path = stage.folder / f"{name}.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    load_file(stage.client, stage.settings, path)


def _rows(stage: Stage) -> list[Row]:
    columns = [row[0] for row in stage.client.query(f"DESCRIBE {stage.settings.database('finops')}.focus_cost_and_usage").result_rows]
    # Decimals as text: the driver's own conversion works within 28 digits.
    selected = ", ".join(f"toString({name}) AS {name}" if name.endswith(("Cost", "Quantity", "UnitPrice")) else name for name in columns)
    found = stage.client.query(f"SELECT {selected} FROM {stage.settings.database('finops')}.focus_cost_and_usage")
    return [
        {
            name: Decimal(cell) if cell is not None and name.endswith(("Cost", "Quantity", "UnitPrice")) else cell
            for name, cell in zip(columns, row, strict=True)
        }
        for row in found.result_rows
    ]


@pytest.fixture(scope="module")
def story(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("focus")
    own = make_settings(
        home=server.home, database_prefix=f"t{uuid.uuid4().hex[:12]}_", control_url=SecretStr(f"sqlite:///{folder}/control.db")
    )
    with contextlib.closing(connect(own)) as client:
        migrate(client, own)
        with open_stage(own, client, folder) as stage:
            apply_folder(stage.control, client, own, _folder(folder / "first"))
            _load(
                stage,
                "january",
                ("acme", "vm-1", "vcpu", "2026-01-02T10:10:00Z", "1.3"),
                ("acme", "vm-2", "vcpu", "2026-01-02T10:20:00Z", "3.111"),
                ("acme", "vm-2", "vcpu", "2026-01-20T10:20:00Z", "7.77"),
                ("acme", "gw-1", "egress.gib", "2026-01-05T10:00:00Z", "80.5"),
                ("acme", "gw-2", "egress.gib", "2026-01-06T10:00:00Z", "40.25"),
                ("acme", "api", "calls", "2026-01-06T10:00:00Z", "1"),
                ("acme", "api", "calls", "2026-01-07T10:00:00Z", "2"),
                ("bolt", "gw-9", "egress.gib", "2026-01-07T10:00:00Z", "33.333"),
                ("bolt", "vm-9", "vcpu", "2026-01-07T10:00:00Z", "100"),
                ("nippon", "bucket", "store.gib", "2026-01-08T10:00:00Z", "99.7"),
                ("nippon", "bucket", "store.gib", "2026-01-09T10:00:00Z", "1"),
                ("nippon", "vm-7", "vcpu", "2026-01-09T10:00:00Z", "1.5"),
            )
            stage.tick(parse_instant("2026-02-01T00:00:00Z"))
            drafts = _rows(stage)
            stage.close(JANUARY, parse_instant("2026-02-01T00:00:00Z"))
            _load(
                stage,
                "late",
                ("acme", "vm-2", "vcpu", "2026-01-21T10:20:00Z", "5"),
                ("nippon", "vm-7", "vcpu", "2026-02-03T10:00:00Z", "2.2"),
            )
            cheaper = CATALOG["prices"].replace("vcpu-eur,vcpu,,EUR,per_unit,0.0333", "vcpu-eur,vcpu,,EUR,per_unit,0.0222")
            apply_folder(stage.control, client, own, _folder(folder / "cheaper", prices=cheaper), may_restate=True)
            stage.tick(parse_instant("2026-02-10T00:00:00Z"))
            yield Story(stage=stage, drafts=drafts, rows=_rows(stage))
        for layer in LAYERS:
            client.command(f"DROP DATABASE IF EXISTS {own.database(layer)} SYNC")


def _of(rows: list[Row], **cells: object) -> list[Row]:
    return [row for row in rows if all(row[name] == cell for name, cell in cells.items())]


def _totals(stage: Stage) -> dict[str, Decimal]:
    table = f"{stage.settings.database('invoicing')}.invoices"
    return dict(stage.client.query(f"SELECT invoice_id, total_amount FROM {table}").result_rows)


def _sums(rows: list[Row], name: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row["x_DocumentId"]] = sums.get(row["x_DocumentId"], Decimal(0)) + Decimal(row[name])
    return sums


def test_the_rows_of_each_document_draft_or_issued_add_up_to_its_total(story: Story) -> None:
    totals = _totals(story.stage)
    assert len(totals) == 6
    for name in ("BilledCost", "EffectiveCost"):
        assert _sums(story.rows, name) == totals
        assert _sums(story.drafts, name) == {row["x_DocumentId"]: totals[row["x_DocumentId"]] for row in story.drafts}
    assert {row["InvoiceId"] for row in story.drafts} == {None}
    assert {row["InvoiceId"] for row in _of(story.rows, x_DocumentKind="invoice", BillingCurrency="EUR")} == {"INV-000001", "INV-000002"}


def test_a_row_is_known_by_its_grain(story: Story) -> None:
    grain = ("x_DocumentId", "ChargePeriodStart", "ChargeDescription", "SubAccountId", "ResourceId", "RegionId", "SkuId", "SkuPriceId")
    for rows in (story.drafts, story.rows):
        assert len({tuple(row[name] for name in grain) for row in rows}) == len(rows)


def test_a_commitment_is_bought_by_the_day_and_its_use_costs_what_was_bought(story: Story) -> None:
    rows = _of(story.drafts, CommitmentDiscountId="steady")
    bought = _of(rows, ChargeCategory="Purchase")
    assert [(row["BilledCost"], row["EffectiveCost"], row["CommitmentDiscountQuantity"]) for row in bought] == [
        (Decimal("0.9744"), 0, 48)
    ] * 2
    used, unused = _of(rows, CommitmentDiscountStatus="Used"), _of(rows, CommitmentDiscountStatus="Unused")
    assert {(row["ResourceId"], row["ConsumedQuantity"]) for row in used} == {("vm-1", Decimal("1.3")), ("vm-2", Decimal("0.7"))}
    assert {(row["ResourceId"], row["ConsumedQuantity"]) for row in unused} == {("steady", None)}
    assert {row["BilledCost"] for row in used + unused} == {Decimal(0)}
    assert sum(row["EffectiveCost"] for row in used + unused) == sum(row["BilledCost"] for row in bought)


def test_discounts_contracts_tiers_and_steps_are_costs_beside_each_other(story: Story) -> None:
    (discounted,) = _of(story.rows, BillingAccountId="bolt", ResourceId="gw-9")
    assert (discounted["ListCost"], discounted["BilledCost"]) == (Decimal("5.066631"), Decimal("4.686633675"))
    assert abs(discounted["ContractedUnitPrice"] * discounted["PricingQuantity"] - discounted["ContractedCost"]) < Decimal("1e-15")
    (contracted,) = _of(story.drafts, ResourceId="vm-2", ChargePeriodStart=_day(20))
    assert (contracted["ListUnitPrice"], contracted["ContractedUnitPrice"]) == (Decimal("0.0333"), Decimal("0.0301"))
    usage, step = sorted(
        _of(story.rows, ResourceId="bucket", ChargePeriodStart=_day(9)), key=lambda row: str(row["ChargeCategory"]), reverse=True
    )
    assert (usage["BilledCost"], usage["ConsumedQuantity"], usage["ContractedUnitPrice"]) == (0, 1, 0)
    assert (step["ChargeCategory"], step["BilledCost"], step["ContractedUnitPrice"]) == ("Adjustment", Decimal("-493.5"), None)
    assert json.loads(usage["Tags"]) == {"team": "ml", "note": 'says "a, b"'}
    (tax,) = _of(story.rows, BillingAccountId="bolt", ChargeCategory="Tax", ChargeClass=None)
    assert (tax["BilledCost"], tax["ListCost"]) == (Decimal("1.05"), Decimal("1.13")), "the list price bears more of it"


def test_what_changes_an_issued_month_stands_on_its_note_and_not_on_the_invoice(story: Story) -> None:
    line = {"BillingAccountId": "acme", "SkuPriceId": "vcpu-acme", "ChargeCategory": "Usage"}
    (billed,) = _of(story.rows, x_DocumentKind="invoice", **line)
    assert (billed["ConsumedQuantity"], billed["BilledCost"], billed["ResourceId"]) == (Decimal("10.181"), Decimal("0.31"), None)
    (late,) = _of(story.rows, x_DocumentKind="debit_note", **line)
    assert (late["ChargeClass"], late["ConsumedQuantity"], late["BilledCost"]) == ("Correction", 5, Decimal("0.15"))
    assert (late["BillingPeriodStart"].month, late["ChargePeriodStart"].month) == (2, 1)
    note = _of(story.rows, x_DocumentKind="credit_note")
    assert {(row["ChargeCategory"], row["BilledCost"]) for row in note} == {("Usage", Decimal("-1.11")), ("Credit", Decimal("1.11"))}


def _day(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


def test_the_files_follow_focus_add_up_and_are_the_same_each_time(story: Story, tmp_path: Path) -> None:
    stage = story.stage
    for period, invoices in ((JANUARY, 3), (FEBRUARY, 3)):
        files = export(stage.client, stage.settings, period, tmp_path, seller_name="Cloud AG")
        content = {file.file.name: file.file.read_bytes() for file in files}
        assert sorted(path.name for path in tmp_path.glob(f"*{period}*")) == sorted(content)
        if period == JANUARY:
            assert export(stage.client, stage.settings, period, tmp_path, seller_name="Cloud AG") == files
            assert {file.file.name: file.file.read_bytes() for file in files} == content

        csv_rows = focus_rules.read_csv(tmp_path / f"focus-{period}.csv")
        assert focus_rules.violations(csv_rows) == []
        assert len(csv_rows) == len(_of(story.rows, BillingPeriodStart=datetime.fromisoformat(f"{period}-01T00:00:00+00:00")))
        assert _sums(csv_rows, "BilledCost").items() <= _totals(stage).items()
        parquet = pq.read_table(tmp_path / f"focus-{period}.parquet").to_pylist()
        assert _sums(parquet, "BilledCost") == _sums(csv_rows, "BilledCost")
        assert [row["ChargeDescription"] for row in parquet] == [row["ChargeDescription"] for row in csv_rows]
        manifest = json.loads((tmp_path / f"focus-{period}.json").read_text())
        assert (manifest["row_count"], manifest["document_count"], manifest["is_final"]) == (len(csv_rows), invoices, period == JANUARY)
        assert {row["InvoiceIssuerName"] for row in csv_rows} == {"unnamed seller" if period == JANUARY else "Cloud AG"}


def test_what_is_not_ours_is_not_overwritten_and_what_does_not_add_up_is_not_written(story: Story, tmp_path: Path) -> None:
    stage = story.stage

    def exported(period: str) -> None:
        export(stage.client, stage.settings, period, tmp_path, seller_name="")

    with pytest.raises(InputError, match="2031-01 has no documents"):
        exported("2031-01")
    (tmp_path / "focus-2026-01.parquet").write_text("my own")
    with pytest.raises(RefusedError, match=r"focus-2026-01\.parquet was not written by"):
        exported(JANUARY)
    (tmp_path / "focus-2026-01.parquet").unlink()

    table = f"{stage.settings.database('raw')}.control_invoices"
    change = f"INSERT INTO {table} SELECT * REPLACE (total_amount {{}} AS total_amount, revision + 1 AS revision) FROM {table} FINAL"
    stage.client.command(change.format("+ 0.01"))
    with pytest.raises(RefusedError, match=r"2026-01 was not exported: BilledCost of inv_\w+ adds up to \S+, its total is"):
        exported(JANUARY)
    stage.client.command(change.format("- 0.01"))
    assert list(tmp_path.iterdir()) == [], "nothing half written stays"
