"""The public tables as the models build them, filled with a small deployment that a person can check by hand.

Three accounts (EUR, JPY, USD), January 2026 issued, February 2026 in draft up to the 11th. Each resource costs the same
every day, so a charge of a month is one multiplication. The lines, credits and taxes are written out, not computed: the
tests hold the pages against them. Berlin's January was issued with 28 days of egress and corrected by a credit note.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from warehouse.settings import Settings

AS_OF = datetime(2026, 2, 11, tzinfo=UTC)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

# As contracted in dbt_project/models; test_public_tables.py holds them against each other.
DDL = {
    "rating.charges_daily": """
        account_id String, project_id String, resource_id String, region String, sku_id String, service String, charge_date Date,
        charge_type String, price_id String, currency_code String, quantity Decimal(76, 12), unit String,
        list_amount_unrounded Decimal(76, 32), amount_unrounded Decimal(76, 32)
    """,
    "rating.unrated_consumption": """
        account_id String, project_id String, resource_id String, region String, sku_id String, metric String,
        hour_at DateTime64(3, 'UTC'), quantity Decimal(76, 12), unit String, reason_code String, labels Map(String, String)
    """,
    "invoicing.invoices": """
        invoice_id String, invoice_number String, kind String, account_id String, period String, adjusted_period String, status String,
        currency_code String, subtotal_amount Decimal(38, 4), credit_amount Decimal(38, 4), tax_percent Decimal(9, 6),
        tax_amount Decimal(38, 4), total_amount Decimal(38, 4), paid_amount Decimal(38, 4), tax_note String,
        issued_at DateTime64(3, 'UTC'), due_date Date
    """,
    "invoicing.invoice_lines": """
        invoice_id String, line_number UInt32, account_id String, period String, kind String, adjusted_period String, line_type String,
        sku_id String, price_id String, quantity Decimal(76, 12), unit String, currency_code String, amount Decimal(38, 4)
    """,
}


@dataclass(frozen=True, kw_only=True)
class DailyCharge:
    """A charge that is the same on each day of `[first, last]`. Prices are those of one unit."""

    account_id: str
    project_id: str = ""
    resource_id: str = ""
    sku_id: str
    service: str
    price_id: str
    currency_code: str
    quantity: str
    unit: str
    price: str
    first: date
    last: date
    list_price: str = ""
    charge_type: str = "usage"
    region: str = "eu-north1"

    def rows(self) -> list[tuple[Any, ...]]:
        """Rows of rating.charges_daily."""
        quantity = Decimal(self.quantity)
        listed, amount = quantity * Decimal(self.list_price or self.price), quantity * Decimal(self.price)
        days = [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]
        return [
            (
                self.account_id, self.project_id, self.resource_id, self.region, self.sku_id, self.service, day,
                self.charge_type, self.price_id, self.currency_code, quantity, self.unit, listed, amount,
            )
            for day in days
        ]  # fmt: skip


JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
LAST_DAY = date(2026, 2, 10)

_BOSTON: dict[str, Any] = {"account_id": "acc-boston", "currency_code": "USD", "last": LAST_DAY, "region": "us-east1"}
_BERLIN: dict[str, Any] = {"account_id": "acc-berlin", "currency_code": "EUR", "last": LAST_DAY}
_TOKYO: dict[str, Any] = {"account_id": "acc-tokyo", "currency_code": "JPY", "project_id": "game", "last": LAST_DAY, "region": "jp-east1"}
_VCPU: dict[str, Any] = {"sku_id": "vcpu", "service": "Compute", "unit": "vcpu_hour"}

CHARGES = (
    DailyCharge(
        **_BOSTON, **_VCPU, project_id="web", resource_id="vm-101", price_id="vcpu-usd", quantity="192", price="0.031666", first=JANUARY
    ),
    DailyCharge(
        **_BOSTON,
        project_id="ml", resource_id="vm-102", sku_id="gpu-h100", service="GPU", unit="gpu_hour", price_id="gpu-h100-usd",
        quantity="24", list_price="2.495", price="2.2455", first=date(2026, 1, 12),
    ),
    DailyCharge(
        **_BOSTON,
        project_id="data", resource_id="bucket-7", sku_id="storage", service="Storage", unit="gib_hour", price_id="storage-usd",
        quantity="12000", price="0.0000273973", first=JANUARY,
    ),
    DailyCharge(
        **_BOSTON, **_VCPU, project_id="web", resource_id="vm-103", price_id="commitment-1", charge_type="commitment",
        quantity="96", price="0.02", first=JANUARY,
    ),
    DailyCharge(
        **{**_BOSTON, "last": date(2026, 2, 3)}, **_VCPU, price_id="commitment-1", charge_type="commitment_unused",
        quantity="24", price="0.02", first=FEBRUARY,
    ),
    DailyCharge(
        **_BERLIN, **_VCPU, project_id="shop", resource_id="vm-201", price_id="vcpu-eur", quantity="96", price="0.0295", first=JANUARY
    ),
    DailyCharge(
        **_BERLIN,
        resource_id="bucket-9", sku_id="egress", service="Network", unit="gib", price_id="egress-eur",
        quantity="37.5", price="0.0213333", first=date(2026, 1, 5),
    ),
    DailyCharge(**_TOKYO, **_VCPU, resource_id="vm-301", price_id="vcpu-jpy", quantity="48", price="4.75", first=JANUARY),
    DailyCharge(
        **_TOKYO,
        resource_id="bucket-11", sku_id="storage", service="Storage", unit="gib_hour", price_id="storage-jpy",
        quantity="5000", price="0.00411", first=JANUARY,
    ),
)  # fmt: skip

# February: account, then project, resource, SKU, metric, hours from its first, unit, reason.
_UNRATED = (
    ("acc-boston", "ml", "vm-102", "", "gpu.fabric_gib", 2, "", "unknown_metric"),
    ("acc-tokyo", "game", "vm-302", "gpu-h100", "compute.gpu_h100", 3, "gpu_hour", "no_price"),
)

_ISSUED = datetime(2026, 2, 1, 0, 5, tzinfo=UTC)

# A dash is an empty text. Drafts have no dates.
# id number    kind        account    period  adjusted status         currency subtotal credit percent tax  total   paid
_INVOICES = """
i-1  MH-000001 invoice     acc-berlin 2026-01 -       partially_paid EUR       110.19   0      19    20.94  131.13    50
i-2  MH-000002 invoice     acc-boston 2026-01 -       paid           USD      1336.03 100       0     0    1236.03  1236.03
i-3  MH-000003 invoice     acc-tokyo  2026-01 -       issued         JPY      7705      0      10   771    8476        0
i-4  -         invoice     acc-berlin 2026-02 -       draft          EUR        36.32   0      19     6.90   43.22     0
i-5  -         credit_note acc-berlin 2026-02 2026-01 draft          EUR        -0.80   0      19    -0.15   -0.95     0
i-6  -         invoice     acc-boston 2026-02 -       draft          USD       623.65  25       0     0     598.65     0
i-7  -         invoice     acc-tokyo  2026-02 -       draft          JPY      2486      0      10   249    2735        0
"""

# invoice_id → line_type, sku, price, quantity, unit, amount
_LINES = {
    "i-1": (("usage", "egress", "egress-eur", "1050", "gib", "22.40"), ("usage", "vcpu", "vcpu-eur", "2976", "vcpu_hour", "87.79")),
    "i-2": (
        ("commitment", "vcpu", "commitment-1", "2976", "vcpu_hour", "59.52"),
        ("usage", "gpu-h100", "gpu-h100-usd", "480", "gpu_hour", "1077.84"),
        ("usage", "storage", "storage-usd", "372000", "gib_hour", "10.19"),
        ("usage", "vcpu", "vcpu-usd", "5952", "vcpu_hour", "188.48"),
    ),
    "i-3": (("usage", "storage", "storage-jpy", "155000", "gib_hour", "637"), ("usage", "vcpu", "vcpu-jpy", "1488", "vcpu_hour", "7068")),
    "i-4": (("usage", "egress", "egress-eur", "375", "gib", "8.00"), ("usage", "vcpu", "vcpu-eur", "960", "vcpu_hour", "28.32")),
    "i-5": (("adjustment", "egress", "egress-eur", "-37.5", "gib", "-0.80"),),
    "i-6": (
        ("commitment", "vcpu", "commitment-1", "960", "vcpu_hour", "19.20"),
        ("commitment_unused", "vcpu", "commitment-1", "72", "vcpu_hour", "1.44"),
        ("usage", "gpu-h100", "gpu-h100-usd", "240", "gpu_hour", "538.92"),
        ("usage", "storage", "storage-usd", "120000", "gib_hour", "3.29"),
        ("usage", "vcpu", "vcpu-usd", "1920", "vcpu_hour", "60.80"),
    ),
    "i-7": (("usage", "storage", "storage-jpy", "50000", "gib_hour", "206"), ("usage", "vcpu", "vcpu-jpy", "480", "vcpu_hour", "2280")),
}


def create(client: Client, settings: Settings) -> None:
    """Create the public tables the pages read, empty. The databases and the tables of `ops` exist already."""
    for name, columns in DDL.items():
        client.command(f"CREATE TABLE {_table(settings, name)} ({columns}) ENGINE = MergeTree ORDER BY account_id")


def fill(client: Client, settings: Settings) -> None:
    """Insert the deployment that the module's docstring describes."""
    client.insert(_table(settings, "rating.charges_daily"), [row for charge in CHARGES for row in charge.rows()])
    unrated = [
        (account, project, resource, "", sku, metric, AS_OF - timedelta(hours=12 - hour), Decimal(1), unit, reason, {})
        for account, project, resource, sku, metric, hours, unit, reason in _UNRATED
        for hour in range(hours)
    ]
    client.insert(_table(settings, "rating.unrated_consumption"), unrated)
    heads = {
        words[0]: words for words in (["" if word == "-" else word for word in line.split()] for line in _INVOICES.split("\n") if line)
    }
    client.insert(_table(settings, "invoicing.invoices"), [_invoice_row(words) for words in heads.values()])
    lines = [
        (
            invoice_id, number, heads[invoice_id][3], heads[invoice_id][4], heads[invoice_id][2], heads[invoice_id][5],
            line_type, sku, price, Decimal(quantity), unit, heads[invoice_id][7], Decimal(amount),
        )
        for invoice_id, rows in _LINES.items()
        for number, (line_type, sku, price, quantity, unit, amount) in enumerate(rows, start=1)
    ]  # fmt: skip
    client.insert(_table(settings, "invoicing.invoice_lines"), lines)
    _fill_ops(client, settings)


def _invoice_row(words: list[str]) -> tuple[Any, ...]:
    dates = (NEVER, date(1970, 1, 1)) if words[6] == "draft" else (_ISSUED, date(2026, 3, 3))
    return (*words[:8], *map(Decimal, words[8:]), "", *dates)


def _fill_ops(client: Client, settings: Settings) -> None:
    loaded = datetime(2026, 2, 11, 0, 1, tzinfo=UTC)
    batches = {
        "batch_seq": [1, 2],
        "batch_id": ["b-1", "b-2"],
        "source_name": ["files", "files"],
        "location": ["/landing/2026-01.jsonl.gz", "/landing/2026-02.jsonl.gz"],
        "lines": [120_000, 40_010],
        "blank": [0, 2],
        "rows_read": [120_000, 40_008],
        "rows_accepted": [119_990, 39_990],
        "rows_duplicate": [8, 14],
        "rows_conflict": [0, 1],
        "rows_rejected": [2, 3],
        "loaded_at": [_ISSUED - timedelta(minutes=4), loaded],
    }
    client.insert(_table(settings, "ops.batches"), list(zip(*batches.values(), strict=True)), column_names=list(batches))
    rejected = [
        (1, "b-1", 17, "invalid_json", "{", loaded),
        (1, "b-1", 90, "invalid_quantity", "{}", loaded),
        (2, "b-2", 5, "unknown_type", "{}", loaded),
        (2, "b-2", 6, "unknown_type", "{}", loaded),
        (2, "b-2", 7, "unknown_type", "{}", loaded),
    ]
    client.insert(_table(settings, "ops.rejected_events"), rejected)
    for status, minute in (("started", 2), ("committed", 3)):
        add_tick(client, settings, tick_id=7, status=status, recorded_at=loaded.replace(minute=minute))


def add_tick(client: Client, settings: Settings, *, tick_id: int, status: str, recorded_at: datetime) -> None:
    """A row of ops.ticks with the as-of of this deployment."""
    row = {"tick_id": tick_id, "status": status, "as_of": AS_OF, "recorded_at": recorded_at}
    client.insert(_table(settings, "ops.ticks"), [tuple(row.values())], column_names=list(row))


def _table(settings: Settings, name: str) -> str:
    layer, _, table = name.partition(".")
    return f"{settings.database(layer)}.{table}"
