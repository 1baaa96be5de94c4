"""Reads the ledger: trial balance, and journals for accounting systems. What is posted is decided where it happens.

The form of each export is in control/domain/journals.py.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import true

from control.bootstrap import Control
from control.domain.ledger import Balance, Entry, trial_balance
from control.store.journal import load_entries
from control.store.tables import journal_entries


def read_trial_balance(control: Control, *, until: datetime | None = None) -> list[Balance]:
    """Debits and credits of every account and currency, of all entries posted before `until`."""
    with control.store.reading() as connection:
        entries = load_entries(connection, journal_entries.c.posted_at < until if until else true())
        return trial_balance(posting for entry in entries for posting in entry.postings)


def read_journal(control: Control, *, since: datetime | None = None, until: datetime | None = None) -> list[Entry]:
    """The entries posted in [since, until), by time and id."""
    is_after = journal_entries.c.posted_at >= since if since else true()
    is_before = journal_entries.c.posted_at < until if until else true()
    with control.store.reading() as connection:
        return list(load_entries(connection, is_after & is_before))
