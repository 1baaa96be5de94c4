"""Invoicing: from unrounded charges to draft invoices, and to notes for closed months (sections 4.5 to 4.8).

The only rounding of money happens here: lines and tax, to the currency's minor unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

from tests.reference.catalog import Account, Catalog
from tests.reference.documents import (
    Books,
    CreditUses,
    Document,
    InvoiceKey,
    Line,
    LineKey,
    Lines,
    merge_line_types,
    pop_last_used,
)
from tests.reference.instants import month_of
from tests.reference.numbers import MINOR_UNITS, round_half_away
from tests.reference.rating import Charge, ChargeKey

MonthLines = dict[tuple[str, str], dict[LineKey, Line]]


def draft(catalog: Catalog, seller_country: str, recomputed: MonthLines, books: Books) -> tuple[Document, ...]:
    """All drafts: an invoice per account and open month with lines, a note per account and closed month that changed."""
    open_months = [(target, lines) for target, lines in recomputed.items() if target[1] not in books.closed]
    invoices = {InvoiceKey(account_id, month, "invoice", ""): lines for (account_id, month), lines in open_months}
    notes = {}
    for account_id, month in books.billed_months() | {target for target in recomputed if target[1] in books.closed}:
        lines = _adjustments(recomputed.get((account_id, month), {}), books, account_id, month)
        if lines:
            kind = "debit_note" if _subtotal(lines) > 0 else "credit_note"
            notes[InvoiceKey(account_id, books.first_open_month_after(month), kind, month)] = lines
    purse = _Purse(catalog, books)
    ordered = [
        *sorted(notes.items(), key=lambda item: item[0].adjusted_period),
        *sorted(invoices.items(), key=lambda item: item[0].period),
    ]
    return tuple(_settle(key, lines, catalog=catalog, seller_country=seller_country, books=books, purse=purse) for key, lines in ordered)


def month_lines(charges: Mapping[ChargeKey, Charge]) -> MonthLines:
    """Invoice lines per (account, month): exact amounts added up, then rounded once."""
    quantities: dict[tuple[str, str, LineKey], Fraction] = defaultdict(Fraction)
    amounts: dict[tuple[str, str, LineKey], Fraction] = defaultdict(Fraction)
    places: dict[str, int] = {}
    for key, charge in charges.items():
        line = (key.account_id, month_of(key.hour_at), LineKey(key.charge_type, key.sku_id, key.price_id))
        quantities[line] += charge.quantity
        amounts[line] += charge.amount_unrounded
        places[key.account_id] = MINOR_UNITS[charge.currency_code]
    lines: MonthLines = defaultdict(dict)
    for (account_id, month, line_key), quantity in quantities.items():
        amount = round_half_away(amounts[account_id, month, line_key], places[account_id])
        lines[account_id, month][line_key] = Line(quantity=quantity, amount=amount)
    return lines


def _adjustments(recomputed: Lines, books: Books, account_id: str, month: str) -> dict[LineKey, Line]:
    """Recomputed minus billed per SKU and price, where amount or quantity is not zero."""
    now, before = merge_line_types([recomputed]), books.billed(account_id, month)
    nothing = Line(quantity=Fraction(0), amount=Fraction(0))
    lines = {}
    for key in now.keys() | before.keys():
        quantity = now.get(key, nothing).quantity - before.get(key, nothing).quantity
        amount = now.get(key, nothing).amount - before.get(key, nothing).amount
        if quantity or amount:
            lines[LineKey("adjustment", key.sku_id, key.price_id)] = Line(quantity=quantity, amount=amount)
    return lines


def _settle(key: InvoiceKey, lines: Lines, *, catalog: Catalog, seller_country: str, books: Books, purse: _Purse) -> Document:
    """Add credits and tax to the lines of a draft."""
    account = catalog.account_by_id[key.account_id]
    month = key.adjusted_period or key.period
    subtotal = _subtotal(lines)
    uses = purse.give_back(account, month, -subtotal) if key.kind == "credit_note" else purse.use(account, month, subtotal)
    credit_amount = sum((amount for _, amount in uses), Fraction(0))
    percent = catalog.tax_percent(account, month)
    if key.adjusted_period:
        percent = books.tax_percents.get((account.account_id, month), percent)
    tax_amount = round_half_away((subtotal - credit_amount) * percent / 100, MINOR_UNITS[account.currency_code])
    return Document(
        key=key,
        currency_code=account.currency_code,
        lines=lines,
        subtotal_amount=subtotal,
        credit_amount=credit_amount,
        tax_percent=percent,
        tax_amount=tax_amount,
        total_amount=subtotal - credit_amount + tax_amount,
        is_reverse_charge=account.is_tax_exempt and bool(account.tax_id) and account.country_code != seller_country,
        credit_uses=uses,
    )


def _subtotal(lines: Lines) -> Fraction:
    return sum((line.amount for line in lines.values()), Fraction(0))


class _Purse:
    """What is left of each credit while drafts are settled one after the other."""

    def __init__(self, catalog: Catalog, books: Books) -> None:
        self._books = books
        self._left = {credit.credit_id: credit.amount for credit in catalog.credits}
        for document in books.issued:
            for credit_id, amount in document.credit_uses:
                self._left[credit_id] -= amount
        self._by_account = defaultdict(list)
        for credit in sorted(catalog.credits, key=lambda each: (each.valid_to is None, each.valid_to or 0, each.credit_id)):
            self._by_account[credit.account_id].append(credit)

    def use(self, account: Account, month: str, amount: Fraction) -> CreditUses:
        """Credits that overlap the month, soonest valid_to first, up to the amount; none for an amount below zero."""
        uses = []
        for credit in self._by_account[account.account_id]:
            part = min(amount, self._left[credit.credit_id])
            if part > 0 and credit.overlaps_month(month):
                self._left[credit.credit_id] -= part
                amount -= part
                uses.append((credit.credit_id, part))
        return tuple(uses)

    def give_back(self, account: Account, month: str, amount: Fraction) -> CreditUses:
        """Give back what the month's documents used, last used first, up to the amount."""
        returned = pop_last_used(self._books.credits_in_use(account.account_id, month), amount)
        for credit_id, part in returned.items():
            self._left[credit_id] += part
        return tuple((credit_id, -part) for credit_id, part in returned.items())
