"""The demo's chapter on money: cards that pay, decline and ask for their holder, a bank transfer, a refund, the trial balance.

Each customer of the month meets another fate, in the order of their ids. Repeating it charges and refunds nothing again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from control.bootstrap import Control
from control.domain.documents import IssuedInvoice, Kind
from control.domain.ledger import Balance
from control.domain.money import Money
from control.domain.payments import PushOutcome
from control.domain.status import PUSHABLE
from control.gateways.bank import creditor_reference
from control.services.bank import import_statement
from control.services.deliver import post_over_http
from control.services.ledger import read_trial_balance
from control.services.payment_methods import save_card
from control.services.publish import publish
from control.services.reconcile import reconcile
from control.services.refund import refund_invoice
from control.services.show import list_invoices, list_payments, list_refunds, number_of
from control.services.work import work
from control.settings import ControlSettings
from orchestration.billing import push_documents
from orchestration.deployment import Deployment

GATEWAY = "stripe"
PAYS, DECLINES, ASKS = "pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"
# What the customers bind first, in the order of their ids; who has none pays by bank, and who comes after pays by card.
FIRST_CARDS = (PAYS, DECLINES, ASKS, "", "pm_card_mastercard")
ACTOR = "demo"
# Nobody checks it: the local gateway takes any key of this form.
LOCAL_KEY = "sk_test_local"

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """Who plays: the control plane that talks to the gateway, and the warehouse that shows it."""

    control: Control
    client: Client
    deployment: Deployment
    period: str
    say: Say
    is_local: bool

    @property
    def now(self) -> datetime:
        """The story's clock."""
        return self.deployment.settings.now()

    def push(self) -> list[PushOutcome]:
        """Push, and say what came of each document that is not simply paid."""
        outcomes = push_documents(self.control, self.client, self.deployment.settings, self.period)
        for outcome in outcomes:
            if outcome.result not in ("paid", "credited"):
                self.say(f"  {outcome.invoice_number}: {outcome.result} {outcome.reason_code}. {outcome.message}".rstrip())
        return outcomes


def collect(deployment: Deployment, client: Client, folder: Path, period: str, say: Say) -> list[Balance]:
    """Settle a month's invoices in every way there is, and return the trial balance.

    Raises:
        MeterhouseError: a step failed.
    """
    with _gateway(deployment, folder, say) as (paying, is_local), paying.control() as control:
        stage = _Stage(control=control, client=client, deployment=paying, period=period, say=say, is_local=is_local)
        unpaid = _unpaid(control, period)
        if unpaid:
            _pay_by_card(stage, unpaid)
            _authenticate(stage)
            _pay_by_bank(stage)
        else:
            say("All invoices are paid already.")
        _refund(stage)
        _reconcile(stage)
        publish(control, client, paying.settings)
        return read_trial_balance(control)


def _unpaid(control: Control, period: str) -> list[IssuedInvoice]:
    return [invoice for invoice in list_invoices(control, period) if invoice.status in PUSHABLE]


def _pay_by_card(stage: _Stage, unpaid: Sequence[IssuedInvoice]) -> None:
    """Bind the first cards and push; who was declined binds another one, and is charged again."""
    accounts = sorted({invoice.content.account_id for invoice in unpaid})
    cards = dict(zip(accounts, [*FIRST_CARDS, *[PAYS] * len(accounts)], strict=False))
    for account_id, token in cards.items():
        if token:
            save_card(stage.control, account_id, token, now=stage.now)
    outcomes = stage.push()
    stage.say(f"Cards saved, {len(outcomes)} invoices pushed, {sum(outcome.result == 'paid' for outcome in outcomes)} paid.")
    for outcome in outcomes:
        if outcome.result == "declined":
            save_card(stage.control, outcome.account_id, PAYS, now=stage.now)
    if any(outcome.result == "declined" for outcome in outcomes):
        again = stage.push()
        stage.say(f"The declined customer bound another card: {sum(outcome.result == 'paid' for outcome in again)} more paid.")


def _authenticate(stage: _Stage) -> None:
    """The holder of the card that asks for it confirms on the gateway's page; we hear of it from the gateway."""
    if not stage.is_local:
        return
    waiting = {row["invoice_number"]: row for row in list_payments(stage.control) if row["status"] == "requires_action"}
    for number, row in waiting.items():
        page = str(row["message"]).rpartition(": ")[2]
        post_over_http(page, b"outcome=succeed", {"Content-Type": "application/x-www-form-urlencoded"})
        stage.say(f"The holder of the card confirmed the payment of {number} on the gateway's page (3-D Secure).")


def _pay_by_bank(stage: _Stage) -> None:
    """Who has no card transfers half of the money with the reference of the invoice; the bank's statement tells of it."""
    from control.testing.bank_statement import Transfer, write_statement  # noqa: PLC0415 - plays the bank

    _reconcile(stage)
    for invoice in _unpaid(stage.control, stage.period):
        if invoice.paid:
            continue  # the rest is told of in the chapter on debt
        transfer = Transfer(
            amount=Money(invoice.open.minor // 2, invoice.open.currency_code),
            text=f"invoice {creditor_reference(invoice.invoice_number)}",
            payer_name=invoice.buyer.legal_name or invoice.buyer.name,
        )
        day = stage.now.date() + timedelta(days=3)
        statement = write_statement(
            [transfer], statement_id=f"DEMO-{invoice.invoice_number}", booked_date=day, currency_code=invoice.open.currency_code
        )
        for outcome in import_statement(stage.control, statement, now=stage.now):
            stage.say(f"A bank statement tells of {outcome.amount} from {outcome.payer}: {outcome.invoice_number} is {outcome.result}.")


def _refund(stage: _Stage) -> None:
    """Give a tenth of the first invoice back, once."""
    if list_refunds(stage.control):
        return
    charged = [invoice for invoice in list_invoices(stage.control, stage.period) if invoice.content.kind is Kind.INVOICE]
    invoice = charged[0]
    amount = Money(invoice.content.total.minor // 10, invoice.content.total.currency_code)
    refund, _ = refund_invoice(
        stage.control, invoice.invoice_number, amount=amount, reason="an outage of two hours", actor=ACTOR, now=stage.now
    )
    note = number_of(stage.control, refund.note_id)
    stage.say(f"{refund.amount} of {invoice.invoice_number} given back: refund {refund.status}, refund note {note}.")


def _reconcile(stage: _Stage) -> None:
    """Compare with the gateway's own lists. A local gateway lives by the clock on the wall, not by the story's."""
    until = datetime.now(UTC) + timedelta(days=1)
    found = reconcile(stage.control, GATEWAY, since=stage.now - timedelta(days=1), until=max(until, stage.now), now=stage.now)
    work(stage.control, now=stage.now)
    mended = [difference for difference in found.differences if difference.is_mended]
    left = [difference for difference in found.differences if not difference.is_mended]
    stage.say(
        f"Reconciled with {GATEWAY}: {found.payments_compared} payments, {found.refunds_compared} refunds;"
        f" {len(mended)} mended, {len(left)} left."
    )
    for difference in mended:
        stage.say(f"  mended: {difference.message}")


@contextlib.contextmanager
def _gateway(deployment: Deployment, folder: Path, say: Say) -> Iterator[tuple[Deployment, bool]]:
    """The deployment with a gateway, and whether that is the local one: Stripe's test mode where a key is configured."""
    own = deployment.control_settings
    if own.stripe_api_key.get_secret_value():
        say("Pushing to Stripe in test mode …")
        yield deployment, False
        return
    from control.testing.stripe_server import StripeServer  # noqa: PLC0415 - a test double; only the demo needs it

    with StripeServer(state=folder / "gateway.db") as server:
        say(f"Pushing to a local Stripe-compatible test gateway at {server.url} …")
        values: dict[str, Any] = {"stripe_api_key": SecretStr(LOCAL_KEY), "stripe_api_base": server.url}
        local: ControlSettings = own.model_copy(update=values)
        yield Deployment(settings=deployment.settings, control_settings=local), True
