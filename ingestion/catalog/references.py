"""Each id a row names must exist: SKUs, prices and services in the folder, accounts in it or in the control store."""

from __future__ import annotations

from collections.abc import Container

from ingestion.catalog.draft import Draft
from ingestion.catalog.lines import Line


def check_references(draft: Draft, known_accounts: Container[str]) -> None:
    """Note every unknown SKU, account, price and service. `known_accounts` are the control store's."""
    services = frozenset(sku.row.service for sku in draft.skus.good)
    for entry in draft.prices.good:
        _check_sku(entry.line, "sku_id", entry.row.sku_id, draft)
        if entry.row.account_id:
            _check_account(entry.line, entry.row.account_id, draft, known_accounts)
    for tier in draft.price_tiers.good:
        if not draft.prices.may_name(tier.row.price_id):
            tier.line.refuse("price_id", f"unknown price {tier.row.price_id!r}; add it to prices.csv or correct it")
    for discount in draft.discounts.good:
        if discount.row.account_id:
            _check_account(discount.line, discount.row.account_id, draft, known_accounts)
        _check_scope(discount.line, discount.row.scope_type, discount.row.scope_value, draft, services)
    for commitment in draft.commitments.good:
        _check_account(commitment.line, commitment.row.account_id, draft, known_accounts)
        _check_sku(commitment.line, "sku_id", commitment.row.sku_id, draft)
    for credit in draft.credits.good:
        _check_account(credit.line, credit.row.account_id, draft, known_accounts)
    for budget in draft.budgets.good:
        _check_account(budget.line, budget.row.account_id, draft, known_accounts)
        _check_scope(budget.line, budget.row.scope_type, budget.row.scope_value, draft, services)


def _check_account(line: Line, account_id: str, draft: Draft, known_accounts: Container[str]) -> None:
    if account_id not in known_accounts and not draft.accounts.may_name(account_id):
        line.refuse("account_id", f"unknown account {account_id!r}; add it to accounts.csv or correct it")


def _check_sku(line: Line, column: str, sku_id: str, draft: Draft) -> None:
    if not draft.skus.may_name(sku_id):
        line.refuse(column, f"unknown sku {sku_id!r}; add it to skus.csv or correct it")


def _check_scope(line: Line, scope_type: str, scope_value: str, draft: Draft, services: Container[str]) -> None:
    """A project is not checked: projects are known from events only."""
    if scope_type == "sku":
        _check_sku(line, "scope_value", scope_value, draft)
    if scope_type == "service" and scope_value not in services and draft.skus.is_whole and not draft.skus.bad:
        line.refuse("scope_value", f"no sku has the service {scope_value!r}; write a service of skus.csv")
