"""Drafts follow what the control store says, also in a tick that brings no event: only the accounts it concerns are made anew."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

from clickhouse_connect.driver.client import Client

from ingestion.loader import load_file
from orchestration.catalog import apply_folder
from tests.reference.instants import parse_instant
from tests.warehouse.engine.stage import Stage, open_stage
from warehouse.settings import Settings

AS_OF = parse_instant("2026-01-20T00:00:00Z")
CATALOG = {
    "skus": "sku_id,service,name,metric,region,unit,aggregation,billed_when,divisor\negress,Network,Egress,egress.gib,,GiB,sum,,\n",
    "prices": (
        "price_id,sku_id,account_id,currency_code,model,unit_price,package_size,valid_from,valid_to\negress-eur,egress,,EUR,per_unit,0.10,,,\n"
    ),
    "taxes": "country_code,tax_name,percent,valid_from,valid_to\nNL,VAT,20,,\n",
}


def _folder(base: Path, *, holder: str, is_acme_exempt: bool = False) -> Path:
    """A catalog of two accounts, one of which holds a credit of 30."""
    base.mkdir()
    for name, content in CATALOG.items():
        (base / f"{name}.csv").write_text(content)
    exempt = "true" if is_acme_exempt else "false"
    (base / "accounts.csv").write_text(
        f"account_id,name,currency_code,country_code,is_tax_exempt\nacme,Acme,EUR,NL,{exempt}\nbolt,Bolt,EUR,NL,false\n"
    )
    (base / "credits.csv").write_text(f"credit_id,account_id,amount,currency_code,valid_from,valid_to\nwelcome,{holder},30,EUR,,\n")
    return base


def _totals(stage: Stage) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Credit, tax and total of each account's draft."""
    found = stage.client.query(
        f"SELECT account_id, credit_amount, tax_amount, total_amount FROM {stage.settings.database('invoicing')}.invoices"
    ).result_rows
    return {account: (credit, tax, total) for account, credit, tax, total in found}


def _load_usage(stage: Stage) -> None:
    lines = [
        {
            "specversion": "1.0", "id": account, "source": "/net", "type": "usage.recorded", "subject": f"gw-{account}",
            "time": "2026-01-05T10:00:00Z", "data": {"account_id": account, "metric": "egress.gib", "quantity": "1000"},
        }
        for account in ("acme", "bolt")
    ]  # fmt: skip
    path = stage.folder / "usage.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    load_file(stage.client, stage.settings, path)


def test_a_credit_and_an_exemption_reach_the_drafts_of_those_who_had_and_have_them(
    settings: Settings, client: Client, tmp_path: Path
) -> None:
    with open_stage(settings, client, tmp_path) as stage:
        apply_folder(stage.control, client, settings, _folder(tmp_path / "first", holder="acme"))
        _load_usage(stage)
        stage.tick(AS_OF)
        assert _totals(stage) == {"acme": (30, 14, 84), "bolt": (0, 20, 120)}

        moved = apply_folder(stage.control, client, settings, _folder(tmp_path / "moved", holder="bolt"))
        stage.tick(AS_OF)
        assert _totals(stage) == {"acme": (0, 20, 120), "bolt": (30, 14, 84)}, asdict(moved)

        apply_folder(stage.control, client, settings, _folder(tmp_path / "exempt", holder="bolt", is_acme_exempt=True))
        stage.tick(AS_OF)
        assert _totals(stage) == {"acme": (0, 0, 100), "bolt": (30, 14, 84)}
