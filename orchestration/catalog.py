"""Applies a catalog folder: accounts, credits and budgets to the control store, their master, everything else to raw.

Validation is ingestion/catalog's, the rules of accounts are control's; this is the order they are called in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from control.bootstrap import Control
from control.domain.accounts import AccountRow, BudgetRow, CreditRow
from control.services import accounts
from control.services.publish import publish
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.load import apply_catalog
from ingestion.catalog.read import read_catalog
from orchestration.preview import Change, preview
from warehouse.errors import RefusedError
from warehouse.settings import Settings

SHOWN_CHANGES = 5  # of a refused restatement; `catalog diff` shows all


@dataclass(frozen=True, kw_only=True)
class CatalogApplied:
    """What applying a folder changed; counts are rows that differ from what was stored."""

    catalog_version: int
    changed: bool  # a new version was written
    accounts_changed: int
    credits_changed: int
    budgets_changed: int


def apply_folder(control: Control, client: Client, settings: Settings, folder: Path, *, may_restate: bool = False) -> CatalogApplied:
    """Validate a catalog folder and apply it. Repeating it changes nothing. Callers hold the pipeline's lease.

    The control store comes first, since only it can still refuse. A crash in between leaves accounts that no price
    refers to yet; repeating the call completes it.

    Args:
        control: of the deployment.
        client: of the pipeline user.
        settings: of the deployment.
        folder: nine files at most.
        may_restate: whether the catalog may alter what issued months were billed.

    Raises:
        InputError: the folder is not valid; nothing was written.
        RefusedError: an account would change its currency, a credit would shrink below its use, or an issued month would
            change; nothing was written.
    """
    catalog = _read(control, client, settings, folder)
    accounts.check_credits(control, _credits(catalog))
    if not may_restate and _has_closed_periods(client, settings) and _differs(client, settings, catalog):
        _refuse_restatement(preview(client, settings, catalog, seller_country=control.settings.seller.country_code))
    accounts_changed = accounts.upsert_accounts(control, [AccountRow(**asdict(row)) for row in catalog.accounts], now=settings.now())
    credits_changed = accounts.upsert_credits(control, _credits(catalog))
    budgets_changed = accounts.upsert_budgets(control, [BudgetRow(**asdict(row)) for row in catalog.budgets])
    publish(control, client, settings)
    version = apply_catalog(client, settings, catalog)
    return CatalogApplied(
        catalog_version=version.version,
        changed=version.changed,
        accounts_changed=accounts_changed,
        credits_changed=credits_changed,
        budgets_changed=budgets_changed,
    )


def diff_folder(control: Control, client: Client, settings: Settings, folder: Path) -> list[Change]:
    """What applying a folder would change, in money, in drafts and issued months. Writes nothing. Callers hold the lease.

    Raises:
        InputError: the folder is not valid.
        RefusedError: a credit would shrink below its use.
    """
    catalog = _read(control, client, settings, folder)
    accounts.check_credits(control, _credits(catalog))
    return preview(client, settings, catalog, seller_country=control.settings.seller.country_code)


def _read(control: Control, client: Client, settings: Settings, folder: Path) -> Catalog:
    publish(control, client, settings)
    known = client.query(f"SELECT account_id, currency_code FROM {settings.database('raw')}.control_accounts FINAL")
    return read_catalog(folder, known_accounts=dict(known.result_rows))  # type: ignore[arg-type]  # rows of two texts


def _credits(catalog: Catalog) -> list[CreditRow]:
    return [CreditRow(**asdict(row)) for row in catalog.credits]


def _has_closed_periods(client: Client, settings: Settings) -> bool:
    count: int = client.query(f"SELECT count() FROM {settings.database('raw')}.control_closed_periods").result_rows[0][0]
    return count > 0


def _differs(client: Client, settings: Settings, catalog: Catalog) -> bool:
    versions = f"{settings.database('raw')}.catalog_versions"
    current = client.query(f"SELECT content_hash FROM {versions} ORDER BY catalog_version DESC LIMIT 1").result_rows
    return not current or current[0][0] != catalog.content_hash


def _refuse_restatement(changes: Sequence[Change]) -> None:
    altered = [change for change in changes if change.is_issued and change.is_altered]
    if not altered:
        return
    shown = "; ".join(
        f"{change.account_id} {change.period} {change.sku_id} {change.amount_before:f} → {change.amount_after:f} {change.currency_code}"
        for change in altered[:SHOWN_CHANGES]
    )
    more = f"; and {len(altered) - SHOWN_CHANGES} more" if len(altered) > SHOWN_CHANGES else ""
    raise RefusedError(
        f"the catalog would alter issued months ({shown}{more}); see `meterhouse catalog diff`, and apply with --restate to issue notes"
    )
