"""What binds rows to their account: its currency, which never changes, and the country its tax needs."""

from __future__ import annotations

from collections.abc import Mapping

from ingestion.catalog.draft import Draft
from ingestion.catalog.lines import Line


def check_accounts(draft: Draft, known_accounts: Mapping[str, str]) -> None:
    """Note changed currencies, rows in another currency than their account's, and taxed accounts without a country.

    `known_accounts` is account_id → currency_code of the control store, the master of both.
    """
    currencies = {entry.row.account_id: entry.row.currency_code for entry in draft.accounts.good} | dict(known_accounts)
    for account in draft.accounts.good:
        fixed = currencies[account.row.account_id]
        if account.row.currency_code != fixed:
            account.line.refuse(
                "currency_code",
                f"account {account.row.account_id!r} is billed in {fixed} and an account's currency never changes; "
                f"open a new account for {account.row.currency_code}",
            )
        if draft.taxes.good and not account.row.country_code and not account.row.is_tax_exempt:
            account.line.refuse(
                "country_code",
                "must not be empty where taxes.csv sets taxes: without a country the account would pay none; or set is_tax_exempt",
            )
    for commitment in draft.commitments.good:
        _check_currency(commitment.line, commitment.row.account_id, commitment.row.currency_code, currencies)
    for credit in draft.credits.good:
        _check_currency(credit.line, credit.row.account_id, credit.row.currency_code, currencies)
    for budget in draft.budgets.good:
        _check_currency(budget.line, budget.row.account_id, budget.row.currency_code, currencies)


def _check_currency(line: Line, account_id: str, currency_code: str, currencies: Mapping[str, str]) -> None:
    """An unknown account has no currency to compare with; references.py reports it."""
    fixed = currencies.get(account_id, currency_code)
    if currency_code != fixed:
        line.refuse("currency_code", f"{currency_code} is not the currency of account {account_id!r}; write {fixed} and the amount in it")
