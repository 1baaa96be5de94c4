"""The money side of an invoice: its PaymentIntent, charges, refunds, disputes, and the holder's authentication."""

from __future__ import annotations

from typing import Any

from control.testing.stripe_server.amounts import check_amount
from control.testing.stripe_server.cards import refusal_fields
from control.testing.stripe_server.endpoints import PAGE, Call, Json, chosen, endpoint, merged_metadata, new_id, page
from control.testing.stripe_server.errors import ApiError
from control.testing.stripe_server.payment_methods import card_of, finish_setup


@endpoint("get", "/v1/payment_intents/{intent}")
def retrieve_payment_intent(call: Call) -> Json:
    """One payment intent."""
    return call.require("payment_intent", call.path_arguments["intent"])


@endpoint("get", "/v1/payment_intents", *PAGE, "customer")
def list_payment_intents(call: Call) -> Json:
    """Payment intents, newest first."""
    return page(call, call.store.newest_first("payment_intent", **chosen(call.arguments, ("customer",))))


@endpoint("get", "/v1/charges/{charge}")
def retrieve_charge(call: Call) -> Json:
    """One charge."""
    return call.require("charge", call.path_arguments["charge"])


@endpoint("get", "/v1/disputes/{dispute}")
def retrieve_dispute(call: Call) -> Json:
    """One dispute."""
    return call.require("dispute", call.path_arguments["dispute"])


@endpoint("get", "/v1/invoice_payments", *PAGE, "invoice", "status")
def list_invoice_payments(call: Call) -> Json:
    """Which payment intents pay which invoices, newest first."""
    return page(call, call.store.newest_first("invoice_payment", **chosen(call.arguments, ("invoice", "status"))))


@endpoint("post", "/v1/refunds", "charge", "payment_intent", "amount", "reason", "metadata")
def create_refund(call: Call) -> Json:
    """Give a charge back, in full or in part; succeeds at once."""
    if "payment_intent" in call.arguments:
        charge_id = call.require("payment_intent", call.arguments["payment_intent"], param="payment_intent")["latest_charge"]
    else:
        charge_id = call.arguments.get("charge")
    if not charge_id:
        raise ApiError(400, "One of payment_intent and charge should be provided for this request.", code="parameter_missing")
    charge = call.require("charge", charge_id, param="charge")
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = call.arguments.get("amount", left)
    if charge["disputed"]:
        raise ApiError(400, f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left == 0:
        raise ApiError(400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if not 0 < amount <= left:
        raise ApiError(400, f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount")
    check_amount(amount, charge["currency"], param="amount")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    call.store.put(charge)
    refund = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "metadata": merged_metadata({}, call.arguments.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "reason": call.arguments.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    call.emit("refund.created", refund)
    call.emit("charge.refunded", charge)
    return call.store.put(refund)


@endpoint("get", "/v1/refunds/{refund}")
def retrieve_refund(call: Call) -> Json:
    """One refund."""
    return call.require("refund", call.path_arguments["refund"])


@endpoint("get", "/v1/refunds", *PAGE, "charge", "payment_intent")
def list_refunds(call: Call) -> Json:
    """Refunds, newest first."""
    return page(call, call.store.newest_first("refund", **chosen(call.arguments, ("charge", "payment_intent"))))


def open_payment(call: Call, invoice: Json) -> None:
    """The one payment intent of an invoice that became payable."""
    check_amount(invoice["amount_due"], invoice["currency"], param="amount")
    intent = call.store.put(
        {
            "id": new_id("pi"),
            "object": "payment_intent",
            "amount": invoice["amount_due"],
            "amount_capturable": 0,
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic",
            "client_secret": new_id("pi_secret"),
            "confirmation_method": "automatic",
            "created": call.now,
            "currency": invoice["currency"],
            "customer": invoice["customer"],
            "description": "Payment for Invoice",
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
        }
    )
    call.emit("payment_intent.created", intent)
    call.store.put(
        {
            "id": new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": call.now,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def payment_of(call: Call, invoice: Json) -> tuple[Json, Json]:
    """The payment intent of a payable invoice, and the row that ties them."""
    tie = call.store.newest_first("invoice_payment", invoice=invoice["id"])[0]
    return call.require("payment_intent", tie["payment"]["payment_intent"]), tie


def charge_card(call: Call, intent: Json, method: Json) -> Json | None:
    """Charge a card for an intent; None where it paid or is on its way, else Stripe's error object. What happened is kept."""
    card = card_of(method)
    needs_holder = card.authentication == "always" or (card.authentication == "unless_set_up" and not method["_is_set_up"])
    intent |= {"payment_method": method["id"], "next_action": None, "last_payment_error": None}
    if needs_holder:
        step = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        intent |= {"status": "requires_action", "next_action": step}
        call.emit("payment_intent.requires_action", call.store.put(intent))
        message = (
            "This payment requires additional user action before it can be completed successfully. "
            "Payment can be completed using the PaymentIntent associated with the invoice."
        )
        return {"type": "card_error", "code": "invoice_payment_intent_requires_action", "message": message}
    if card.refusal is not None:
        return _refuse(call, intent, method)
    if "processing" in call.faults:
        intent["status"] = "processing"
        call.emit("payment_intent.processing", call.store.put(intent))
        return None
    take_payment(call, intent, method)
    return None


def take_payment(call: Call, intent: Json, method: Json) -> Json:
    """The bank pays; returns the charge."""
    success = {"status": "succeeded", "paid": True, "captured": True, "amount_captured": intent["amount"]}
    charge = call.store.put(_charge(call, intent, method) | success)
    intent |= {"status": "succeeded", "next_action": None, "amount_received": intent["amount"], "latest_charge": charge["id"]}
    call.store.put(intent)
    call.emit("charge.succeeded", charge)
    call.emit("payment_intent.succeeded", intent)
    if card_of(method).is_disputed:
        _dispute(call, charge)
    return charge


def cancel_payment(call: Call, invoice: Json) -> None:
    """Give up the payment intent of an invoice that will not be paid."""
    intent, tie = payment_of(call, invoice)
    intent |= {"status": "canceled", "canceled_at": call.now, "cancellation_reason": "void_invoice", "next_action": None}
    tie |= {"status": "canceled", "status_transitions": tie["status_transitions"] | {"canceled_at": call.now}}
    call.emit("payment_intent.canceled", call.store.put(intent))
    call.store.put(tie)


def resolve(call: Call, intent_id: str, *, succeeds: bool) -> Json:
    """The end of what a payment or a setup waits for, its holder's authentication or the bank; returns the intent.

    Raises:
        ApiError: the intent waits for nothing.
    """
    kind = "setup_intent" if intent_id.startswith("seti_") else "payment_intent"
    intent = call.require(kind, intent_id)
    if intent["status"] not in ("requires_action", "processing"):
        raise ApiError(400, f"{intent_id} is {intent['status']} and waits for nothing")
    if kind == "setup_intent":
        return finish_setup(call, intent, is_authenticated=succeeds)
    method = call.require("payment_method", intent["payment_method"])
    if succeeds:
        take_payment(call, intent, method)
    else:
        error = {
            "type": "card_error",
            "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication.",
        }
        intent |= {"status": "requires_payment_method", "next_action": None, "last_payment_error": error}
        call.emit("payment_intent.payment_failed", call.store.put(intent))
    return intent


def _refuse(call: Call, intent: Json, method: Json) -> Json:
    card = card_of(method)
    fields = {name: value for name, value in refusal_fields(card).items() if value}
    outcome = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network",
        "reason": fields.get("decline_code", fields["code"]),
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
    failure = {"status": "failed", "failure_code": fields["code"], "failure_message": fields["message"], "outcome": outcome}
    charge = call.store.put(_charge(call, intent, method) | failure)
    error: Json = {"type": "card_error", **fields, "charge": charge["id"]}
    intent |= {"status": "requires_payment_method", "payment_method": None, "latest_charge": charge["id"], "last_payment_error": error}
    call.store.put(intent)
    call.emit("charge.failed", charge)
    call.emit("payment_intent.payment_failed", intent)
    return error


def _charge(call: Call, intent: Json, method: Json) -> Json:
    card = method["card"]
    details: dict[str, Any] = {
        "brand": card["brand"],
        "checks": card["checks"],
        "country": card["country"],
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "fingerprint": card["fingerprint"],
        "funding": card["funding"],
        "last4": card["last4"],
        "network": card["brand"],
        "three_d_secure": None,
        "wallet": None,
    }
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "captured": False,
        "created": call.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"type": "card", "card": details},
        "refunded": False,
        "status": "pending",
    }


def _dispute(call: Call, charge: Json) -> None:
    charge["disputed"] = True
    call.store.put(charge)
    dispute = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {"due_by": None, "enhanced_eligibility": {}, "has_evidence": False, "past_due": False, "submission_count": 0},
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }
    call.emit("charge.dispute.created", call.store.put(dispute))
