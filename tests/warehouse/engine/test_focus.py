"""FOCUS rows on the real engine: a story with each kind of charge and document, in a month that is issued and one in draft."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ingestion.loader import load_file
from orchestration.catalog import apply_folder
from tests.conftest import make_settings
from tests.reference.instants import parse_instant
from tests.warehouse.engine.stage import Stage, open_stage
from warehouse.client import connect
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


def test_dump(story):
    for r in story.rows:
        print({k: str(v) for k, v in r.items() if v is not None and not k.startswith(('Pricing', 'Service','Prov','Publ','BillingP'))})
    print(len(story.drafts), len(story.rows))
