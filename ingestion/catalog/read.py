"""From a folder to a Catalog: all files, all rules, all problems in one error. Writes nothing and asks no store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ingestion.catalog.account_rules import check_accounts
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.draft import Draft, read_draft
from ingestion.catalog.files import check_names
from ingestion.catalog.problems import Problems
from ingestion.catalog.references import check_references
from ingestion.catalog.sku_rules import check_skus
from ingestion.catalog.tiers import check_tiers
from ingestion.catalog.validity import check_validity


def read_catalog(folder: Path, *, known_accounts: Mapping[str, str] | None = None) -> Catalog:
    """Read and validate a catalog folder as a whole.

    Args:
        folder: holds the files of docs/catalog.md.
        known_accounts: account_id → currency_code of accounts the control store already has; rows may refer to them,
            and their currency cannot change.

    Raises:
        InputError: anything is wrong; a line for each problem, `file:line:column: reason`, at most 50 of them.
    """
    accounts = known_accounts or {}
    problems = Problems()
    check_names(folder, problems)
    draft = read_draft(folder, problems)
    check_references(draft, accounts)
    check_accounts(draft, accounts)
    check_skus(draft)
    check_tiers(draft)
    check_validity(draft)
    problems.raise_if_any(folder)
    return _catalog(draft)


def _catalog(draft: Draft) -> Catalog:
    """Text sorts by code point, which is the byte order of UTF-8 and the order of the warehouse."""
    return Catalog(
        accounts=tuple(sorted((entry.row for entry in draft.accounts.good), key=lambda row: row.account_id)),
        skus=tuple(sorted((entry.row for entry in draft.skus.good), key=lambda row: row.sku_id)),
        prices=tuple(sorted((entry.row for entry in draft.prices.good), key=lambda row: row.price_id)),
        price_tiers=tuple(sorted((entry.row for entry in draft.price_tiers.good), key=lambda row: (row.price_id, row.tier))),
        discounts=tuple(sorted((entry.row for entry in draft.discounts.good), key=lambda row: row.discount_id)),
        commitments=tuple(sorted((entry.row for entry in draft.commitments.good), key=lambda row: row.commitment_id)),
        credits=tuple(sorted((entry.row for entry in draft.credits.good), key=lambda row: row.credit_id)),
        taxes=tuple(sorted((entry.row for entry in draft.taxes.good), key=lambda row: (row.country_code, row.tax_name, row.valid_from))),
        budgets=tuple(sorted((entry.row for entry in draft.budgets.good), key=lambda row: row.budget_id)),
    )
