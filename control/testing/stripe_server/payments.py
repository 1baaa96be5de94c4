"""Payments: intents that wait for a card, what the bank says to a charge, and the end of what waits for a holder or the bank."""

from __future__ import annotations

from control.testing.stripe_server.amounts import check_amount
from control.testing.stripe_server.cards import refusal_fields
from control.testing.stripe_server.charges import new_charge, settled_at_stripe
from control.testing.stripe_server.disputes import end_dispute, open_dispute
from control.testing.stripe_server.endpoints import PAGE, Call, Json, chosen, endpoint, new_id, page
from control.testing.stripe_server.errors import ApiError
from control.testing.stripe_server.payment_methods import card_of, finish_setup
from control.testing.stripe_server.refunds import end_refund


@endpoint("get", "/v1/invoice_payments", *PAGE, "invoice", "status", "payment")
def list_invoice_payments(call: Call) -> Json:
    """Which payment intents pay which invoices, newest first."""
    rows = call.store.newest_first("invoice_payment", **chosen(call.arguments, ("invoice", "status")))
    wanted = call.arguments.get("payment", {}).get("payment_intent")
    return page(call, [row for row in rows if wanted in (None, row["payment"]["payment_intent"])])


def new_intent(call: Call, *, amount: int, currency: str, customer: str | None, description: str | None, metadata: Json) -> Json:
    """A payment intent that waits for a card.

    Raises:
        ApiError: no card network could take the amount.
    """
    check_amount(amount, currency, param="amount")
    intent = call.store.put(
        {
            "id": new_id("pi"),
            "object": "payment_intent",
            "amount": amount,
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
            "currency": currency,
            "customer": customer,
            "description": description,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": metadata,
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
    return intent


def open_payment(call: Call, invoice: Json) -> None:
    """The one payment intent of an invoice that became payable."""
    intent = new_intent(
        call,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Payment for Invoice",
        metadata={},
    )
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


def charge_card(call: Call, intent: Json, method: Json, *, asks_holder: bool = False) -> Json | None:
    """Charge a card for an intent; None where it paid or is on its way, else Stripe's error object. What happened is kept."""
    intent |= {"payment_method": method["id"], "next_action": None, "last_payment_error": None}
    if needs_holder(method) or asks_holder:
        step = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        intent |= {"status": "requires_action", "next_action": step}
        call.emit("payment_intent.requires_action", call.store.put(intent))
        message = (
            "This payment requires additional user action before it can be completed successfully. "
            "Payment can be completed using the PaymentIntent associated with the invoice."
        )
        return {"type": "card_error", "code": "invoice_payment_intent_requires_action", "message": message}
    return ask_bank(call, intent, method)


def ask_bank(call: Call, intent: Json, method: Json) -> Json | None:
    """Charge a card whose holder need not be asked; as charge_card."""
    card = card_of(method)
    if card.refusal is not None:
        fields = {name: value for name, value in refusal_fields(card).items() if value}
        return refuse(call, intent, method, fields)
    if "processing" in call.faults:
        intent["status"] = "processing"
        call.emit("payment_intent.processing", call.store.put(intent))
        return None
    take_payment(call, intent, method)
    return None


def needs_holder(method: Json) -> bool:
    """Whether a charge of this card asks for its holder."""
    card = card_of(method)
    return card.authentication == "always" or (card.authentication == "unless_set_up" and not method["_is_set_up"])


def wants_holder(options: Json | None) -> bool:
    """Whether the merchant asks for 3-D Secure of any card."""
    wanted = ((options or {}).get("card") or {}).get("request_three_d_secure", "automatic")
    return wanted in ("any", "challenge")


def take_payment(call: Call, intent: Json, method: Json) -> Json:
    """The bank pays; returns the charge."""
    success = {"status": "succeeded", "paid": True, "captured": True, "amount_captured": intent["amount"]}
    charge = new_charge(call, intent, method) | success
    charge["balance_transaction"] = settled_at_stripe(call, charge)["id"]
    call.store.put(charge)
    intent |= {"status": "succeeded", "next_action": None, "amount_received": intent["amount"], "latest_charge": charge["id"]}
    call.store.put(intent)
    call.emit("charge.succeeded", charge)
    call.emit("payment_intent.succeeded", intent)
    if card_of(method).is_disputed:
        open_dispute(call, charge)
    return charge


def cancel_payment(call: Call, invoice: Json) -> None:
    """Give up the payment intent of an invoice that will not be paid."""
    intent, tie = payment_of(call, invoice)
    intent |= {"status": "canceled", "canceled_at": call.now, "cancellation_reason": "void_invoice", "next_action": None}
    tie |= {"status": "canceled", "status_transitions": tie["status_transitions"] | {"canceled_at": call.now}}
    call.emit("payment_intent.canceled", call.store.put(intent))
    call.store.put(tie)


# What the ids begin with of the objects that wait for somebody, besides payments.
_WAITING = {"seti": "setup_intent", "re": "refund", "du": "dispute"}


def resolve(call: Call, intent_id: str, *, succeeds: bool) -> Json:
    """The end of what a payment, a setup, a refund or a dispute waits for: its holder or the bank; returns the object.

    Raises:
        ApiError: it waits for nothing.
    """
    kind = _WAITING.get(intent_id.split("_", maxsplit=1)[0], "payment_intent")
    intent = call.require(kind, intent_id)
    if kind == "refund":
        return end_refund(call, intent, succeeds=succeeds)
    if kind == "dispute":
        return end_dispute(call, intent, is_won=succeeds)
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


def refuse(call: Call, intent: Json, method: Json, fields: Json) -> Json:
    """The bank's no, with its code, decline code and message; returns Stripe's error object."""
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
    charge = call.store.put(new_charge(call, intent, method) | failure)
    error: Json = {"type": "card_error", **fields, "charge": charge["id"]}
    intent |= {"status": "requires_payment_method", "payment_method": None, "latest_charge": charge["id"], "last_payment_error": error}
    call.store.put(intent)
    call.emit("charge.failed", charge)
    call.emit("payment_intent.payment_failed", intent)
    return error
