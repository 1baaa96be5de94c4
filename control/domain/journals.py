"""Journals in forms that accounting systems read: CSV, one posting a line, and Beancount.

Beancount's grammar: https://beancount.github.io/docs/beancount_language_syntax.html. A file stands alone: it opens each account
it uses, on the day of its first posting, with the currencies it holds.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date

from control.domain.ledger import SIDES, Entry, LedgerAccount, Posting, Side

CSV_COLUMNS = (
    "entry_id", "posted_at", "source", "source_id", "description", "account_id", "invoice_id", "period", "ledger_account", "detail",
    "currency_code", "debit_amount", "credit_amount",
)  # fmt: skip

_ROOTS = {Side.ASSET: "Assets", Side.LIABILITY: "Liabilities", Side.INCOME: "Income", Side.EXPENSE: "Expenses"}


def to_csv(entries: Sequence[Entry]) -> str:
    """One line a posting, amounts in major units; of debit and credit one is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for entry in entries:
        for posting in entry.postings:
            amount = f"{abs(posting.amount.amount):f}"
            debit, credit = (amount, "") if posting.amount.minor > 0 else ("", amount)
            posted_at = entry.posted_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            head = (entry.entry_id, posted_at, entry.source.value, entry.source_id, entry.description)
            of = (entry.account_id, entry.invoice_id, entry.period, posting.ledger_account.value, posting.detail)
            writer.writerow((*head, *of, posting.amount.currency_code, debit, credit))
    return out.getvalue()


def to_beancount(entries: Sequence[Entry]) -> str:
    """A ledger that Beancount and Fava read. Each transaction carries the id of its entry as metadata."""
    return "\n".join(_lines(entries)) + "\n"


def beancount_account(ledger_account: LedgerAccount, detail: str) -> str:
    """`Income:Revenue:Compute`, `Assets:Cash:Stripe`: each part begins with a capital letter or a digit."""
    parts = [_ROOTS[SIDES[ledger_account]], *ledger_account.value.split(":"), *([detail] if detail else [])]
    return ":".join([parts[0], *(_component(part) for part in parts[1:])])


def _lines(entries: Sequence[Entry]) -> Iterator[str]:
    yield "; Meterhouse journal. Debits are positive, credits negative."
    yield 'option "title" "Meterhouse"'
    first: dict[str, tuple[date, set[str]]] = {}
    for entry in entries:
        for posting in entry.postings:
            name = _name(posting)
            opened, currencies = first.get(name, (_day(entry), set()))
            first[name] = (min(opened, _day(entry)), currencies | {posting.amount.currency_code})
    yield ""
    for name, (opened, currencies) in sorted(first.items()):
        yield f"{opened.isoformat()} open {name} {','.join(sorted(currencies))}"
    for entry in entries:
        yield ""
        yield f"{_day(entry).isoformat()} * {_text(entry.source.value)} {_text(entry.description)}"
        yield f"  entry: {_text(entry.entry_id)}"
        if entry.account_id:
            yield f"  customer: {_text(entry.account_id)}"
        for posting in entry.postings:
            yield f"  {_name(posting)}  {posting.amount.amount:f} {posting.amount.currency_code}"


def _name(posting: Posting) -> str:
    return beancount_account(posting.ledger_account, posting.detail)


def _day(entry: Entry) -> date:
    return entry.posted_at.astimezone(UTC).date()


def _component(text: str) -> str:
    """Letters, digits and dashes, from a capital letter or a digit on."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]
    return "-".join(word[0].upper() + word[1:] for word in words) or "Other"


def _text(text: str) -> str:
    """A string of Beancount: quotes and backslashes escaped, on one line."""
    one_line = " ".join(text.split())
    escaped = one_line.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
