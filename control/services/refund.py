"""Gives money back: refund at the gateway, or a transfer of ours where it came by bank, refund note, ledger, as one flow.

What may be given back is reserved when the refund is written down, so refunds asked for at once never exceed the payment. The
note is issued when the gateway has given the money back, and not before: a refund that fails leaves no document.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Connection, select, update

from control.bootstrap import Control
from control.domain.ledger import Entry, LedgerAccount, Posting, Source, postings_of_settlement
from control.domain.money import Money
from control.domain.payments import BALANCE, BANK_TRANSFER
from control.domain.payouts import Payee, Payout, PayoutStatus, checked_iban
from control.domain.refunds import Refund, RefundStatus, check_refundable, refund_note
from control.domain.sagas import Saga
from control.domain.status import InvoiceStatus, PaymentStatus, after_collecting
from control.ports import GatewayRefundStatus, RefundRequest, Refused
from control.services.customers import load_account, with_new_key_after_fault
from control.services.flows import Done, Flow, GatewayStep, Impossible, Result, StoreStep, Waits, drive
from control.services.issue import issue_documents
from control.store import journal, outbox, payouts, refunds, revisions, sagas
from control.store.documents import known_services, load_documents
from control.store.outbox import Message
from control.store.payments import payment_of
from control.store.tables import bank_receipts, invoices
from control.store.tables import payments as payments_table
from warehouse.errors import InputError, RefusedError

KIND = "refund"


def refund_invoice(
    control: Control, invoice_number: str, *, amount: Money | None, reason: str, actor: str, now: datetime, payee: Payee | None = None
) -> tuple[Refund, Saga]:
    """Give back a part of what was charged for an invoice, or all that is left of it; as far as it goes now.

    Args:
        control: knows the invoice and its gateway.
        invoice_number: of an invoice or debit note that was charged.
        amount: tax included; None: all that is left.
        reason: stands on the refund and in the history.
        actor: who asks for it.
        now: written on the refund and the note.
        payee: who gets what came by bank; None: who paid it, as the statement told.

    Raises:
        InputError: no such invoice.
        RefusedError: no reason is given, or so much was not charged, or was given back already, or nobody knows the payer's account.
    """
    if not reason.strip():
        raise RefusedError("a refund needs a reason; auditors ask for it")

    def work(connection: Connection) -> tuple[str, str]:
        revisions.take(connection, 0)  # refunds of one payment wait for each other
        refund = _intend(connection, invoice_number, amount=amount, reason=reason.strip(), actor=actor)
        refunds.add(connection, refund, now=now)
        if refund.gateway == BANK_TRANSFER:
            payouts.add(connection, _payout(connection, refund, invoice_number, payee), now=now)
        saga = sagas.start(connection, KIND, refund.refund_id, step=FLOW.steps[0].name, data={"actor": actor}, now=now)
        return refund.refund_id, saga.saga_id

    refund_id, saga_id = control.store.transact(work)
    control.reached(f"{KIND}.start")
    saga = drive(control, FLOW, saga_id, now=now)
    with control.store.reading() as connection:
        return refunds.load(connection, refund_id), saga


def _intend(connection: Connection, invoice_number: str, *, amount: Money | None, reason: str, actor: str) -> Refund:
    found = load_documents(connection, invoices.c.invoice_number == invoice_number)
    if not found:
        raise InputError(f"no issued invoice has the number {invoice_number!r}; `meterhouse invoice list` names those that exist")
    invoice = found[0]
    currency = invoice.content.total.currency_code
    given = refunds.by_payment(connection, invoice.invoice_id, currency)
    rows = connection.execute(
        select(payments_table)
        .where(payments_table.c.invoice_id == invoice.invoice_id, payments_table.c.status == PaymentStatus.PAID.value)
        .order_by(payments_table.c.attempt)
    )
    left = [
        (payment_of(row), row.gateway_payment_id, Money(row.charged_minor, currency) - given.get(row.payment_id, Money(0, currency)))
        for row in rows
        if row.charged_minor > 0 and row.gateway_payment_id and row.gateway != BALANCE
    ]
    whole = sum((rest for _, _, rest in left), start=Money(0, currency))
    if not left and invoice.paid:
        raise RefusedError(f"{invoice_number} was settled from the customer's balance, which is no payment that could go back")
    wanted = amount if amount is not None else whole
    check_refundable(invoice, amount=wanted, left=whole)
    fitting = [(payment, gateway_payment_id) for payment, gateway_payment_id, rest in left if rest.minor >= wanted.minor]
    if not fitting:
        largest = max(rest.minor for _, _, rest in left)
        raise RefusedError(f"{invoice_number} was paid in parts; refund at most {Money(largest, currency)} at once")
    payment, gateway_payment_id = fitting[0]
    return Refund(
        refund_id=uuid.uuid4().hex,
        invoice_id=invoice.invoice_id,
        payment_id=payment.payment_id,
        gateway=payment.gateway,
        gateway_payment_id=gateway_payment_id,
        customer_id=payment.customer_id,
        amount=wanted,
        reason=reason,
        actor=actor,
        status=RefundStatus.PENDING,
        gateway_refund_id="",
        note_id="",
        message="",
    )


def _payout(connection: Connection, refund: Refund, invoice_number: str, payee: Payee | None) -> Payout:
    """The transfer that gives a bank payment back, from the account it came to."""
    receipt = connection.execute(select(bank_receipts).where(bank_receipts.c.receipt_id == refund.gateway_payment_id)).one()
    account = payee.account if payee else receipt.payer_account
    name = (payee.name if payee else "") or receipt.payer
    if not account or not name:
        raise RefusedError(
            f"{invoice_number} was paid by bank and the statement does not tell the payer's name and IBAN;"
            " ask them, and repeat with --payee NAME --iban IBAN"
        )
    return Payout(
        payout_id=refund.refund_id,
        bank_account=receipt.bank_account,
        payee=Payee(name=name, account=checked_iban(account)),
        amount=refund.amount,
        remittance=f"Refund {invoice_number}",
        status=PayoutStatus.WAITING,
        export_id="",
        entry_id="",
        message="",
    )


def _intended(connection: Connection, control: Control, saga: Saga, now: datetime) -> Result:  # noqa: ARG001 - of every step
    return Done()


def _fail(connection: Connection, control: Control, saga: Saga, now: datetime) -> None:  # noqa: ARG001 - of every step
    refund = refunds.load(connection, saga.subject)
    refunds.change(connection, refund, now=now, status=RefundStatus.FAILED, message=saga.message)
    _tell(connection, refund, "refund.failed", saga.message, now)


def _give_back(control: Control, saga: Saga, now: datetime) -> Result:  # noqa: ARG001 - of every step
    """Ask the gateway. One that gives money back later tells its end in an event, which leaves it in the flow's data."""
    with control.store.reading() as connection:
        refund = refunds.load(connection, saga.subject)
        payout = payouts.load(connection, saga.subject)
    if payout is not None:
        return _paid_out(payout)
    gateway = control.gateway(refund.gateway)
    request = RefundRequest(
        refund_id=refund.refund_id, gateway_payment_id=refund.gateway_payment_id, amount=refund.amount, reason=refund.reason
    )
    answer = with_new_key_after_fault(lambda key: gateway.ensure_refund(request, key=key), key=saga.key("give_back"))
    if isinstance(answer, Refused):
        return Impossible(reason=f"{gateway.name} refused: {answer.reason}")
    status = GatewayRefundStatus(saga.data.get("gateway_status", answer.status))
    match status:
        case GatewayRefundStatus.PENDING:
            return Waits(reason=f"{gateway.name} has taken the refund and not ended it yet")
        case GatewayRefundStatus.FAILED:
            return Impossible(reason=f"{gateway.name} could not give it back: {answer.message or answer.code or 'no reason given'}")
        case GatewayRefundStatus.SUCCEEDED:
            return Done(data={"gateway_refund_id": answer.gateway_refund_id})


def _paid_out(payout: Payout) -> Result:
    """How a transfer of ours stands. Its end wakes the flow (services/payouts.py)."""
    match payout.status:
        case PayoutStatus.WAITING:
            return Waits(reason="waits for `meterhouse payout export`")
        case PayoutStatus.EXPORTED:
            return Waits(reason=f"sent to the bank in export {payout.export_id}; the statement will show it")
        case PayoutStatus.BOOKED:
            return Done(data={"gateway_refund_id": payout.entry_id})
        case PayoutStatus.FAILED:
            return Impossible(reason=payout.message)


def _issue_note(connection: Connection, control: Control, saga: Saga, now: datetime) -> Result:
    refund = refunds.load(connection, saga.subject)
    (invoice,) = load_documents(connection, invoices.c.invoice_id == refund.invoice_id)
    before = refunds.noted(connection, refund.invoice_id, refund.amount.currency_code)
    draft = refund_note(invoice, note_id=refund.refund_id, amount=refund.amount, before=before, period=f"{now:%Y-%m}")
    account = load_account(connection, invoice.content.account_id)
    issued_at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    issue_documents(
        connection,
        control.settings,
        [draft],
        buyers={account.account_id: account},
        services=known_services(connection),
        issued_at=issued_at,
    )
    refunds.change(connection, refund, now=now, note_id=draft.invoice_id, gateway_refund_id=saga.data["gateway_refund_id"])
    return Done()


def _settle_note(connection: Connection, control: Control, saga: Saga, now: datetime) -> Result:  # noqa: ARG001 - of every step
    refund = refunds.load(connection, saga.subject)
    (note,) = load_documents(connection, invoices.c.invoice_id == refund.note_id)
    total = note.content.total
    status = after_collecting(InvoiceStatus(note.status), total=total, before=note.paid, collected=total)
    (revision,) = revisions.take(connection, 1)
    mine = update(invoices).where(invoices.c.invoice_id == note.invoice_id)
    connection.execute(mine.values(status=status.value, paid_minor=total.minor, revision=revision))
    entry = Entry(
        source=Source.REFUND,
        source_id=refund.refund_id,
        posted_at=now,
        description=note.invoice_number,
        postings=postings_of_settlement(gateway=refund.gateway, charged=total, from_balance=Money(0, total.currency_code)),
        account_id=note.content.account_id,
        invoice_id=note.invoice_id,
    )
    journal.post(connection, [entry])
    refunds.change(connection, refund, now=now, status=RefundStatus.SUCCEEDED, message="")
    _tell(connection, refund, "refund.succeeded", "", now)
    return Done()


def take_returned(connection: Connection, refund: Refund, *, message: str, now: datetime) -> None:
    """A refund that had succeeded came back from the card's bank: the money is ours again, and the customer's credit with us.

    The note stands: what it took off the customer's bill is still theirs. It is told of, since a person must pay it out.
    """
    postings = (
        Posting(ledger_account=LedgerAccount.CASH, detail=refund.gateway, amount=refund.amount),
        Posting(ledger_account=LedgerAccount.CUSTOMER_BALANCE, amount=-refund.amount),
    )
    (note,) = load_documents(connection, invoices.c.invoice_id == refund.note_id)
    if journal.is_posted(connection, Source.RETURN, refund.refund_id):
        return
    entry = Entry(
        source=Source.RETURN,
        source_id=refund.refund_id,
        posted_at=now,
        description=note.invoice_number,
        postings=postings,
        account_id=note.content.account_id,
        invoice_id=note.invoice_id,
    )
    journal.post(connection, [entry])
    refunds.change(connection, refund, now=now, message=f"the card's bank sent it back: {message}".rstrip(": "))
    _tell(connection, refund, "refund.returned", message, now)


def _tell(connection: Connection, refund: Refund, event_type: str, message: str, now: datetime) -> None:
    (invoice,) = load_documents(connection, invoices.c.invoice_id == refund.invoice_id)
    data = {
        "account_id": invoice.content.account_id,
        "invoice_number": invoice.invoice_number,
        "refund_id": refund.refund_id,
        "currency_code": refund.amount.currency_code,
        "amount": format(refund.amount.amount, "f"),
        "reason": refund.reason,
        "message": message,
    }
    outbox.publish(connection, [Message(event_type=event_type, subject=invoice.content.account_id, data=data)], now=now)


FLOW = Flow(
    kind=KIND,
    steps=(
        StoreStep(name="intend", act=_intended, undo=_fail),
        GatewayStep(name="give_back", act=_give_back),
        StoreStep(name="issue_note", act=_issue_note),
        StoreStep(name="settle_note", act=_settle_note),
    ),
)
