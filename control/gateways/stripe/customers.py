"""Customers and their cards at Stripe: found again by our ids, saved by token, bound in the browser by a SetupIntent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import stripe

from control.gateways.stripe.calls import (
    ACCOUNT,
    BINDING,
    PAGE,
    REFERENCE,
    StripeCalls,
    declined,
    declined_by,
    given,
    identifier,
    metadata,
    reason_of,
    refused,
)
from control.ports import (
    BindingFailed,
    BindingOpen,
    BindingOutcome,
    BindingRequest,
    Bound,
    Customer,
    Declined,
    GatewayRefusedError,
    Refused,
    SavedCard,
    StartedBinding,
)

if TYPE_CHECKING:
    from stripe.params import CustomerCreateParams

# Stripe promises its search to know an object within a minute, outages aside; each new customer costs a list of those made
# in this time.
_SEARCH_LAG_SECONDS = 600


class StripeCustomers(StripeCalls):
    """The port's methods about customers and cards."""

    def ensure_customer(self, customer: Customer, *, key: str) -> str:
        """Stripe's id of the customer with our reference, made if needed.

        Raises:
            GatewayRefusedError: Stripe does not take a value, such as the email.
        """
        if found := self._known_customer(customer.reference):
            return found
        address = given(line1=customer.address, postal_code=customer.postal_code, city=customer.city, country=customer.country_code)
        params = {
            **given(name=customer.name, email=customer.email),
            **({"address": address} if address else {}),
            "metadata": {REFERENCE: customer.reference, ACCOUNT: customer.account_id},
        }
        made = self._must(
            f"the customer of account {customer.account_id}",
            lambda: self._client.customers.create(cast("CustomerCreateParams", params), {"idempotency_key": f"{key}:customer"}),
        )
        return made.id

    def save_card(self, customer_id: str, token: str, *, key: str) -> SavedCard | Declined | Refused:
        """Attach the payment method to the customer and make it the default of its invoices."""
        try:
            method = self._send(
                lambda: self._client.payment_methods.attach(token, {"customer": customer_id}, {"idempotency_key": f"{key}:attach"})
            )
        except stripe.CardError as error:
            return declined(error)
        except stripe.InvalidRequestError as error:
            attached = self._attached(customer_id, token)
            if attached is None:
                return Refused(reason=reason_of(error))
            method = attached
        self._make_default(customer_id, method.id, key=key)
        return saved(method)

    def start_binding(self, request: BindingRequest, *, key: str) -> StartedBinding:
        """A SetupIntent for charges off-session. The return URL is for the form in the browser to send."""
        intent = self._must(
            f"a binding for {request.customer_id}",
            lambda: self._client.setup_intents.create(
                {
                    "customer": request.customer_id,
                    "usage": "off_session",
                    "payment_method_types": ["card"],
                    "metadata": {BINDING: request.binding_id},
                },
                {"idempotency_key": f"{key}:binding"},
            ),
        )
        return StartedBinding(gateway_binding_id=intent.id, client_data=intent.client_secret or "")

    def find_binding(self, customer_id: str, gateway_binding_id: str, *, result: str = "") -> BindingOutcome:  # noqa: ARG002  # the port's
        """How the SetupIntent stands. Stripe lets the holder try again in the same form after a failure."""
        intent = self._must("a look at the binding", lambda: self._setup_intent(gateway_binding_id))
        if identifier(intent.customer) != customer_id:
            raise GatewayRefusedError(f"{gateway_binding_id} is no binding of {customer_id} at Stripe")
        return bound(intent)

    def list_cards(self, customer_id: str) -> tuple[SavedCard, ...]:
        """The customer's cards at Stripe, newest first."""
        listed = self._client.customers.payment_methods.list
        try:
            rows = self._all(lambda: listed(customer_id, {"type": "card", "limit": PAGE}).auto_paging_iter())
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                return ()
            raise refused("a look at the customer's cards", error) from None
        return tuple(saved(row) for row in rows)

    def set_default_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:
        """Make a card the default of the customer's invoices at Stripe."""
        if self._attached(customer_id, payment_method_id) is None:
            raise GatewayRefusedError(f"{payment_method_id} is no card of {customer_id} at Stripe")
        self._make_default(customer_id, payment_method_id, key=key)

    def detach_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:
        """Detach a card from its customer."""
        methods = self._client.payment_methods

        def owner() -> str:
            try:
                return identifier(self._send(lambda: methods.retrieve(payment_method_id)).customer)
            except stripe.InvalidRequestError:
                return ""

        if (before := owner()) and before != customer_id:
            raise GatewayRefusedError(f"{payment_method_id} is no card of {customer_id} at Stripe")
        if not before:
            return
        try:
            self._send(lambda: methods.detach(payment_method_id, {}, {"idempotency_key": f"{key}:detach"}))
        except stripe.InvalidRequestError as error:
            if owner():
                raise refused(f"to detach {payment_method_id}", error) from None

    def _make_default(self, customer_id: str, payment_method_id: str, *, key: str) -> None:
        self._must(
            f"{payment_method_id} as the default card",
            lambda: self._client.customers.update(
                customer_id,
                {"invoice_settings": {"default_payment_method": payment_method_id}},
                {"idempotency_key": f"{key}:default"},
            ),
        )

    def _setup_intent(self, gateway_binding_id: str) -> stripe.SetupIntent:
        return self._client.setup_intents.retrieve(gateway_binding_id, {"expand": ["payment_method"]})

    def _known_customer(self, reference: str) -> str | None:
        """The oldest customer with our reference: Stripe's search knows those of a minute ago, the list all newer ones."""
        quoted = reference.replace("\\", "\\\\").replace("'", "\\'")
        query = f"metadata['{REFERENCE}']:'{quoted}'"
        since = int(time.time()) - _SEARCH_LAG_SECONDS
        customers = self._client.customers

        def searched() -> list[stripe.Customer]:
            return customers.search({"query": query, "limit": PAGE}).data

        def recent() -> list[stripe.Customer]:
            return list(customers.list({"created": {"gte": since}, "limit": PAGE}).auto_paging_iter())

        for source in (searched, recent):
            rows = self._must("a search for customers", source)
            found = [row for row in rows if metadata(row).get(REFERENCE) == reference]
            if found:
                return min(found, key=lambda row: (row.created, row.id)).id
        return None

    def _attached(self, customer_id: str, token: str) -> stripe.PaymentMethod | None:
        """The payment method, where an earlier call has attached it to this customer already."""
        try:
            method = self._send(lambda: self._client.payment_methods.retrieve(token))
        except stripe.InvalidRequestError:
            return None
        return method if method.customer is not None and identifier(method.customer) == customer_id else None


def saved(method: stripe.PaymentMethod) -> SavedCard:
    """What a person may see of a card."""
    card = method.card
    if card is None:
        return SavedCard(payment_method_id=method.id, brand="", last4="", expires="")
    expires = f"{card.exp_year:04d}-{card.exp_month:02d}"
    return SavedCard(
        payment_method_id=method.id,
        brand=card.brand,
        last4=card.last4 or "",
        expires=expires,
        fingerprint=card.fingerprint or "",
        funding="" if card.funding == "unknown" else card.funding,
        country_code=card.country or "",
    )


def bound(intent: stripe.SetupIntent) -> BindingOutcome:
    """What a SetupIntent with its expanded card says."""
    if intent.status == "succeeded" and isinstance(intent.payment_method, stripe.PaymentMethod):
        return Bound(card=saved(intent.payment_method))
    if intent.status == "canceled":
        return BindingFailed(code=intent.cancellation_reason or "canceled", message="the binding was given up")
    error = intent.last_setup_error
    if intent.status == "requires_payment_method" and error is not None:
        refusal = declined_by(error)
        return BindingFailed(code=refusal.code, message=refusal.message)
    return BindingOpen()
