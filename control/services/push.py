"""Pushes issued, unpaid documents to their accounts' gateways. Killed at any line and repeated, it charges nothing twice.

The intent is written first (a pending attempt whose id makes the idempotency keys), then the gateway acts (charge.py), then
the outcome is written. An attempt that was left pending is taken up again with its keys before anything new begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, select, true

from control.bootstrap import Control
from control.domain.accounts import AccountRow
from control.domain.documents import IssuedInvoice, Kind
from control.domain.money import Money
from control.domain.payments import (
    BALANCE,
    GATEWAY_FAULT,
    UNAVAILABLE,
    Collected,
    Payment,
    PushOutcome,
    PushResult,
    Settlement,
    result_of,
)
from control.domain.periods import Period
from control.domain.status import PUSHABLE, PaymentStatus, StatusError
from control.errors import StoreError
from control.ports import GatewayFaultError, GatewayMismatchError, GatewayUnavailableError, InvoicingGateway, PaymentGateway
from control.services import lease
from control.services.charge import may_give_up, settle_at_gateway
from control.services.customers import ensure_customer, load_account
from control.services.fraud import is_challenged
from control.store import journal, payments
from control.store.documents import load_documents
from control.store.payments import GatewayCustomer
from control.store.tables import invoices
from control.store.tables import payments as payments_table
from warehouse.errors import InputError, MeterhouseError, RefusedError

# A push of thousands of documents takes minutes; who comes second waits this long, then is told who pushes.
WAIT_SECONDS = 60.0
# A gateway that did not answer this often in a row is not asked again in this push: each question may take a minute.
MAX_FAILURES = 3


def push(control: Control, period: str | None = None, *, now: datetime, wait_seconds: float = WAIT_SECONDS) -> list[PushOutcome]:
    """Settle every issued or partially paid document, credit notes first, then in the order of their numbers.

    Args:
        control: knows the documents and the gateways.
        period: only documents issued with this month; default: all.
        now: written on attempts.
        wait_seconds: how long to wait for another push to end.

    Returns:
        What happened to each document that was unpaid. A decline or an outage of one holds up no other.

    Raises:
        InputError: the period is no month.
        RefusedError: another push goes on.
    """
    if period is not None:
        Period.parse(period)
    with lease.hold(control, "push", holder="meterhouse push", wait_seconds=wait_seconds) as held:
        run = _Run(control=control, now=now)
        outcomes = []
        for invoice in _unpaid(control, period):
            held.check()
            outcomes.append(run.push(invoice))
        return outcomes


def resume(control: Control, *, now: datetime, wait_seconds: float = WAIT_SECONDS) -> list[PushOutcome]:
    """Go on with the attempts that have no end yet, and begin no other. Raises as push."""
    with control.store.reading() as connection:
        has_pending = select(payments_table.c.invoice_id).where(payments_table.c.status == PaymentStatus.PENDING.value)
        waiting = load_documents(connection, invoices.c.invoice_id.in_(has_pending))
    if not waiting:
        return []
    with lease.hold(control, "push", holder="meterhouse work", wait_seconds=wait_seconds) as held:
        run = _Run(control=control, now=now)
        outcomes = []
        for invoice in waiting:
            held.check()
            if (outcome := run.resume(invoice)) is not None:
                outcomes.append(outcome)
        return outcomes


def retry(control: Control, invoice_ids: Collection[str], *, now: datetime, wait_seconds: float = WAIT_SECONDS) -> list[PushOutcome]:
    """Settle the documents that somebody chose, of those that are unpaid. Raises as push."""
    return _push_some(control, invoice_ids, lambda run, invoice: run.push(invoice), now=now, wait_seconds=wait_seconds)


def draw(control: Control, invoice_ids: Collection[str], *, now: datetime, wait_seconds: float = WAIT_SECONDS) -> list[PushOutcome]:
    """Settle documents from what their accounts have in their favour with us, and charge nobody. Raises as push."""
    return _push_some(control, invoice_ids, lambda run, invoice: run.draw(invoice), now=now, wait_seconds=wait_seconds)


def _push_some(
    control: Control,
    invoice_ids: Collection[str],
    act: Callable[[_Run, IssuedInvoice], PushOutcome | None],
    *,
    now: datetime,
    wait_seconds: float,
) -> list[PushOutcome]:
    if not invoice_ids:
        return []
    with lease.hold(control, "push", holder="meterhouse debt", wait_seconds=wait_seconds) as held:
        run = _Run(control=control, now=now)
        outcomes = []
        for invoice in _unpaid(control, None):
            held.check()
            if invoice.invoice_id in invoice_ids and (outcome := act(run, invoice)) is not None:
                outcomes.append(outcome)
        return outcomes


def push_one(control: Control, invoice_number: str, *, now: datetime, wait_seconds: float = WAIT_SECONDS) -> PushOutcome:
    """Settle one document, as push does.

    Raises:
        InputError: no document has that number.
        RefusedError: it is settled or written off, or another push goes on.
    """
    with lease.hold(control, "push", holder="the API", wait_seconds=wait_seconds):
        with control.store.reading() as connection:
            found = load_documents(connection, invoices.c.invoice_number == invoice_number)
        if not found:
            raise InputError(f"no issued invoice has the number {invoice_number!r}; `meterhouse invoice list` names those that exist")
        if found[0].status not in PUSHABLE or found[0].content.kind is Kind.REFUND_NOTE:
            raise RefusedError(f"{invoice_number} is {found[0].status}: there is nothing to collect")
        return _Run(control=control, now=now).push(found[0])


def _unpaid(control: Control, period: str | None) -> list[IssuedInvoice]:
    # A refund note is settled by the refund that it documents.
    is_unpaid = invoices.c.status.in_([status.value for status in PUSHABLE]) & (invoices.c.kind != Kind.REFUND_NOTE.value)
    with control.store.reading() as connection:
        found = load_documents(connection, is_unpaid & (invoices.c.period == period if period else true()))
    return sorted(found, key=lambda invoice: invoice.content.total.minor >= 0)


class _NoAttemptError(Exception):
    """There is nothing to attempt on a document; `outcome` says why. Never leaves this module."""

    def __init__(self, outcome: PushOutcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One push: its clock, and how often in a row each gateway failed to answer."""

    control: Control
    now: datetime
    failures: Counter[str] = field(default_factory=Counter)

    def push(self, invoice: IssuedInvoice) -> PushOutcome:
        """Settle one document as far as it can be now."""
        if not invoice.content.total:
            self.control.store.transact(lambda connection: payments.settle_nothing_due(connection, invoice))
            return _report(invoice, "", PushResult.PAID, message="nothing is due")
        try:
            invoice = self._use_own_balance(invoice)
            gateway, payment = self._intend(invoice)
        except _NoAttemptError as no_attempt:
            outcome = no_attempt.outcome
        else:
            outcome = self._attempt(gateway, invoice, payment)
        self.failures[outcome.gateway] = self.failures[outcome.gateway] + 1 if outcome.result is PushResult.UNAVAILABLE else 0
        return outcome

    def draw(self, invoice: IssuedInvoice) -> PushOutcome | None:
        """Use what the account has in its favour with us; None where a part of the document stays open."""
        try:
            self._use_own_balance(invoice)
        except _NoAttemptError as no_attempt:
            return no_attempt.outcome
        return None

    def resume(self, invoice: IssuedInvoice) -> PushOutcome | None:
        """Go on with the attempt of a document that is pending; None where it ended meanwhile."""
        with self.control.store.reading() as connection:
            last = payments.last_payment(connection, invoice.invoice_id)
        if last is None or last.status is not PaymentStatus.PENDING:
            return None
        try:
            gateway = self._gateway(invoice, last.gateway)
        except _NoAttemptError as no_attempt:
            return no_attempt.outcome
        return self._attempt(gateway, invoice, last)

    def _use_own_balance(self, invoice: IssuedInvoice) -> IssuedInvoice:
        """Where no gateway keeps the customer's balance, we do: a credit note fills it, what asks for money uses it first."""
        name = self._gateway_name(invoice)
        if name and isinstance(self._gateway(invoice, name), InvoicingGateway):
            return invoice

        def work(connection: Connection) -> IssuedInvoice:
            (current,) = load_documents(connection, invoices.c.invoice_id == invoice.invoice_id)
            last = payments.last_payment(connection, invoice.invoice_id)
            if not current.open or (last is not None and last.status is PaymentStatus.PENDING):
                return current
            balance = journal.balance_of_customer(connection, current.content.account_id, current.open.currency_code)
            used = current.open if current.open.minor < 0 or balance.minor >= current.open.minor else balance
            if used.minor <= 0 < current.open.minor:
                return current
            nothing = Money(0, used.currency_code)
            collected = Collected(charged=nothing, from_balance=used)
            payments.record(connection, current, gateway=BALANCE, collected=collected, gateway_payment_id="", now=self.now)
            return replace(current, paid=current.paid + used)

        settled = self.control.store.transact(work)
        if not settled.open:
            result = PushResult.CREDITED if settled.content.total.minor < 0 else PushResult.PAID
            raise _NoAttemptError(_report(invoice, BALANCE, result))
        return settled

    def _gateway_name(self, invoice: IssuedInvoice) -> str:
        """A document stays with the gateway that knows it: at another one it could be paid a second time."""
        with self.control.store.reading() as connection:
            account = load_account(connection, invoice.content.account_id)
            last = payments.last_payment(connection, invoice.invoice_id)
        return last.gateway if last else account.gateway

    def _gateway(self, invoice: IssuedInvoice, name: str) -> PaymentGateway:
        try:
            return self.control.gateway(name)
        except MeterhouseError as error:
            raise _NoAttemptError(_report(invoice, name, PushResult.REFUSED, reason_code="gateway", message=str(error))) from error

    def _intend(self, invoice: IssuedInvoice) -> tuple[PaymentGateway, Payment]:
        """The attempt that is pending, or a new one, and the gateway it goes to."""
        with self.control.store.reading() as connection:
            account = load_account(connection, invoice.content.account_id)
            last = payments.last_payment(connection, invoice.invoice_id)
        name = self._gateway_name(invoice)
        if not name:
            raise _NoAttemptError(_report(invoice, "", PushResult.SKIPPED, message=f"account {account.account_id} has no gateway"))
        if self.failures[name] >= MAX_FAILURES:
            message = f"{name} did not answer {MAX_FAILURES} times; push again later"
            raise _NoAttemptError(_report(invoice, name, PushResult.UNAVAILABLE, reason_code=UNAVAILABLE, message=message))
        gateway = self._gateway(invoice, name)
        if last is not None and last.status is PaymentStatus.PENDING:
            return gateway, last
        if invoice.paid and isinstance(gateway, InvoicingGateway):
            self._refuse_partly_paid(invoice, gateway)
        customer = self._payer(gateway, invoice, account)
        payment = self.control.store.transact(
            lambda connection: payments.start(connection, invoice, gateway=name, customer=customer, now=self.now)
        )
        self.control.reached("collect.intend")
        return gateway, payment

    def _refuse_partly_paid(self, invoice: IssuedInvoice, gateway: PaymentGateway) -> None:
        """A gateway that keeps invoices collects them whole: it must not where a part came in on another way."""
        with self.control.store.reading() as connection:
            ways = payments.collected_by(connection, invoice.invoice_id, invoice.paid.currency_code)
        if any(way != gateway.name and collected.sum for way, collected in ways.items()):
            message = (
                f"{invoice.paid} came in on another way, and {gateway.name} would collect all of it; collect the rest as the first part"
            )
            raise _NoAttemptError(_report(invoice, gateway.name, PushResult.REFUSED, reason_code="partly_paid", message=message))

    def _payer(self, gateway: PaymentGateway, invoice: IssuedInvoice, account: AccountRow) -> GatewayCustomer:
        """Who the account is at the gateway: with a card where there is something to charge."""
        if invoice.content.total.minor < 0:
            try:
                return ensure_customer(self.control, gateway, account)
            except (GatewayUnavailableError, GatewayFaultError) as error:
                outcome = _report(invoice, gateway.name, PushResult.UNAVAILABLE, reason_code=UNAVAILABLE, message=str(error))
                raise _NoAttemptError(outcome) from error
            except StoreError:
                raise
            except MeterhouseError as error:
                outcome = _report(invoice, gateway.name, PushResult.REFUSED, reason_code="refused", message=str(error))
                raise _NoAttemptError(outcome) from error
        refusal = gateway.refusal(invoice.content.total)
        if refusal is not None:
            raise _NoAttemptError(_report(invoice, gateway.name, PushResult.REFUSED, reason_code="amount", message=refusal))
        with self.control.store.reading() as connection:
            customer = payments.find_customer(connection, account.account_id, gateway.name)
        if customer is None or not customer.payment_method_id:
            message = f"account {account.account_id} has no saved card"
            raise _NoAttemptError(_report(invoice, gateway.name, PushResult.SKIPPED, reason_code="no_card", message=message))
        return customer

    def _attempt(self, gateway: PaymentGateway, invoice: IssuedInvoice, payment: Payment) -> PushOutcome:
        """Act at the gateway and write the outcome. Without a definite answer the attempt stays pending."""
        try:
            if payment.reason_code == GATEWAY_FAULT:
                payment = self._with_new_keys(gateway, invoice, payment)
            asks_holder = is_challenged(self.control, invoice.content.account_id, now=self.now)
            settlement = settle_at_gateway(gateway, invoice, payment, asks_holder=asks_holder)
            self.control.reached("collect.charge")
        except (GatewayUnavailableError, GatewayFaultError) as error:
            is_fault = isinstance(error, GatewayFaultError) or payment.reason_code == GATEWAY_FAULT
            return self._leave_pending(invoice, payment, GATEWAY_FAULT if is_fault else UNAVAILABLE, str(error))
        except StoreError:
            raise
        except GatewayMismatchError as error:
            settlement = Settlement(status=PaymentStatus.REFUSED, reason_code="mismatch", message=str(error))
        except MeterhouseError as error:
            # A definite no: of the gateway, of its key in the settings, or of an amount it has no form for. If a call of an
            # earlier, interrupted try did take effect, the look of the next attempt finds it.
            settlement = Settlement(status=PaymentStatus.REFUSED, reason_code="refused", message=str(error))
        try:
            ended = self._settle(invoice, payment, settlement)
        except StatusError as error:
            mismatch = Settlement(status=PaymentStatus.REFUSED, reason_code="mismatch", message=f"{gateway.name} does not match: {error}")
            ended = self._settle(invoice, payment, mismatch)
        result = result_of(ended.status, invoice.content.total)
        return _report(invoice, gateway.name, result, reason_code=ended.reason_code, message=ended.message)

    def _with_new_keys(self, gateway: PaymentGateway, invoice: IssuedInvoice, payment: Payment) -> Payment:
        """The attempt that follows one on which the gateway broke, or that one, where it must go on."""
        if not may_give_up(gateway, invoice, payment):
            return payment
        failed = Settlement(status=PaymentStatus.FAILED, reason_code=GATEWAY_FAULT, message=payment.message)
        customer = GatewayCustomer(customer_id=payment.customer_id, payment_method_id=payment.payment_method_id)

        def work(connection: Connection) -> Payment:
            payments.settle(connection, payment, invoice, failed, now=self.now)
            return payments.start(connection, invoice, gateway=gateway.name, customer=customer, now=self.now)

        return self.control.store.transact(work)

    def _settle(self, invoice: IssuedInvoice, payment: Payment, settlement: Settlement) -> Payment:
        ended = self.control.store.transact(lambda connection: payments.settle(connection, payment, invoice, settlement, now=self.now))
        self.control.reached("collect.settle")
        return ended

    def _leave_pending(self, invoice: IssuedInvoice, payment: Payment, reason_code: str, message: str) -> PushOutcome:
        self.control.store.transact(
            lambda connection: payments.note(connection, payment, reason_code=reason_code, message=message, now=self.now)
        )
        return _report(invoice, payment.gateway, PushResult.UNAVAILABLE, reason_code=reason_code, message=message)


def _report(invoice: IssuedInvoice, gateway: str, result: PushResult, *, reason_code: str = "", message: str = "") -> PushOutcome:
    return PushOutcome(
        invoice_id=invoice.invoice_id,
        invoice_number=invoice.invoice_number,
        account_id=invoice.content.account_id,
        kind=invoice.content.kind,
        gateway=gateway,
        amount=invoice.open,
        result=result,
        reason_code=reason_code,
        message=message,
    )
