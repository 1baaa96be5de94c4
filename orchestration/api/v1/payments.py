"""`/v1/payments` and `/v1/refunds`: money that was collected, money that goes back, and the wish for either."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import Path, Query

from control.domain.documents import IssuedInvoice
from control.domain.money import Money
from control.services.parts import find_payment, find_refund, page_of_payments, page_of_refunds
from control.services.push import push_one
from control.services.refund import refund_invoice
from control.services.show import show_invoice
from orchestration.api.v1.gate import Call, CallOf, Resource
from orchestration.api.v1.paging import Page, PagingOf, instant_of
from orchestration.api.v1.problems import NotFoundError
from orchestration.api.v1.schemas.fields import instant_text
from orchestration.api.v1.schemas.payments import Collection, NewRefund, Payment, Refund
from warehouse.errors import InputError

router = Resource("payments and refunds")

Number = Annotated[str, Path(description="The number of an issued document.")]
AccountQuery = Annotated[str | None, Query(description="Only this account's.")]
# A charge waits this long for a push that goes on; then it is refused, and may be sent again.
_WAIT_SECONDS = 20.0


@router.reads("/payments", scope="payments:read")
def list_payments(call: CallOf, paging: PagingOf, account_id: AccountQuery = None, invoice_number: str = "") -> Page[Payment]:
    """Attempts to settle documents, oldest first."""
    question = ["payments", account_id, invoice_number]
    after = instant_of(paging.after(question, width=2))
    account = account_id or call.grant.account_id
    found = page_of_payments(call.control, account_id=account, invoice_number=invoice_number, after=after, limit=paging.limit + 1)
    places = [[instant_text(each.started_at), each.payment_id] for each in found]
    return Page(**paging.page([Payment.of(each) for each in found], places, question))


@router.reads("/payments/{payment_id}", scope="payments:read")
def show_payment(call: CallOf, payment_id: str) -> Payment:
    """One attempt."""
    found = find_payment(call.control, payment_id)
    if found is None or not call.grant.reaches(found.account_id):
        raise NotFoundError("such payment")
    return Payment.of(found)


@router.writes("POST", "/invoices/{invoice_number}/payments", scope="payments:write", needs_key=True, status_code=201)
def pay_invoice(call: CallOf, invoice_number: Number) -> Collection:
    """Settle a document now: from the customer's balance, then by its default card. A decline is a result, not an error."""
    issued = _issued(call, invoice_number)
    return Collection.of(push_one(call.control, issued.invoice_number, now=call.now, wait_seconds=_WAIT_SECONDS))


@router.reads("/refunds", scope="payments:read")
def list_refunds(call: CallOf, paging: PagingOf, account_id: AccountQuery = None) -> Page[Refund]:
    """Refunds, oldest first."""
    question = ["refunds", account_id]
    after = instant_of(paging.after(question, width=2))
    found = page_of_refunds(call.control, account_id=account_id or call.grant.account_id, after=after, limit=paging.limit + 1)
    places = [[instant_text(each.asked_at), each.refund_id] for each in found]
    return Page(**paging.page([Refund.of(each) for each in found], places, question))


@router.reads("/refunds/{refund_id}", scope="payments:read")
def show_refund(call: CallOf, refund_id: str) -> Refund:
    """One refund."""
    found = find_refund(call.control, refund_id)
    if found is None or not call.grant.reaches(found.account_id):
        raise NotFoundError("such refund")
    return Refund.of(found)


@router.writes("POST", "/invoices/{invoice_number}/refunds", scope="refunds:write", staff_only=True, needs_key=True, status_code=201)
def give_refund(call: CallOf, invoice_number: Number, body: NewRefund) -> Refund:
    """Give money of a charged invoice back, with a refund note. Each new request is one more refund."""
    issued = _issued(call, invoice_number)
    currency = issued.content.total.currency_code
    try:
        amount = None if body.amount is None else Money.from_decimal(Decimal(body.amount), currency)
    except ValueError as error:
        raise InputError(str(error)) from None
    refund, _ = refund_invoice(call.control, issued.invoice_number, amount=amount, reason=body.reason, actor=call.actor, now=call.now)
    return show_refund(call, refund.refund_id)  # type: ignore[no-any-return]


def _issued(call: Call, invoice_number: str) -> IssuedInvoice:
    try:
        issued = show_invoice(call.control, invoice_number)
    except InputError:
        raise NotFoundError("such issued document") from None
    call.about(issued.content.account_id)
    return issued
