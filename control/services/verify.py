"""Verifies what must never have changed: documents against their hashes, numbers against gaps, the ledger against itself.

Each function returns what is wrong, and nothing where all is well; a check of each run asks them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select

from control.bootstrap import Control
from control.domain.documents import IssuedInvoice, hash_of
from control.domain.ledger import LedgerAccount
from control.store.documents import load_documents
from control.store.tables import invoices, ledger_postings, number_series


def verify_hashes(control: Control) -> list[IssuedInvoice]:
    """Documents whose stored content is not what was issued, in the order of their numbers. Reads one month at a time."""
    with control.store.reading() as connection:
        periods: Sequence[str] = connection.execute(select(invoices.c.period).distinct()).scalars().all()
        return [
            invoice
            for period in sorted(periods)
            for invoice in load_documents(connection, invoices.c.period == period)
            if hash_of(invoice) != invoice.content_hash
        ]


def verify_numbers(control: Control) -> list[str]:
    """Numbers that a series gave out and no document has, or the reverse, as `PREFIX-n`."""
    with control.store.reading() as connection:
        numbers: dict[str, set[int]] = defaultdict(set)
        # An unnamed seller's series may have been taken over, so the prefix and not the key tells whose number it is.
        for row in connection.execute(select(invoices.c.invoice_number, invoices.c.series_number)):
            numbers[row.invoice_number.rpartition("-")[0]].add(row.series_number)
        wrong = []
        for series in connection.execute(select(number_series).order_by(number_series.c.prefix)):
            expected = set(range(1, series.last_number + 1))
            wrong += [f"{series.prefix}-{number}" for number in sorted(expected ^ numbers[series.prefix])]
        return wrong


def verify_ledger(control: Control) -> list[str]:
    """Transactions that do not add up to zero, and documents whose receivable is not total - paid, each as one sentence."""
    with control.store.reading() as connection:
        by_transaction: dict[tuple[str, str], int] = defaultdict(int)
        receivable: dict[str, int] = defaultdict(int)
        for posting in connection.execute(select(ledger_postings)):
            by_transaction[posting.transaction_id, posting.currency_code] += posting.amount_minor
            if posting.ledger_account == LedgerAccount.RECEIVABLE:
                receivable[posting.invoice_id] += posting.amount_minor
        wrong = [
            f"transaction {name} is off by {rest} minor units of {currency}" for (name, currency), rest in by_transaction.items() if rest
        ]
        for row in connection.execute(select(invoices)):
            open_minor = row.total_minor - row.paid_minor
            if receivable[row.invoice_id] != open_minor:
                wrong.append(f"{row.invoice_number} has {open_minor} open, the ledger says {receivable[row.invoice_id]} (minor units)")
        return wrong
