"""What a customer gets back at Stripe without their card: credit on the balance, and Stripe's credit notes on its invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import stripe

from control.domain.money import Money
from control.gateways.stripe import units
from control.gateways.stripe.calls import (
    CREDIT_NOTE,
    NUMBER,
    PAGE,
    REFERENCE,
    StripeCalls,
    metadata,
    mismatch,
    money_of,
    reason_of,
    refused,
    short_key,
)
from control.ports import CreditNoteRequest, GatewayCreditNote, Refused

if TYPE_CHECKING:
    from stripe.params import CreditNoteCreateParams


class StripeCredits(StripeCalls):
    """The port's methods about balances and credit notes."""

    def ensure_balance_credit(self, customer_id: str, amount: Money, *, reference: str, description: str, key: str) -> str:
        """Credit the customer's balance once per reference; Stripe's id of the balance transaction.

        Raises:
            RefusedError: the amount has no exact form in Stripe's units.
            GatewayMismatchError: Stripe knows the reference with another amount.
        """
        count = -units.to_credit_units(amount)
        currency = amount.currency_code.lower()
        transactions = self._client.customers.balance_transactions
        try:
            rows = self._all(lambda: transactions.list(customer_id, {"limit": PAGE}).auto_paging_iter())
            found = next((row for row in rows if metadata(row).get(REFERENCE) == reference), None)
            if found is None:
                found = self._send(
                    lambda: transactions.create(
                        customer_id,
                        {"amount": count, "currency": currency, "description": description, "metadata": {REFERENCE: reference}},
                        {"idempotency_key": f"{key}:credit"},
                    )
                )
        except stripe.InvalidRequestError as error:
            raise refused(f"the credit for {reference}", error) from None
        if (found.amount, found.currency) != (count, currency):
            raise mismatch(reference, f"its credit there is {found.amount} {found.currency.upper()} in minor units, not {count}")
        return found.id

    def ensure_credit_note(self, request: CreditNoteRequest, *, key: str) -> GatewayCreditNote | Refused:
        """Stripe's credit note of ours on its invoice, made if needed.

        Raises:
            RefusedError: the amount has no exact form in Stripe's units.
            GatewayMismatchError: Stripe has it with another amount.
        """
        count = units.to_credit_units(request.amount)
        notes = self._client.credit_notes

        def look() -> stripe.CreditNote | None:
            rows = self._all(lambda: notes.list({"invoice": request.gateway_invoice_id, "limit": PAGE}).auto_paging_iter())
            return next((row for row in rows if metadata(row).get(CREDIT_NOTE) == request.credit_note_id), None)

        def make(making_key: str) -> stripe.CreditNote:
            invoice = self._client.invoices.retrieve(request.gateway_invoice_id)
            params = _credit_note(request, count, is_paid=invoice.status == "paid")
            return notes.create(cast("CreditNoteCreateParams", params), {"idempotency_key": making_key})

        own_key = short_key("credit note", request.gateway_invoice_id, request.credit_note_id, str(count))
        try:
            note = self._make_once(look, make, own_key=own_key, key=f"{key}:note")
        except stripe.InvalidRequestError as error:
            return Refused(reason=reason_of(error))
        if note.total != count:
            raise mismatch(request.credit_note_number, f"it is of {note.total} there in minor units, not of {count}")
        to_balance = 0 if note.type == "pre_payment" or note.refunds else note.post_payment_amount
        return GatewayCreditNote(
            gateway_credit_note_id=note.id,
            credit_note_id=request.credit_note_id,
            amount=request.amount,
            to_balance=money_of(to_balance, note.currency, note.id),
            is_void=note.status == "void",
        )


def _credit_note(request: CreditNoteRequest, count: int, *, is_paid: bool) -> dict[str, object]:
    """What is sent to Stripe. On a paid invoice the parts of a credit note must say where the money goes."""
    params: dict[str, object] = {
        "invoice": request.gateway_invoice_id,
        "amount": count,
        "memo": f"{request.credit_note_number}: {request.description}",
        "metadata": {CREDIT_NOTE: request.credit_note_id, NUMBER: request.credit_note_number},
    }
    if request.gateway_refund_id:
        params["refunds"] = [{"type": "refund", "refund": request.gateway_refund_id, "amount_refunded": count}]
    elif is_paid:
        params["credit_amount"] = count
    return params
