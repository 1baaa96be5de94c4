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
from control.domain.status import InvoiceStatus
from control.store.documents import load_documents
from control.store.tables import invoices, journal_entries, journal_postings, number_series


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
    """What the ledger and the documents say differently, each as one sentence.

    Entries that do not add up to zero; documents whose receivable is not what is open; months whose revenue is not what their
    documents bill.
    """
    with control.store.reading() as connection:
        by_entry: dict[str, int] = defaultdict(int)
        receivable: dict[str, int] = defaultdict(int)
        revenue: dict[tuple[str, str], int] = defaultdict(int)
        both = select(journal_postings, journal_entries.c.invoice_id, journal_entries.c.period, journal_entries.c.currency_code).join(
            journal_entries, journal_entries.c.entry_id == journal_postings.c.entry_id
        )
        for posting in connection.execute(both):
            by_entry[posting.entry_id] += posting.amount_minor
            if posting.ledger_account == LedgerAccount.RECEIVABLE:
                receivable[posting.invoice_id] += posting.amount_minor
            if posting.ledger_account == LedgerAccount.REVENUE:
                revenue[posting.period, posting.currency_code] -= posting.amount_minor
        wrong = [f"entry {name} is off by {rest} minor units" for name, rest in by_entry.items() if rest]
        billed: dict[tuple[str, str], int] = defaultdict(int)
        for row in connection.execute(select(invoices)):
            billed[row.period, row.currency_code] += row.subtotal_minor
            open_minor = row.total_minor - row.paid_minor
            if row.status == InvoiceStatus.UNCOLLECTIBLE:
                open_minor = 0  # written off: the rest is bad debt
            if receivable[row.invoice_id] != open_minor:
                wrong.append(f"{row.invoice_number} has {open_minor} open, the ledger says {receivable[row.invoice_id]} (minor units)")
        for month in sorted(billed.keys() | revenue.keys()):
            if billed[month] != revenue[month]:
                wrong.append(f"{month[0]} billed {billed[month]} {month[1]} before tax, its revenue is {revenue[month]} (minor units)")
        return wrong
