"""Invoices and notes as documents, and the books that keep the issued ones.

The books are the only state of the model: what a close issued never changes and is an input of every later bill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from tests.reference.catalog import Catalog
from tests.reference.instants import month_end, next_month


class InvoiceKey(NamedTuple):
    """Issued in this order within a close: account_id, kind, adjusted_period (empty for an invoice)."""

    account_id: str
    period: str
    kind: str
    adjusted_period: str


class LineKey(NamedTuple):
    line_type: str
    sku_id: str
    price_id: str


class PricedSku(NamedTuple):
    """What lines are compared by after a close, whatever their types."""

    sku_id: str
    price_id: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """Amount rounded to the currency's minor unit."""

    quantity: Fraction
    amount: Fraction


Lines = Mapping[LineKey, Line]
CreditUses = tuple[tuple[str, Fraction], ...]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A draft (number 0) or an issued invoice or note. `credit_uses` are (credit_id, amount) in order, negative where given back."""

    key: InvoiceKey
    currency_code: str
    lines: Lines
    subtotal_amount: Fraction
    credit_amount: Fraction
    tax_percent: Fraction
    tax_amount: Fraction
    total_amount: Fraction
    is_reverse_charge: bool
    credit_uses: CreditUses
    number: int = 0

    @property
    def month(self) -> str:
        """The month whose consumption the lines bill."""
        return self.key.adjusted_period or self.key.period


class RefusedError(Exception):
    """A close that the contract refuses."""


@dataclass
class Books:
    """Issued documents in the order of their numbers, the closed months, and each account's tax percent at a month's close."""

    issued: list[Document] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    tax_percents: dict[tuple[str, str], Fraction] = field(default_factory=dict)
    _by_month: dict[tuple[str, str], list[Document]] = field(default_factory=lambda: defaultdict(list), repr=False)

    def close(self, catalog: Catalog, drafts: tuple[Document, ...], period: str, as_of: int) -> tuple[Document, ...]:
        """Issue the drafts of a month and close it; a closed month is left alone.

        Raises:
            RefusedError: the month's end is after as-of, or an earlier month with drafts is open.
        """
        if period in self.closed:
            return ()
        if month_end(period) > as_of:
            raise RefusedError(f"{period} ends after as-of")
        earlier = sorted(draft.key.period for draft in drafts if draft.key.period < period)
        if earlier:
            raise RefusedError(f"{earlier[0]} has drafts and is open; close it before {period}")
        due = sorted((draft for draft in drafts if draft.key.period == period), key=lambda draft: draft.key)
        issued = tuple(replace(draft, number=len(self.issued) + place) for place, draft in enumerate(due, start=1))
        self.issued.extend(issued)
        for document in issued:
            self._by_month[document.key.account_id, document.month].append(document)
        self.closed.add(period)
        for account in catalog.accounts:
            self.tax_percents[account.account_id, period] = catalog.tax_percent(account, period)
        return issued

    def first_open_month_after(self, month: str) -> str:
        """The month with whose close a note for this month is issued."""
        period = next_month(month)
        while period in self.closed:
            period = next_month(period)
        return period

    def billed(self, account_id: str, month: str) -> dict[PricedSku, Line]:
        """What the month's invoice and notes have billed so far, per SKU and price."""
        return merge_line_types([document.lines for document in self._by_month.get((account_id, month), ())])

    def credits_in_use(self, account_id: str, month: str) -> list[tuple[str, Fraction]]:
        """Credits the month's documents used and have not given back, in the order of use."""
        stack: list[tuple[str, Fraction]] = []
        for document in self._by_month.get((account_id, month), ()):
            for credit_id, amount in document.credit_uses:
                if amount > 0:
                    stack.append((credit_id, amount))
                else:
                    pop_last_used(stack, -amount)
        return stack

    def billed_months(self) -> set[tuple[str, str]]:
        """Each (account, month) that has a document."""
        return set(self._by_month)


def merge_line_types(documents: Iterable[Lines]) -> dict[PricedSku, Line]:
    """Sum lines per SKU and price."""
    quantities: dict[PricedSku, Fraction] = defaultdict(Fraction)
    amounts: dict[PricedSku, Fraction] = defaultdict(Fraction)
    for lines in documents:
        for key, line in lines.items():
            quantities[PricedSku(key.sku_id, key.price_id)] += line.quantity
            amounts[PricedSku(key.sku_id, key.price_id)] += line.amount
    return {key: Line(quantity=quantities[key], amount=amounts[key]) for key in quantities}


def pop_last_used(stack: list[tuple[str, Fraction]], amount: Fraction) -> dict[str, Fraction]:
    """Take an amount off the end of the uses of credits; at most what is there. Returns what each credit gets back, last used first."""
    returned: dict[str, Fraction] = defaultdict(Fraction)
    while amount > 0 and stack:
        credit_id, used = stack.pop()
        part = min(used, amount)
        returned[credit_id] += part
        amount -= part
        if part < used:
            stack.append((credit_id, used - part))
    return returned
