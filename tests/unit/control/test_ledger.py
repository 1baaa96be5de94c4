"""The ledger: always balanced, each thing posted once, its revenue that of the invoices, its journals readable elsewhere."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from control.bootstrap import Control
from control.domain.journals import beancount_account, to_beancount, to_csv
from control.domain.ledger import SIDES, Entry, LedgerAccount, Posting, Source, trial_balance
from control.domain.money import Money
from control.domain.status import InvoiceStatus
from control.services.accounts import upsert_accounts
from control.services.bank import assign, import_receipts
from control.services.ledger import read_journal, read_trial_balance
from control.services.payment_methods import save_card
from control.services.push import push
from control.services.refund import refund_invoice
from control.services.show import show_invoice
from control.services.verify import verify_ledger
from control.services.write_off import write_off
from control.store import journal
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, PAYS
from tests.control_bench.builders import NOW, a_draft, a_receipt, an_account, given_account_with_card, given_credit, given_invoices, usd
from warehouse.errors import InputError, RefusedError


def an_entry(source_id: str = "x", *legs: tuple[LedgerAccount, int], **values: Any) -> Entry:  # noqa: ANN401 - any field
    postings = tuple(Posting(ledger_account=account, amount=usd(minor)) for account, minor in legs)
    plain = {"source": Source.FEE, "source_id": source_id, "posted_at": NOW, "description": "d", "postings": postings}
    return Entry(**(plain | values))


BALANCED = ((LedgerAccount.CASH, 5), (LedgerAccount.FEES, -5))


def given_a_year(control: Control) -> None:
    """Two currencies, credits, taxes, a payment, a refund and a debt nobody pays."""
    given_account_with_card(control)
    given_credit(control)
    upsert_accounts(control, [an_account("acc-2", currency_code="JPY")])
    save_card(control, "acc-2", DECLINES_WHEN_CHARGED)
    given_invoices(control, a_draft(amounts=(10_000, 2_500), uses=[("credit-1", 500)], percent="19"), a_draft("acc-2", currency="JPY"))
    push(control, now=NOW)
    refund_invoice(control, "INV-000001", amount=usd(1_000), reason="goodwill", actor="ada", now=NOW + timedelta(days=1))
    write_off(control, "INV-000002", now=NOW + timedelta(days=90))


def test_the_trial_balance_adds_up_in_each_currency(control: Control) -> None:
    given_a_year(control)
    lines = read_trial_balance(control)
    for currency in ("USD", "JPY"):
        mine = [line for line in lines if line.currency_code == currency]
        assert sum(line.debit.minor for line in mine) == sum(line.credit.minor for line in mine) > 0
    found = {(line.currency_code, line.ledger_account.value, line.detail): line.balance.minor for line in lines}
    assert found["JPY", "bad_debt", ""] == 10_000
    assert found["USD", "credits_granted", ""] == 500
    assert found["JPY", "receivable", ""] == found["USD", "receivable", ""] == 0
    assert verify_ledger(control) == []


def test_the_trial_balance_of_a_moment_knows_nothing_of_later(control: Control) -> None:
    given_a_year(control)
    early = read_trial_balance(control, until=NOW + timedelta(hours=1))
    assert not any(line.ledger_account is LedgerAccount.BAD_DEBT for line in early)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (an_entry("x", (LedgerAccount.CASH, 5), (LedgerAccount.FEES, -4)), "do not add up to zero"),
        (an_entry("x", (LedgerAccount.CASH, 5), (LedgerAccount.CASH, -5)), "posts twice"),
    ],
)
def test_an_entry_that_is_none_is_never_written(control: Control, entry: Entry, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        control.store.transact(lambda connection: journal.post(connection, [entry]))
    assert read_journal(control) == []


def test_the_same_thing_is_posted_once(control: Control) -> None:
    control.store.transact(lambda connection: journal.post(connection, [an_entry("x", *BALANCED)]))
    with pytest.raises(IntegrityError):
        control.store.transact(lambda connection: journal.post(connection, [an_entry("x", *BALANCED)]))
    assert len(read_journal(control)) == 1


def test_what_was_written_off_may_be_paid_after_all(control: Control) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    assert write_off(control, "INV-000001", now=NOW).status is InvoiceStatus.UNCOLLECTIBLE
    assert write_off(control, "INV-000001", now=NOW).status is InvoiceStatus.UNCOLLECTIBLE
    assert push(control, now=NOW) == []
    import_receipts(control, [a_receipt(amount=10_000)], lambda *_: None, now=NOW)
    assign(control, "r-1", "INV-000001", now=NOW)
    assert show_invoice(control, "INV-000001").status is InvoiceStatus.PAID
    assert {line.ledger_account.value: line.balance.minor for line in read_trial_balance(control)}["bad_debt"] == 0
    assert verify_ledger(control) == []


@pytest.mark.parametrize(("number", "message"), [("INV-000009", "no issued invoice"), ("INV-000001", "nothing to write off")])
def test_what_is_settled_is_not_written_off(control: Control, number: str, message: str) -> None:
    given_account_with_card(control, token=PAYS)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    with pytest.raises((InputError, RefusedError), match=message):
        write_off(control, number, now=NOW)


def test_the_csv_journal_has_a_line_for_each_posting_and_balances(control: Control) -> None:
    given_a_year(control)
    entries = read_journal(control)
    rows = list(csv.DictReader(io.StringIO(to_csv(entries))))
    assert len(rows) == sum(len(entry.postings) for entry in entries)
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        assert bool(row["debit_amount"]) != bool(row["credit_amount"])
        sums[row["entry_id"], row["currency_code"]] += Decimal(row["debit_amount"] or 0) - Decimal(row["credit_amount"] or 0)
    assert set(sums.values()) == {Decimal(0)}


# Beancount's grammar, as far as our files use it: https://beancount.github.io/docs/beancount_language_syntax.html
ACCOUNT = r"(?:Assets|Liabilities|Equity|Income|Expenses)(?::[A-Z0-9][A-Za-z0-9-]*)+"
CURRENCY = r"[A-Z][A-Z0-9'._-]{0,22}[A-Z0-9]"
STRING = r'"(?:[^"\\\n]|\\.)*"'
LINES = {
    "comment": re.compile(r";.*|"),
    "option": re.compile(rf"option {STRING} {STRING}"),
    "open": re.compile(rf"(\d{{4}}-\d\d-\d\d) open ({ACCOUNT}) ({CURRENCY}(?:,{CURRENCY})*)"),
    "transaction": re.compile(rf"(\d{{4}}-\d\d-\d\d) \* {STRING} {STRING}"),
    "metadata": re.compile(rf"  [a-z][A-Za-z0-9_-]*: {STRING}"),
    "posting": re.compile(rf"  ({ACCOUNT})  (-?\d+(?:\.\d+)?) ({CURRENCY})"),
}


def checked_beancount(text: str) -> int:
    """Read a file by the grammar: accounts open before use, in their currencies; transactions balance. How many there are."""
    opened: dict[str, tuple[str, set[str]]] = {}
    transactions: list[tuple[str, dict[str, Decimal]]] = []
    for line in text.splitlines():
        kind, found = next((kind, found) for kind, form in LINES.items() if (found := form.fullmatch(line)))
        if kind == "open":
            opened[found[2]] = (found[1], set(found[3].split(",")))
        elif kind == "transaction":
            transactions.append((found[1], defaultdict(Decimal)))
        elif kind == "posting":
            day, sums = transactions[-1]
            assert opened[found[1]][0] <= day, line
            assert found[3] in opened[found[1]][1], line
            sums[found[3]] += Decimal(found[2])
    assert all(set(sums.values()) == {Decimal(0)} for _, sums in transactions)
    return len(transactions)


def test_the_beancount_journal_follows_its_grammar_and_balances(control: Control) -> None:
    given_a_year(control)
    entries = read_journal(control)
    assert checked_beancount(to_beancount(entries)) == len(entries) == 6
    assert checked_beancount(to_beancount([])) == 0


AMOUNTS = st.integers(min_value=-(10**12), max_value=10**12).filter(bool)
TEXTS = st.text(max_size=30)


@given(st.lists(st.tuples(TEXTS, TEXTS, AMOUNTS, st.sampled_from(["USD", "JPY", "KWD"])), max_size=5))
def test_whatever_services_and_customers_are_called_the_file_is_beancount(entries: list[tuple[str, str, int, str]]) -> None:
    made = [
        Entry(
            source=Source.DOCUMENT,
            source_id=str(place),
            posted_at=datetime(2026, 1, 1 + place, tzinfo=UTC),
            description=description,
            account_id=description,
            postings=(
                Posting(ledger_account=LedgerAccount.REVENUE, detail=service, amount=Money(amount, currency)),
                Posting(ledger_account=LedgerAccount.RECEIVABLE, amount=Money(-amount, currency)),
            ),
        )
        for place, (service, description, amount, currency) in enumerate(entries)
    ]
    assert checked_beancount(to_beancount(made)) == len(made)


def test_every_ledger_account_has_a_side_and_a_name_in_beancount() -> None:
    assert set(SIDES) == set(LedgerAccount)
    assert len({beancount_account(account, "") for account in LedgerAccount}) == len(LedgerAccount)
    assert beancount_account(LedgerAccount.REVENUE, "gpu compute") == "Income:Revenue:Gpu-Compute"


@given(st.lists(st.tuples(st.sampled_from(list(LedgerAccount)), AMOUNTS), max_size=20))
def test_the_trial_balance_of_any_postings_keeps_their_sum(legs: list[tuple[LedgerAccount, int]]) -> None:
    lines = trial_balance([Posting(ledger_account=account, amount=usd(minor)) for account, minor in legs])
    assert sum(line.balance.minor for line in lines) == sum(minor for _, minor in legs)
    assert all(line.debit.minor >= 0 <= line.credit.minor for line in lines)
