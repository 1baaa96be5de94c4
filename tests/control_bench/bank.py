"""An invoice that was paid by bank, its refunds and what the bank does with them."""

from __future__ import annotations

from datetime import timedelta

from control.bootstrap import Control
from control.domain.money import Money
from control.domain.payouts import Payee, Payout
from control.domain.refunds import Refund
from control.services.accounts import upsert_accounts
from control.services.bank import import_statement
from control.services.ledger import read_trial_balance
from control.services.refund import refund_invoice
from control.testing.bank_statement import Transfer, write_statement
from tests.control_bench.builders import NOW, a_draft, an_account, given_invoices

LATER = NOW + timedelta(days=1)
PAYER = "DE02120300000000202051"


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def statement(control: Control, *transfers: Transfer, number: int = 1) -> list[tuple[str, str]]:
    data = write_statement(transfers, statement_id=f"S-{number}")
    return [(str(outcome.result), outcome.message) for outcome in import_statement(control, data, now=LATER)]


def given_paid_by_bank(control: Control, *, payer_account: str = PAYER) -> None:
    upsert_accounts(control, [an_account(gateway="", currency_code="EUR")])
    given_invoices(control, a_draft(amounts=(10_000,), currency="EUR", percent="19"))
    came = Transfer(amount=eur(11_900), text="INV-000001", payer_account=payer_account, bank_reference="in-1")
    assert statement(control, came, number=0)[0][0] == "paid"


def give_back(control: Control, minor: int | None = None, payee: Payee | None = None) -> Refund:
    amount = None if minor is None else eur(minor)
    made, _ = refund_invoice(control, "INV-000001", amount=amount, reason="goodwill", actor="ada", now=NOW, payee=payee)
    return made


def went_out(payout: Payout, **values: object) -> Transfer:
    fields = {"amount": -payout.amount, "end_to_end_id": payout.payout_id, "bank_reference": f"out-{payout.payout_id}"}
    return Transfer(**(fields | values))  # type: ignore[arg-type]  # fields of the transfer


def cash(control: Control) -> int:
    return sum(line.balance.minor for line in read_trial_balance(control) if line.ledger_account.value == "cash")
