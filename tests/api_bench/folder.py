"""Catalog and events of the world: every price model, labels, a contract price and a discount, small enough to count by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.control_bench.builders import a_credit

PROJECT = "acme-web"
CREDIT = a_credit("credit-acme", "2.00", account_id="acme")
BUDGET: dict[str, Any] = {
    "budget_id": "budget-acme",
    "account_id": "acme",
    "scope_type": "all",
    "scope_value": "",
    "amount": Decimal("100.00"),
    "currency_code": "USD",
    "thresholds": (Decimal(50), Decimal(100)),
}

_FILES = {
    "skus.csv": """
sku_id,service,name,metric,region,unit,aggregation,billed_when,divisor
vcpu,Compute,vCPU,compute.vcpu,,vcpu_hour,time_weighted,running,1
egress,Network,Egress,net.egress,,gib,sum,,1
requests,Storage,Requests,storage.requests,,thousand,sum,,1000
archive,Storage,Archive,storage.archive,,gib,sum,,1
""",
    "prices.csv": """
price_id,sku_id,account_id,currency_code,model,unit_price,package_size,valid_from,valid_to
vcpu-list,vcpu,,USD,per_unit,0.0123456789,,,
vcpu-acme,vcpu,acme,USD,per_unit,0.01,,,
vcpu-umbra,vcpu,umbra,USD,per_unit,0.011,,,
egress-list,egress,,USD,graduated,,,,
requests-list,requests,,USD,package,0.5,10,,
archive-list,archive,,USD,volume,,,,
""",
    "price_tiers.csv": """
price_id,tier,up_to,unit_price,flat_fee
egress-list,1,10,0.09,1
egress-list,2,,0.07,2
archive-list,1,100,0.02,
archive-list,2,,0.01,0.5
""",
    "discounts.csv": """
discount_id,account_id,scope_type,scope_value,percent,valid_from,valid_to
acme-network,acme,service,Network,12.5,,
everybody,,all,,1,,
""",
}


def write_catalog(folder: Path, account_ids: Sequence[str]) -> Path:
    """The catalog folder."""
    folder.mkdir()
    head = "account_id,name,currency_code,country_code,tax_id,is_tax_exempt,email,gateway,payment_terms_days\n"
    accounts = "".join(f"{each},{each.title()},USD,DE,,,,,14\n" for each in account_ids)
    (folder / "accounts.csv").write_text(head + accounts)
    for name, text in _FILES.items():
        (folder / name).write_text(text.lstrip())
    return folder


def write_events(path: Path, account_ids: Sequence[str]) -> Path:
    """Two machines and four metrics of each account, over January and the first days of February."""
    lines = [line for account_id in account_ids for line in _events(account_id)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def _events(account_id: str) -> list[dict[str, Any]]:
    found = []
    for number, team in enumerate(("ml", "web"), start=1):
        data = {"region": "eu-north1", "project_id": f"{account_id}-{team}", "state": "running", "metrics": {"compute.vcpu": "3"}}
        machine = f"{account_id}-vm-{number}"
        found.append(_event(account_id, machine, "resource.created", f"2026-01-{number:02d}T10:20:00Z", data, team=team))
        found.append(_event(account_id, machine, "resource.deleted", f"2026-01-{number:02d}T14:40:00Z", {}, team=team))
    for day in ("2026-01-05", "2026-01-20", "2026-02-01", "2026-02-02"):
        for metric, quantity in (("net.egress", "7.25"), ("storage.requests", "12345"), ("storage.archive", "61")):
            data = {"region": "us-east1", "project_id": f"{account_id}-web", "metric": metric, "quantity": quantity}
            found.append(_event(account_id, f"{account_id}-bucket", "usage.recorded", f"{day}T03:04:05Z", data, team="web"))
    return found


def _event(account_id: str, subject: str, kind: str, time: str, data: dict[str, Any], *, team: str) -> dict[str, Any]:
    body = {"account_id": account_id, "labels": {"team": team}, **data}
    identity = f"{subject}-{kind}-{time}-{data.get('metric', '')}"
    return {"specversion": "1.0", "id": identity, "source": "/test", "type": kind, "subject": subject, "time": time, "data": body}
