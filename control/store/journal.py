"""The journal: entries are appended here and never change. What an entry says is decided in domain/ledger.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, true

from control.domain.ledger import Entry, LedgerAccount, Posting, Source, check_balance
from control.domain.money import Money
from control.store import revisions
from control.store.tables import journal_entries, journal_postings


def post(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append entries. One without postings is none; one that is there already makes the database refuse the transaction.

    Raises:
        ValueError: the postings of an entry do not add up to zero: a defect of the caller.
        sqlalchemy.exc.IntegrityError: the same thing is posted a second time.
    """
    wanted = [entry for entry in entries if entry.postings]
    for entry in wanted:
        check_balance(entry)
    postings = [_posting(entry, posting) for entry in wanted for posting in entry.postings]
    if not postings:
        return
    for row, revision in zip(postings, revisions.take(connection, len(postings)), strict=True):
        row["revision"] = revision
    connection.execute(insert(journal_entries), [_entry(entry) for entry in wanted])
    connection.execute(insert(journal_postings), postings)


def is_posted(connection: Connection, source: Source, source_id: str) -> bool:
    """Whether a thing stands in the journal already."""
    found = select(journal_entries.c.entry_id).where(journal_entries.c.source == source.value, journal_entries.c.source_id == source_id)
    return connection.execute(found).first() is not None


def load_entries(connection: Connection, condition: ColumnElement[bool] | None = None) -> Iterator[Entry]:
    """The entries whose row in `journal_entries` meets the condition, by time and id."""
    wanted = true() if condition is None else condition
    postings: dict[str, list[Posting]] = {}
    both = select(journal_postings, journal_entries.c.currency_code).join(
        journal_entries, journal_entries.c.entry_id == journal_postings.c.entry_id
    )
    for row in connection.execute(both.where(wanted).order_by(journal_postings.c.revision)):
        postings.setdefault(row.entry_id, []).append(_loaded(row))
    heads = select(journal_entries).where(wanted).order_by(journal_entries.c.posted_at, journal_entries.c.entry_id)
    for row in connection.execute(heads):
        yield Entry(
            source=Source(row.source),
            source_id=row.source_id,
            posted_at=row.posted_at,
            description=row.description,
            postings=tuple(postings[row.entry_id]),
            account_id=row.account_id,
            invoice_id=row.invoice_id,
            period=row.period,
        )


def balance_of_customer(connection: Connection, account_id: str, currency_code: str) -> Money:
    """What an account has in its favour by the ledger; below zero: it owes it."""
    rows = select(journal_postings.c.amount_minor).join(journal_entries, journal_entries.c.entry_id == journal_postings.c.entry_id)
    mine = rows.where(
        journal_entries.c.account_id == account_id,
        journal_entries.c.currency_code == currency_code,
        journal_postings.c.ledger_account == LedgerAccount.CUSTOMER_BALANCE.value,
    )
    return Money(-sum(connection.execute(mine).scalars()), currency_code)


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "source": entry.source.value,
        "source_id": entry.source_id,
        "account_id": entry.account_id,
        "invoice_id": entry.invoice_id,
        "period": entry.period,
        "currency_code": entry.postings[0].amount.currency_code,
        "description": entry.description,
        "posted_at": entry.posted_at,
    }


def _posting(entry: Entry, posting: Posting) -> dict[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "ledger_account": posting.ledger_account.value,
        "detail": posting.detail,
        "amount_minor": posting.amount.minor,
    }


def _loaded(row: Row[Any]) -> Posting:
    return Posting(ledger_account=LedgerAccount(row.ledger_account), detail=row.detail, amount=Money(row.amount_minor, row.currency_code))
