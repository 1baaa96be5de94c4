"""Payment intents made by the merchant, without an invoice: created, changed, confirmed with a card, given up."""

from __future__ import annotations

from control.testing.store import public
from control.testing.stripe_server.amounts import smallest_charge
from control.testing.stripe_server.endpoints import PAGE, Call, Json, Reply, chosen, endpoint, merged_metadata, page
from control.testing.stripe_server.errors import ApiError
from control.testing.stripe_server.payment_methods import find_method
from control.testing.stripe_server.payments import ask_bank, needs_holder, new_intent, refuse, wants_holder

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_ASKS_HOLDER = {
    "code": "authentication_required",
    "decline_code": "authentication_required",
    "message": "Your card was declined. This transaction requires authentication.",
}


@endpoint("post", "/v1/payment_intents", "amount", "currency", "customer", "description", "metadata", "payment_method_types")
def create_payment_intent(call: Call) -> Json:
    """A payment intent that waits for a card and a confirmation."""
    given = call.arguments
    if given.get("payment_method_types", ["card"]) != ["card"]:
        raise ApiError(400, "The test gateway knows payment methods of type card only", param="payment_method_types")
    customer = call.require("customer", given["customer"], param="customer")["id"] if "customer" in given else None
    _check_smallest(given["amount"], given["currency"])
    return new_intent(
        call,
        amount=given["amount"],
        currency=given["currency"],
        customer=customer,
        description=given.get("description"),
        metadata=merged_metadata({}, given.get("metadata")),
    )


@endpoint("get", "/v1/payment_intents/{intent}")
def retrieve_payment_intent(call: Call) -> Json:
    """One payment intent."""
    return call.require("payment_intent", call.path_arguments["intent"])


@endpoint("get", "/v1/payment_intents", *PAGE, "customer")
def list_payment_intents(call: Call) -> Json:
    """Payment intents, newest first."""
    return page(call, call.store.newest_first("payment_intent", **chosen(call.arguments, ("customer",))))


@endpoint("post", "/v1/payment_intents/{intent}", "amount", "description", "metadata")
def update_payment_intent(call: Call) -> Json:
    """Change what is given, while nothing was paid."""
    intent = _open(call, "updated")
    if "amount" in call.arguments:
        _check_smallest(call.arguments["amount"], intent["currency"])
        intent["amount"] = call.arguments["amount"]
    intent |= chosen(call.arguments, ("description",))
    intent["metadata"] = merged_metadata(intent["metadata"], call.arguments.get("metadata"))
    return call.store.put(intent)


@endpoint("post", "/v1/payment_intents/{intent}/confirm", "payment_method", "off_session", "return_url", "payment_method_options")
def confirm_payment_intent(call: Call) -> Json | Reply:
    """Charge a card. Off-session, a card that wants its holder is declined; else the holder is sent to a page."""
    intent = _open(call, "confirmed")
    if "payment_method" not in call.arguments:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise ApiError(400, message, code="payment_intent_unexpected_state", param="payment_method")
    method = find_method(call, call.arguments["payment_method"])
    if method["customer"] != intent["customer"]:
        message = "The payment method does not belong to the customer of this payment; attach it first."
        raise ApiError(400, message, code="payment_method_unexpected_state", param="payment_method")
    intent |= {"payment_method": method["id"], "next_action": None, "last_payment_error": None}
    error = None
    if not (needs_holder(method) or wants_holder(call.arguments.get("payment_method_options"))):
        error = ask_bank(call, intent, method)
    elif call.arguments.get("off_session"):
        error = refuse(call, intent, method, dict(_ASKS_HOLDER))
    else:
        _send_holder(call, intent)
    return intent if error is None else Reply(status=402, body={"error": error | {"payment_intent": public(intent)}})


@endpoint("post", "/v1/payment_intents/{intent}/cancel", "cancellation_reason")
def cancel_payment_intent(call: Call) -> Json:
    """Give it up."""
    intent = _open(call, "canceled")
    reason = call.arguments.get("cancellation_reason")
    intent |= {"status": "canceled", "canceled_at": call.now, "cancellation_reason": reason, "next_action": None}
    call.emit("payment_intent.canceled", intent)
    return call.store.put(intent)


def _send_holder(call: Call, intent: Json) -> None:
    """Ask the holder, on a page of the bank's where there is somewhere to come back to."""
    step: Json = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    if return_url := call.arguments.get("return_url"):
        url = f"{call.base_url}/authenticate/{intent['id']}"
        step = {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": return_url}}
    intent |= {"status": "requires_action", "next_action": step}
    call.emit("payment_intent.requires_action", call.store.put(intent))


def _open(call: Call, verb: str) -> Json:
    intent = call.require("payment_intent", call.path_arguments["intent"])
    if intent["status"] not in _OPEN:
        message = f"This PaymentIntent could not be {verb} because it has a status of {intent['status']}."
        raise ApiError(400, message, code="payment_intent_unexpected_state")
    return intent


def _check_smallest(amount: int, currency: str) -> None:
    if amount < smallest_charge(currency):
        message = f"Amount must be at least {smallest_charge(currency)} {currency} in minor units"
        raise ApiError(400, message, code="amount_too_small", param="amount")
