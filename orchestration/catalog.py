"""Applies a catalog folder: accounts, credits and budgets to the control store, their master, everything else to raw.

Validation is ingestion/catalog's, the rules of accounts are control's; this is the order they are called in.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from control.bootstrap import Control
from control.domain.accounts import AccountRow, BudgetRow, CreditRow
from control.services import accounts
from control.services.publish import publish
from ingestion.catalog.load import apply_catalog
from ingestion.catalog.read import read_catalog
from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class CatalogApplied:
    """What applying a folder changed; counts are rows that differ from what was stored."""

    catalog_version: int
    changed: bool  # a new version was written
    accounts_changed: int
    credits_changed: int
    budgets_changed: int


def apply_folder(control: Control, client: Client, settings: Settings, folder: Path) -> CatalogApplied:
    """Validate a catalog folder and apply it. Repeating it changes nothing. Callers hold the pipeline's lease.

    The control store comes first, since only it can still refuse. A crash in between leaves accounts that no price
    refers to yet; repeating the call completes it.

    Raises:
        InputError: the folder is not valid; nothing was written.
        RefusedError: an account would change its currency, or a credit would shrink below its use.
    """
    publish(control, client, settings)
    known = client.query(f"SELECT account_id, currency_code FROM {settings.database('raw')}.control_accounts FINAL")
    catalog = read_catalog(folder, known_accounts=dict(known.result_rows))  # type: ignore[arg-type]  # rows of two texts
    accounts_changed = accounts.upsert_accounts(control, [AccountRow(**asdict(row)) for row in catalog.accounts])
    credits_changed = accounts.upsert_credits(control, [CreditRow(**asdict(row)) for row in catalog.credits])
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
