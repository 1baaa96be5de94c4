"""What happens in a schedule: commands that processes run, and what customers, banks and gateways do in between.

Each command may be repeated by who gave it and saw no answer, but a refund, whose repetition would be a second one: that is
repeated only where nothing of it was written down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from control.bootstrap import Control
from control.domain.accounts import AccountRow
from control.domain.lifecycle import AccountType
from control.domain.money import Money
from control.domain.payouts import PayoutStatus
from control.ports import GatewayDisputeStatus, GatewayInvoiceStatus, GatewayPaymentStatus, GatewayRefundStatus, GatewayUnavailableError
from control.services.bank import import_receipts, import_statement
from control.services.leave import close_account
from control.services.lifecycle import list_accounts, resume, suspend
from control.services.payment_methods import save_card
from control.services.payouts import export_again, export_payouts, list_payouts
from control.services.push import push
from control.services.reconcile import reconcile
from control.services.refund import refund_invoice
from control.services.register import Registration, register
from control.services.work import work
from control.store.tables import invoices, refunds
from control.testing.crashes.world import CUSTOMERS, World, match
from control.testing.memory_gateway import DECLINES_WHEN_SAVED, PAYS

ACTOR = "crash test"


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something that a process runs. `is_over` tells whether it must not be repeated after a crash."""

    name: str
    run: Callable[[Control, World], object]
    is_over: Callable[[Control, World], bool] = lambda _control, _world: False


def _register(account_id: str, token: str) -> Callable[[Control, World], object]:
    account = AccountRow(account_id=account_id, name=account_id.title(), currency_code="USD", country_code="DE", gateway="billing")
    registration = Registration(
        account=account, account_type=AccountType.INDIVIDUAL, owner_email=f"{account_id}@example.com", card_token=token
    )

    def run(control: Control, world: World) -> object:
        return register(control, registration, actor=ACTOR, now=world.now)

    return run


def _register_and_leave(control: Control, world: World) -> object:
    """The gateway does not answer while a customer registers, who then has enough: the card must not stay bound."""
    world.billing.plan("drop_before", "save_card")
    _register("fickle", PAYS)(control, world)
    return _leave("fickle")(control, world)


def _leave(account_id: str) -> Callable[[Control, World], object]:
    return lambda control, world: close_account(control, account_id, reason="moves away", actor=ACTOR, now=world.now)


def _refund(account_id: str, minor: int | None) -> Callable[[Control, World], object]:
    amount = None if minor is None else Money(minor, "USD")

    def run(control: Control, world: World) -> object:
        with control.store.reading() as connection:
            mine = select(invoices.c.invoice_number).where(invoices.c.invoice_id == f"{account_id}:invoice")
            number: str = connection.execute(mine).scalar_one()
        return refund_invoice(control, number, amount=amount, reason="goodwill", actor=ACTOR, now=world.now)

    return run


def _is_refunded(account_id: str, minor: int | None) -> Callable[[Control, World], bool]:
    def found(control: Control, world: World) -> bool:  # noqa: ARG001 - of every command
        with control.store.reading() as connection:
            mine = select(refunds.c.amount_minor).where(refunds.c.invoice_id == f"{account_id}:invoice")
            amounts = [int(row.amount_minor) for row in connection.execute(mine)]
        return bool(amounts) if minor is None else minor in amounts

    return found


def _cards(control: Control, world: World) -> object:
    """Every customer binds the first card, where none is bound yet."""
    for account_id, (gateway, token) in CUSTOMERS.items():
        if gateway:
            save_card(control, account_id, token, now=world.now)
    return None


def _reconcile(control: Control, world: World) -> object:
    return [
        reconcile(control, name, since=world.now.replace(year=2025), until=world.later(days=1), now=world.now)
        for name in ("billing", "charging")
    ]


def _pay_out(control: Control, world: World) -> object:
    """Send what waits to the bank, and what an earlier process exported and could not send; read what the bank did."""
    export_payouts(control, now=world.now)
    for payout in list_payouts(control, PayoutStatus.EXPORTED):
        world.bank.take(export_again(control, payout.export_id))
    return import_statement(control, world.bank.statement(), now=world.now)


def _suspend_and_resume(control: Control, world: World) -> object:
    states = {view.account.account_id: view.standing.state for view in list_accounts(control)}
    if states["transfers"] != "suspended":
        suspend(control, "transfers", reason="abuse report", actor=ACTOR, now=world.now)
    return resume(control, "transfers", reason="report was wrong", actor=ACTOR, now=world.now)


BEFORE: tuple[Command, ...] = (Command(name="cards", run=_cards),)

# In any order, each at least once.
COMMANDS: tuple[Command, ...] = (
    Command(name="push", run=lambda control, world: push(control, now=world.now)),
    Command(name="push again", run=lambda control, world: push(control, now=world.now)),
    Command(name="new card", run=lambda control, world: save_card(control, "declines", PAYS, now=world.now)),
    Command(name="other card", run=lambda control, world: save_card(control, "refused", PAYS, now=world.now)),
    Command(name="register", run=_register("newcomer", PAYS)),
    Command(name="register in vain", run=_register("broke", DECLINES_WHEN_SAVED)),
    Command(name="leave", run=_leave("newcomer")),
    Command(name="register and leave", run=_register_and_leave),
    Command(name="refund a part", run=_refund("pays", 1_234), is_over=_is_refunded("pays", 1_234)),
    Command(name="refund another part", run=_refund("pays", 77), is_over=_is_refunded("pays", 77)),
    Command(name="refund all", run=_refund("charged", None), is_over=_is_refunded("charged", None)),
    Command(name="refund a disputed one", run=_refund("disputes", 500), is_over=_is_refunded("disputes", 500)),
    Command(name="refund a transfer", run=_refund("transfers", 900), is_over=_is_refunded("transfers", 900)),
    Command(name="pay out", run=_pay_out),
    Command(name="statement", run=lambda control, world: import_receipts(control, world.receipts(), match, now=world.now)),
    Command(name="suspend", run=_suspend_and_resume),
    Command(name="reconcile", run=_reconcile),
)


# What brings everything to its end once nothing goes wrong any more.
CALMING = tuple(command for command in COMMANDS if command.name in ("push", "new card", "other card", "reconcile", "statement", "pay out"))


def one_round(control: Control, world: World) -> object:
    """What runs every minute in a deployment."""
    return work(control, now=world.now, post=world.receiver.post, wait_seconds=0)


WORK = Command(name="work", run=one_round)


# What people and banks do. Each does nothing where it is not its time.


def holder_authenticates(world: World) -> None:
    """Who owes an authentication gives it on the gateway's own page."""
    for customer_id, customer in list(world.billing.customers.items()):
        if customer.account_id != "authenticates":
            continue
        try:
            look = world.billing.find_invoice(customer_id, "authenticates:invoice")
        except GatewayUnavailableError:
            return
        if look is not None and look.status is GatewayInvoiceStatus.OPEN:
            world.billing.authenticate(look.gateway_invoice_id)


def bank_ends_refunds(world: World, *, succeeds: bool) -> None:
    """Refunds that the gateways took find their end."""
    for gateway in (world.billing, world.charging):
        for refund in list(gateway.refunds.values()):
            if refund.status is GatewayRefundStatus.PENDING and refund.refund_id:
                gateway.end_refund(refund.refund_id, succeeds=succeeds)


def bank_returns_a_refund(world: World) -> None:
    """The card's bank sends back what it had taken."""
    for gateway in (world.billing, world.charging):
        done = [refund for refund in gateway.refunds.values() if refund.status is GatewayRefundStatus.SUCCEEDED and refund.refund_id]
        for refund in done[:1]:
            gateway.end_refund(refund.refund_id, succeeds=False)


def bank_ends_charges(world: World, *, succeeds: bool) -> None:
    """Charges that the gateway was working on find their end."""
    for payment in list(world.charging.payments.values()):
        if payment.status is GatewayPaymentStatus.PROCESSING:
            world.charging.confirm_charge(payment.customer_id, payment.invoice_id, succeeds=succeeds)


def bank_ends_disputes(world: World, status: GatewayDisputeStatus) -> None:
    """Disputes are decided."""
    for dispute in list(world.billing.disputes.values()):
        if dispute.status is GatewayDisputeStatus.OPEN:
            world.billing.end_dispute(dispute.gateway_dispute_id, status)
