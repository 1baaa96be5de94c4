"""Cards at Adyen. Adyen has no customers: a shopper is a reference of ours that its cards are kept under."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from control.gateways.adyen.calls import NOWHERE, AdyenCalls, AdyenRefusal, in_path, key_for, mismatch, query
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

_LONGEST_SHOPPER = 256
# A check of a card charges nothing, in whatever currency.
_NOTHING = {"currency": "EUR", "value": 0}
_TOKENS = ("tokenization.storedPaymentMethodId", "recurring.recurringDetailReference")
# What a form must never send in clear: it would make us handle card numbers.
_CLEAR = frozenset({"number", "cvc"})
_FAILED_SESSIONS = {"refused": "the card was refused", "canceled": "the holder gave up", "expired": "the holder took too long"}

BINDING_PREFIX = "bind."


class AdyenCustomers(AdyenCalls):
    """The port's methods about customers and cards."""

    def ensure_customer(self, customer: Customer, *, key: str) -> str:  # noqa: ARG002  # nothing is sent
        """Our reference, by which Adyen knows the shopper; it needs no making."""
        if len(customer.reference) <= _LONGEST_SHOPPER:
            return customer.reference
        return hashlib.sha256(customer.reference.encode()).hexdigest()

    def save_card(self, customer_id: str, token: str, *, key: str) -> SavedCard | Declined | Refused:
        """Check the card and keep it. `token` is what Adyen's form gave the browser: its `state.data.paymentMethod` as JSON."""
        method = _payment_method(token)
        if method is None:
            return Refused(reason="the token is not the paymentMethod of Adyen's form with encrypted fields, as JSON")
        request = {
            "merchantAccount": self._merchant,
            "amount": _NOTHING,
            "reference": key_for("card", key),
            "paymentMethod": method,
            "shopperReference": customer_id,
            "shopperInteraction": "Ecommerce",
            "recurringProcessingModel": "UnscheduledCardOnFile",
            "storePaymentMethod": True,
            "returnUrl": NOWHERE,
        }
        try:
            answer = self._send(lambda: self._checkout.payments_api.payments(request, idempotency_key=key_for(key, "card")))
        except AdyenRefusal as refusal:
            return Refused(reason=refusal.reason)
        match answer.get("resultCode"):
            case "Authorised":
                return _with_facts(self._card(customer_id, token_of(answer)), answer)
            case "Refused" | "Error" | "Cancelled":
                return declined(answer)
            case _:
                return Refused(reason="the card's bank asks its holder, which needs a browser: bind the card there")

    def start_binding(self, request: BindingRequest, *, key: str) -> StartedBinding:
        """A session of nothing, for Adyen's form in the browser, which takes the JSON object of `client_data` as it is."""
        session = {
            "merchantAccount": self._merchant,
            "amount": _NOTHING,
            "reference": BINDING_PREFIX + request.binding_id,
            "shopperReference": request.customer_id,
            "shopperInteraction": "Ecommerce",
            "recurringProcessingModel": "UnscheduledCardOnFile",
            "storePaymentMethodMode": "enabled",
            "returnUrl": request.return_url,
            **({"countryCode": request.country_code} if request.country_code else {}),
        }
        made = self._must(
            f"a binding for {request.customer_id}",
            lambda: self._checkout.payments_api.sessions(session, idempotency_key=key_for(key, "binding")),
        )
        client_data = json.dumps({"id": made["id"], "sessionData": made.get("sessionData", "")})
        return StartedBinding(gateway_binding_id=made["id"], client_data=client_data)

    def find_binding(self, customer_id: str, gateway_binding_id: str, *, result: str = "") -> BindingOutcome:
        """How the session ended, by the `sessionResult` that the browser brought back.

        Raises:
            GatewayRefusedError: there is no such session, or the card is not this customer's.
            GatewayMismatchError: Adyen's answer does not name the card.
        """
        if not result:
            return BindingOpen()
        seen = self._must(
            f"a look at the binding {gateway_binding_id}",
            lambda: self._checkout.payments_api.get_result_of_payment_session(in_path(gateway_binding_id), **query(sessionResult=result)),
        )
        status = seen.get("status", "")
        if status in _FAILED_SESSIONS:
            return BindingFailed(code=status, message=_FAILED_SESSIONS[status])
        if status != "completed":
            return BindingOpen()
        card = self._find_card(customer_id, token_of(seen))
        if card is None:
            raise GatewayRefusedError(f"the card of {gateway_binding_id} is not kept for {customer_id} at Adyen")
        return Bound(card=card)

    def list_cards(self, customer_id: str) -> tuple[SavedCard, ...]:
        """The shopper's cards at Adyen."""
        listed = self._must(
            "a look at the shopper's cards",
            lambda: self._checkout.recurring_api.get_tokens_for_stored_payment_details(
                **query(shopperReference=customer_id, merchantAccount=self._merchant)
            ),
        )
        return tuple(_saved(row) for row in listed.get("storedPaymentMethods", ()) if row.get("type") == "scheme")

    def set_default_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:  # noqa: ARG002  # nothing is sent
        """Adyen has no default: only look whether it is a card of this customer."""
        if self._find_card(customer_id, payment_method_id) is None:
            raise GatewayRefusedError(f"{payment_method_id} is no card of {customer_id} at Adyen")

    def detach_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:  # noqa: ARG002  # a DELETE needs none
        """Delete the shopper's card. Another shopper's card looks to Adyen like none."""
        try:
            self._send(
                lambda: self._checkout.recurring_api.delete_token_for_stored_payment_details(
                    in_path(payment_method_id), **query(shopperReference=customer_id, merchantAccount=self._merchant)
                )
            )
        except AdyenRefusal as refusal:
            if self._find_card(customer_id, payment_method_id) is not None:
                raise GatewayRefusedError(f"Adyen refuses to delete {payment_method_id}: {refusal.reason}") from None

    def _find_card(self, customer_id: str, payment_method_id: str) -> SavedCard | None:
        return next((card for card in self.list_cards(customer_id) if card.payment_method_id == payment_method_id), None)

    def _card(self, customer_id: str, payment_method_id: str) -> SavedCard:
        """A card that was just kept. Adyen's list may lag behind; then only its id is told."""
        found = self._find_card(customer_id, payment_method_id)
        return found or SavedCard(payment_method_id=payment_method_id, brand="", last4="", expires="")


def declined(answer: dict[str, Any]) -> Declined:
    """A refusal, whose code is Adyen's number of the reason: https://docs.adyen.com/development-resources/refusal-reasons."""
    return Declined(
        code=str(answer.get("refusalReasonCode") or answer.get("resultCode", "")),
        message=str(answer.get("refusalReason") or "Adyen gives no reason"),
    )


def token_of(answer: dict[str, Any]) -> str:
    """The id of the kept card in an answer or a webhook.

    Raises:
        GatewayMismatchError: it is not there.
    """
    more = answer.get("additionalData") or {}
    found = next((str(more[name]) for name in _TOKENS if more.get(name)), "")
    if not found:
        raise mismatch("a kept card", "its answer does not name it; switch on 'Recurring details' under Additional data there")
    return found


def _with_facts(card: SavedCard, answer: dict[str, Any]) -> SavedCard:
    """What an answer tells of the card beside its token, where 'Card alias', 'Funding source' and 'Issuer country' are switched on."""
    more = answer.get("additionalData") or {}
    country = str(more.get("cardIssuingCountry", ""))
    funding = str(more.get("fundingSource", "")).lower()
    return replace(
        card,
        fingerprint=str(more.get("alias", "")),
        funding="prepaid" if funding.startswith("prepaid") else funding.rpartition("_")[2],
        country_code=country if len(country) == 2 else "",
    )


def _payment_method(token: str) -> dict[str, Any] | None:
    try:
        method = json.loads(token)
    except ValueError:
        return None
    is_usable = isinstance(method, dict) and method.get("type") == "scheme" and not method.keys() & _CLEAR
    return method if is_usable else None


def _saved(row: dict[str, Any]) -> SavedCard:
    year, month = str(row.get("expiryYear", "")), str(row.get("expiryMonth", ""))
    expires = f"{year if len(year) == 4 else '20' + year}-{month:0>2}" if year and month else ""
    return SavedCard(payment_method_id=row["id"], brand=row.get("brand", ""), last4=row.get("lastFour", ""), expires=expires)
