"""Stripe's own invoices of ours: made with all their lines, advanced and charged only when we say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import stripe

from control.gateways.stripe import units
from control.gateways.stripe.calls import (
    INVOICE,
    LINE,
    NUMBER,
    PAGE,
    TOTAL,
    StripeCalls,
    codes,
    declined,
    identifier,
    metadata,
    mismatch,
    money_of,
    reason_of,
    refused,
)
from control.gateways.stripe.invoice_shapes import WITH_PAYMENTS, check_total, settled, shown, wanted_lines
from control.ports import (
    Declined,
    GatewayFaultError,
    GatewayInvoice,
    GatewayInvoiceStatus,
    GatewayRefusedError,
    GatewayUnavailableError,
    InvoiceRequest,
    PaymentOutcome,
    Refused,
    RequiresAction,
)

if TYPE_CHECKING:
    from stripe.params import InvoiceAddLinesParamsLine, InvoiceCreateParamsPaymentSettings

_LINES_A_CALL = 100
_ASKS_HOLDER: InvoiceCreateParamsPaymentSettings = {"payment_method_options": {"card": {"request_three_d_secure": "challenge"}}}
_NEEDS_HOLDER = frozenset({"invoice_payment_intent_requires_action", "authentication_required"})


class StripeInvoices(StripeCalls):
    """The port's methods about invoices that the gateway keeps."""

    def ensure_invoice(self, request: InvoiceRequest, *, key: str) -> GatewayInvoice:
        """Stripe's invoice of ours with all its lines; a draft that only we advance, unless it went on already.

        Raises:
            GatewayMismatchError: Stripe's has another total or currency. A draft like that is thrown away first.
            RefusedError: a line has no exact form in Stripe's units; nothing was made.
        """
        wanted = wanted_lines(request)
        invoice = self._find(request.customer_id, request.invoice_id)
        try:
            if invoice is None:
                invoice = self._create(request, key=key)
            if invoice.status == "draft":
                invoice = self._complete(invoice, wanted, key=key)
        except stripe.InvalidRequestError as error:
            if invoice is not None and error.code == "resource_missing":
                # Thrown away before, and the key brings it back for a day.
                raise GatewayFaultError(f"Stripe's draft of {request.invoice_number} is gone; look, then use a new key") from None
            raise refused(request.invoice_number, error) from None
        total = units.to_units(request.total)
        if (invoice.total, invoice.currency.upper()) != (total, request.total.currency_code):
            self._discard(invoice)
            shown = f"{invoice.total} {invoice.currency.upper()}"
            raise mismatch(request.invoice_number, f"its total there is {shown} in minor units, not {total}")
        return self._look(invoice)

    def find_invoice(self, customer_id: str, invoice_id: str) -> GatewayInvoice | None:
        """The invoice with our id among the customer's, as it is now.

        Raises:
            GatewayMismatchError: several carry our id, or its amounts contradict each other.
        """
        invoice = self._find(customer_id, invoice_id)
        return None if invoice is None else self._look(invoice)

    def finalize_invoice(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice:
        """Make the draft payable; Stripe applies the customer's balance.

        Raises:
            GatewayMismatchError: lines were added or are missing, or the balance would leave less than Stripe charges.
        """
        try:
            invoice = self._retrieve(gateway_invoice_id)
            if invoice.status == "draft":
                self._check_final(invoice)
                invoice = self._send(
                    lambda: self._client.invoices.finalize_invoice(
                        gateway_invoice_id,
                        {"auto_advance": False, "expand": WITH_PAYMENTS},
                        {"idempotency_key": f"{key}:finalize"},
                    )
                )
        except stripe.InvalidRequestError as error:
            raise refused(f"to finalize {gateway_invoice_id}", error) from None
        return shown(invoice)

    def pay_invoice(self, gateway_invoice_id: str, payment_method_id: str, *, key: str) -> PaymentOutcome:
        """Charge what is due, off-session, after a last look.

        Raises:
            GatewayUnavailableError: also where a payment of this invoice is under way already.
            GatewayMismatchError: the invoice's amounts contradict each other.
        """
        try:
            before = shown(self._retrieve(gateway_invoice_id))
        except stripe.InvalidRequestError as error:
            return Refused(reason=reason_of(error))
        if before.status is not GatewayInvoiceStatus.OPEN:
            return settled(before)
        try:
            paid = self._send(
                lambda: self._client.invoices.pay(
                    gateway_invoice_id,
                    {"off_session": True, "payment_method": payment_method_id, "expand": WITH_PAYMENTS},
                    {"idempotency_key": f"{key}:pay"},
                )
            )
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            return self._not_paid(before, error)
        after = shown(paid)
        if after.status is GatewayInvoiceStatus.OPEN:
            raise GatewayUnavailableError(
                f"Stripe took the payment of {gateway_invoice_id} and does not tell its end yet; push again later"
            )
        return settled(after)

    def settle_outside(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice:
        """Mark what is due as paid outside of Stripe.

        Raises:
            GatewayRefusedError: it is no open invoice.
            GatewayUnavailableError: a payment of it is under way.
        """
        before = self._payable(gateway_invoice_id)
        if before.paid_outside:
            return before
        paid = self._must(
            f"to settle {gateway_invoice_id}",
            lambda: self._client.invoices.pay(
                gateway_invoice_id,
                {"paid_out_of_band": True, "expand": WITH_PAYMENTS},
                {"idempotency_key": f"{key}:outside"},
            ),
        )
        return shown(paid)

    def void_invoice(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice | None:
        """Void an open invoice, or delete a draft; one that is void or deleted is that.

        Raises:
            GatewayRefusedError: it is paid.
            GatewayUnavailableError: a payment of it is under way.
        """
        try:
            invoice = self._retrieve(gateway_invoice_id)
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                return None
            raise refused(f"to void {gateway_invoice_id}", error) from None
        if invoice.status == "draft":
            self._discard(invoice)
            return None
        if invoice.status == "void":
            return shown(invoice)
        before = self._payable(gateway_invoice_id)
        if before.paid_outside:
            raise GatewayRefusedError(f"Stripe refuses to void {gateway_invoice_id}: it was paid on another way")
        voided = self._must(
            f"to void {gateway_invoice_id}",
            lambda: self._client.invoices.void_invoice(gateway_invoice_id, {"expand": WITH_PAYMENTS}, {"idempotency_key": f"{key}:void"}),
        )
        return shown(voided)

    def _payable(self, gateway_invoice_id: str) -> GatewayInvoice:
        """The invoice, where nothing stands against ending it on another way than by a payment."""
        seen = shown(self._must(f"a look at {gateway_invoice_id}", lambda: self._retrieve(gateway_invoice_id)))
        if seen.status is GatewayInvoiceStatus.PROCESSING:
            raise GatewayUnavailableError(f"a payment of {gateway_invoice_id} is under way at Stripe; try again later")
        if seen.status is not GatewayInvoiceStatus.OPEN and not seen.paid_outside:
            raise GatewayRefusedError(f"{gateway_invoice_id} is {seen.status} at Stripe, not open")
        return seen

    def _not_paid(self, before: GatewayInvoice, error: stripe.CardError | stripe.InvalidRequestError) -> PaymentOutcome:
        """What a refused payment means. Stripe also refuses to pay what is paid, so an invalid request needs a look."""
        if codes(error) & _NEEDS_HOLDER:
            return RequiresAction(url=before.url)
        if isinstance(error, stripe.CardError):
            return declined(error)
        after = shown(self._must("a look at the invoice", lambda: self._retrieve(before.gateway_invoice_id)))
        if after.status is not GatewayInvoiceStatus.OPEN:
            return settled(after)
        if error.param == "payment_method":
            return Declined(code=error.code or "payment_method_unusable", message=reason_of(error))
        return Refused(reason=reason_of(error))

    def _create(self, request: InvoiceRequest, *, key: str) -> stripe.Invoice:
        # due_date is refused for invoices that are charged automatically; `number` would have to be unique over all
        # deployments that share the Stripe account. Both stand in the text instead.
        return self._send(
            lambda: self._client.invoices.create(
                {
                    "customer": request.customer_id,
                    "currency": request.total.currency_code.lower(),
                    "auto_advance": False,
                    "collection_method": "charge_automatically",
                    "pending_invoice_items_behavior": "exclude",
                    "description": f"Invoice {request.invoice_number}, due {request.due_date.isoformat()}",
                    "metadata": {
                        INVOICE: request.invoice_id,
                        NUMBER: request.invoice_number,
                        TOTAL: str(units.to_units(request.total)),
                    },
                    "payment_settings": _ASKS_HOLDER if request.asks_holder else {},
                },
                {"idempotency_key": f"{key}:create"},
            )
        )

    def _complete(self, draft: stripe.Invoice, wanted: Sequence[InvoiceAddLinesParamsLine], *, key: str) -> stripe.Invoice:
        """The draft with the lines that an interrupted call left out."""
        is_new = draft.last_response is not None and "Idempotent-Replayed" not in draft.last_response.headers
        there = [] if is_new else self._all(lambda: self._client.invoices.line_items.list(draft.id, {"limit": PAGE}).auto_paging_iter())
        numbers = {metadata(line).get(LINE) for line in there}
        missing = [(number, line) for number, line in enumerate(wanted, start=1) if str(number) not in numbers]
        invoice = draft
        for start in range(0, len(missing), _LINES_A_CALL):
            chunk = missing[start : start + _LINES_A_CALL]
            chunk_key = f"{key}:lines:{chunk[0][0]}-{chunk[-1][0]}"
            invoice = self._add(draft.id, [line for _, line in chunk], chunk_key)
        return invoice if missing else self._send(lambda: self._client.invoices.retrieve(draft.id))

    def _add(self, draft_id: str, lines: list[InvoiceAddLinesParamsLine], key: str) -> stripe.Invoice:
        return self._send(lambda: self._client.invoices.add_lines(draft_id, {"lines": lines}, {"idempotency_key": key}))

    def _discard(self, invoice: stripe.Invoice) -> None:
        if invoice.status == "draft":
            self._must(f"to delete the draft {invoice.id}", lambda: self._client.invoices.delete(invoice.id))

    def _check_final(self, draft: stripe.Invoice) -> None:
        """Refuse to finalize what is not our invoice, or what Stripe would carry forward instead of charging."""
        check_total(draft)
        customer = self._send(lambda: self._client.customers.retrieve(identifier(draft.customer)))
        balance = customer.balance or 0
        if balance > 0:
            raise mismatch(draft.id, f"the customer owes {balance} there from elsewhere, which would be charged with it")
        left = draft.total + balance
        if left <= 0:
            return
        if reason := units.refusal(money_of(left, draft.currency, draft.id)):
            raise mismatch(draft.id, f"after the customer's balance something is left that cannot be charged: {reason}")

    def _find(self, customer_id: str, invoice_id: str) -> stripe.Invoice | None:
        """Our invoice among the customer's, a living one first. Lists are read from Stripe's master; searches lag."""
        try:
            rows = self._all(lambda: self._client.invoices.list({"customer": customer_id, "limit": PAGE}).auto_paging_iter())
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                return None
            raise refused("a look at the customer's invoices", error) from None
        found = [row for row in rows if metadata(row).get(INVOICE) == invoice_id]
        living = [row for row in found if row.status != "void"]
        if len(living) > 1:
            raise mismatch(invoice_id, f"several invoices there carry its id: {', '.join(row.id for row in living)}")
        return next(iter(living + found), None)

    def _retrieve(self, gateway_invoice_id: str) -> stripe.Invoice:
        return self._send(lambda: self._client.invoices.retrieve(gateway_invoice_id, {"expand": WITH_PAYMENTS}))

    def _look(self, invoice: stripe.Invoice) -> GatewayInvoice:
        """What an invoice from a list shows; only a draft needs no second call for its payments."""
        if invoice.status == "draft":
            return shown(invoice)
        return shown(self._must("a look at the invoice", lambda: self._retrieve(invoice.id)))
