"""A deployment on the real engine that plays stories: applies catalogs, loads batches, ticks, closes, and reads back the public tables.

The expected tables come from tests/reference. Nothing here knows how a number comes about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from control.bootstrap import Control, open_control
from control.domain.accounts import AccountRow, CreditRow
from control.services.accounts import upsert_accounts, upsert_credits
from control.services.close import close_period
from control.services.publish import publish, reached
from control.settings import ControlSettings
from ingestion.catalog import apply_catalog, read_catalog
from ingestion.loader import load_files
from orchestration import dbt
from tests.generators.files import write_batches, write_catalog
from tests.reference import Batch, Catalog, Result, as_rows
from warehouse import ticks
from warehouse.errors import InputError
from warehouse.settings import Settings

Rows = dict[tuple[Any, ...], dict[str, Any]]

# Public table -> its grain and the other columns that the reference model computes.
TABLES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "metering.consumption_hourly": (
        ("account_id", "project_id", "resource_id", "region", "sku_id", "hour_at"),
        ("quantity", "unit", "labels"),
    ),
    "rating.charges_hourly": (
        ("account_id", "project_id", "resource_id", "region", "sku_id", "hour_at", "charge_type", "price_id"),
        ("service", "currency_code", "quantity", "unit", "list_amount_unrounded", "amount_unrounded", "discount_id", "labels"),
    ),
    "rating.charges_daily": (
        ("account_id", "project_id", "resource_id", "region", "sku_id", "charge_date", "charge_type", "price_id"),
        ("service", "currency_code", "quantity", "unit", "list_amount_unrounded", "amount_unrounded"),
    ),
    "rating.unrated_consumption": (
        ("account_id", "project_id", "resource_id", "region", "sku_id", "metric", "hour_at", "reason_code"),
        ("quantity", "unit", "labels"),
    ),
    "invoicing.invoices": (
        ("account_id", "period", "kind", "adjusted_period"),
        ("status", "currency_code", "subtotal_amount", "credit_amount", "tax_percent", "tax_amount", "total_amount"),
    ),
    "invoicing.invoice_lines": (
        ("account_id", "period", "kind", "adjusted_period", "line_type", "sku_id", "price_id"),
        # Not the unit: an issued line keeps the one it had, also where the SKU has left the catalog since.
        ("quantity", "currency_code", "amount"),
    ),
}


@dataclass
class Stage:
    """One deployment that plays."""

    settings: Settings
    client: Client
    control: Control
    folder: Path
    loaded: int = 0
    applied: int = 0

    def apply(self, catalog: Catalog) -> None:
        """Write the catalog as a folder, read it back through the product, and load it."""
        folder = write_catalog(catalog, self.folder / f"catalog-{self.applied:03d}")
        self.applied += 1
        read = read_catalog(folder)
        upsert_accounts(self.control, [AccountRow(**asdict(row)) for row in read.accounts])
        upsert_credits(self.control, [CreditRow(**asdict(row)) for row in read.credits])
        apply_catalog(self.client, self.settings, read)

    def load(self, batches: Sequence[Batch]) -> None:
        """Write the batches as files and load them together."""
        folder = self.folder / f"events-{self.loaded:03d}"
        self.loaded += 1
        for result in load_files(self.client, self.settings, write_batches(batches, folder)):
            if isinstance(result, InputError):
                raise result

    def tick(self, as_of: int | None, *, is_rebuild: bool = False, scope: dbt.Scope = "touched") -> None:
        """One tick to as-of (milliseconds): models and all their tests. Fails with what failed."""
        tick = self._begin(as_of, is_rebuild=is_rebuild)
        results = dbt.build(self.settings, scope=scope)
        checks = {name for name in dbt.manifest(self.settings)["nodes"] if name.startswith("test.")}
        assert checks <= {result.unique_id for result in results}, "a tick left out checks"
        bad = [result for result in results if result.status not in ("success", "pass", "no-op")]
        assert not bad, "\n".join(f"{result.unique_id}: {result.status}: {result.message}" for result in bad)
        ticks.commit(self.client, self.settings, tick)

    def fail(self, as_of: int | None, *, last_model: str) -> None:
        """The attempt of a tick that dies after a model and what that stands on: nothing is checked or committed."""
        self._begin(as_of)
        results = dbt.build(self.settings, select=[f"+{last_model}"])
        assert f"model.meterhouse.{last_model}" in {result.unique_id for result in results if result.status == "success"}

    def _begin(self, as_of: int | None, *, is_rebuild: bool = False) -> ticks.Tick:
        revision = reached(self.control)
        publish(self.control, self.client, self.settings)
        span = {"rebuild_from": ticks.EPOCH, "rebuild_to": ticks.FOREVER} if is_rebuild else {}
        return ticks.begin(
            self.client,
            self.settings,
            as_of=None if as_of is None else instant(as_of),
            seller_country=self.control.settings.seller.country_code,
            control_revision=revision,
            **span,
        )

    def close(self, period: str, as_of: int) -> None:
        """Issue a month's drafts."""
        close_period(self.control, self.client, self.settings, period, as_of=instant(as_of), now=instant(as_of))

    def read(self, table: str) -> Rows:
        """A public table, keyed by its grain; a key that occurs twice fails."""
        key, values = TABLES[table]
        layer, _, name = table.partition(".")
        columns = [*key, *values]
        # Decimals as text: the driver's own conversion works within 28 digits.
        selected = ", ".join(f"toString({name})" if _is_number(name) else name for name in columns)
        rows: Rows = {}
        for row in self.client.query(f"SELECT {selected} FROM {self.settings.database(layer)}.{name}").result_rows:
            named = {column: Fraction(cell) if _is_number(column) else cell for column, cell in zip(columns, row, strict=True)}
            identity = tuple(named.pop(column) for column in key)
            assert identity not in rows, f"{table} has two rows of {identity}"
            rows[identity] = named
        return rows

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A public table as plain rows, numbers as Decimals."""
        key, _ = TABLES[table]
        return [
            {
                **dict(zip(key, identity, strict=True)),
                **{
                    name: Decimal(cell.numerator) / cell.denominator if isinstance(cell, Fraction) else cell for name, cell in cells.items()
                },
            }
            for identity, cells in self.read(table).items()
        ]


def instant(milliseconds: int) -> datetime:
    """An instant of the reference model as a datetime, exactly."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def expected(result: Result, table: str) -> Rows:
    """The same table of the reference model."""
    key, values = TABLES[table]
    rows: Rows = {}
    for row in as_rows(getattr(result, table.partition(".")[2])):
        cells = {name: Fraction(cell) if isinstance(cell, Decimal | int) and _is_number(name) else cell for name, cell in row.items()}
        rows[tuple(cells[column] for column in key)] = {column: cells[column] for column in values}
    return rows


def difference(found: Rows, wanted: Rows, *, shown: int = 5) -> str:
    """What differs, in words; empty where nothing does."""
    missing = [f"missing {key}: {wanted[key]}" for key in wanted.keys() - found.keys()]
    extra = [f"extra {key}: {found[key]}" for key in found.keys() - wanted.keys()]
    other = [f"{key}: found {found[key]}, wanted {wanted[key]}" for key in found.keys() & wanted.keys() if found[key] != wanted[key]]
    total = len(missing) + len(extra) + len(other)
    if not total:
        return ""
    lines = [*sorted(missing)[:shown], *sorted(extra)[:shown], *sorted(other)[:shown]]
    return f"{total} of {len(wanted)} rows differ ({len(missing)} missing, {len(extra)} extra, {len(other)} other):\n" + "\n".join(lines)


@contextmanager
def open_stage(settings: Settings, client: Client, folder: Path, *, seller_country: str = "DE") -> Iterator[Stage]:
    """A stage on the databases of `settings`."""
    seller = ControlSettings(_env_file=None, seller_country=seller_country)
    with open_control(settings, seller) as control:
        yield Stage(settings=settings, client=client, control=control, folder=folder)


def _is_number(column: str) -> bool:
    return column.endswith(("quantity", "amount", "_amount", "unrounded", "_percent"))
