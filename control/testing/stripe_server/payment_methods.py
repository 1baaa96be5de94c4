"""Cards: made from a number or a test token, attached to a customer, set up for charges without its holder.

A number is looked up in the table of test cards and forgotten; what is kept is its last four digits and what it does.
"""

from __future__ import annotations

import hashlib
import time

from control.testing.stripe_server.cards import BY_NUMBER, BY_TOKEN, Card, is_card_number, refusal_fields
from control.testing.stripe_server.endpoints import PAGE, Call, Json, Reply, endpoint, merged_metadata, new_id, page
from control.testing.stripe_server.errors import ApiError


@endpoint("post", "/v1/payment_methods", "type", "card", "billing_details", "metadata")
def create_payment_method(call: Call) -> Json:
    """A card by number, which must be one of the test cards."""
    given = call.arguments.get("card", {})
    if call.arguments.get("type") != "card" or "number" not in given:
        raise ApiError(400, "The test gateway makes payment methods of type card with card[number] only", param="type")
    number = given["number"].replace(" ", "")
    if not is_card_number(number):
        raise ApiError(402, "Your card number is incorrect.", type_="card_error", code="incorrect_number", param="number")
    year, month = given["exp_year"], given["exp_month"]
    if not 1 <= month <= 12:
        raise ApiError(402, "Your card's expiration month is invalid.", type_="card_error", code="invalid_expiry_month", param="exp_month")
    today = time.gmtime(call.now)
    if (year, month) < (today.tm_year, today.tm_mon):
        raise ApiError(402, "Your card's expiration year is invalid.", type_="card_error", code="invalid_expiry_year", param="exp_year")
    card = BY_NUMBER.get(number)
    if card is None:
        message = "Your card was declined. Your request was in test mode, but used a non test card."
        raise ApiError(402, message, type_="card_error", code="card_declined", decline_code="test_mode_live_card")
    method = _method(call, card, year=year, month=month)
    method["billing_details"] |= call.arguments.get("billing_details", {})
    method["metadata"] = merged_metadata({}, call.arguments.get("metadata"))
    return call.store.put(method)


@endpoint("get", "/v1/payment_methods/{payment_method}")
def retrieve_payment_method(call: Call) -> Json:
    """One card; a test token is a card as well."""
    return find_method(call, call.path_arguments["payment_method"])


@endpoint("post", "/v1/payment_methods/{payment_method}/attach", "customer")
def attach_payment_method(call: Call) -> Json | Reply:
    """Give a card to a customer. The bank is asked, so a card that declines is refused here already."""
    if "customer" not in call.arguments:
        raise ApiError(400, "Missing required param: customer.", code="parameter_missing", param="customer")
    customer = call.require("customer", call.arguments["customer"], param="customer")
    method = find_method(call, call.path_arguments["payment_method"])
    if method["customer"] is not None:
        raise ApiError(400, "The payment method you provided has already been attached to a customer.")
    card = card_of(method)
    if not card.attaches:
        return Reply(status=402, body={"error": {"type": "card_error"} | {k: v for k, v in refusal_fields(card).items() if v}})
    method["customer"] = customer["id"]
    call.emit("payment_method.attached", method)
    return call.store.put(method)


@endpoint("post", "/v1/payment_methods/{payment_method}/detach")
def detach_payment_method(call: Call) -> Json:
    """Take a card from its customer; it is of no use afterwards."""
    method = call.require("payment_method", call.path_arguments["payment_method"])
    if method["customer"] is None:
        raise ApiError(400, "The payment method you provided is not attached to a customer so detachment is impossible.")
    customer = call.require("customer", method["customer"])
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
        call.store.put(customer)
    method["customer"] = None
    call.emit("payment_method.detached", method)
    return call.store.put(method)


@endpoint("get", "/v1/customers/{customer}/payment_methods", *PAGE, "type")
def list_payment_methods(call: Call) -> Json:
    """A customer's cards, newest first."""
    customer = call.require("customer", call.path_arguments["customer"])
    return page(call, call.store.newest_first("payment_method", customer=customer["id"]))


@endpoint(
    "post",
    "/v1/setup_intents",
    "customer",
    "payment_method",
    "usage",
    "confirm",
    "metadata",
    "payment_method_types",
)
def create_setup_intent(call: Call) -> Json | Reply:
    """Prepare a card for later charges."""
    customer = call.require("customer", call.arguments["customer"], param="customer")["id"] if "customer" in call.arguments else None
    intent = {
        "id": new_id("seti"),
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": new_id("seti_secret"),
        "created": call.now,
        "customer": customer,
        "description": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": merged_metadata({}, call.arguments.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": call.arguments.get("usage", "off_session"),
    }
    if "payment_method" in call.arguments:
        intent |= {"payment_method": find_method(call, call.arguments["payment_method"])["id"], "status": "requires_confirmation"}
    call.emit("setup_intent.created", intent)
    call.store.put(intent)
    return _confirm(call, intent) if call.arguments.get("confirm") else intent


@endpoint("post", "/v1/setup_intents/{intent}/confirm", "payment_method", "return_url")
def confirm_setup_intent(call: Call) -> Json | Reply:
    """Ask the bank; some cards want their holder first."""
    intent = call.require("setup_intent", call.path_arguments["intent"])
    if "payment_method" in call.arguments:
        intent["payment_method"] = find_method(call, call.arguments["payment_method"])["id"]
    return _confirm(call, intent)


@endpoint("get", "/v1/setup_intents/{intent}")
def retrieve_setup_intent(call: Call) -> Json:
    """One setup intent."""
    return call.require("setup_intent", call.path_arguments["intent"])


def find_method(call: Call, identifier: str) -> Json:
    """A payment method by id; a test token makes a new one, as at Stripe.

    Raises:
        ApiError: no such payment method.
    """
    if identifier in BY_TOKEN:
        return call.store.put(_method(call, BY_TOKEN[identifier], year=time.gmtime(call.now).tm_year + 5, month=12))
    found = call.store.get("payment_method", identifier)
    if found is None:
        raise ApiError(404, f"No such PaymentMethod: '{identifier}'", code="resource_missing", param="payment_method")
    return found


def card_of(method: Json) -> Card:
    """What the card behind a payment method does."""
    return BY_TOKEN[method["_token"]]


def finish_setup(call: Call, intent: Json, *, is_authenticated: bool) -> Json:
    """The bank's answer to a setup: the card is attached and can be charged without its holder, or it failed."""
    method = call.require("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if not is_authenticated:
        error = {"type": "invalid_request_error", "code": "setup_intent_authentication_failure", "message": "Authentication failed."}
        intent |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
        call.emit("setup_intent.setup_failed", intent)
        return call.store.put(intent)
    intent["status"] = "succeeded"
    method["_is_set_up"] = True
    if intent["customer"] and method["customer"] is None:
        method["customer"] = intent["customer"]
        call.emit("payment_method.attached", method)
    call.store.put(method)
    call.emit("setup_intent.succeeded", intent)
    return call.store.put(intent)


def _confirm(call: Call, intent: Json) -> Json | Reply:
    if intent["payment_method"] is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise ApiError(400, message, code="setup_intent_unexpected_state")
    card = card_of(call.require("payment_method", intent["payment_method"]))
    if not card.attaches:
        error = {"type": "card_error"} | {k: v for k, v in refusal_fields(card).items() if v}
        intent |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
        call.emit("setup_intent.setup_failed", call.store.put(intent))
        return Reply(status=402, body={"error": error})
    if card.authentication != "never":
        step = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        intent |= {"status": "requires_action", "next_action": step}
        call.emit("setup_intent.requires_action", intent)
        return call.store.put(intent)
    return finish_setup(call, intent, is_authenticated=True)


def _method(call: Call, card: Card, *, year: int, month: int) -> Json:
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "_token": card.tokens[0],
        "_is_set_up": False,
        "allow_redisplay": "unspecified",
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": month,
            "exp_year": year,
            "fingerprint": hashlib.sha256(card.tokens[0].encode()).hexdigest()[:16],
            "funding": card.funding,
            "generated_from": None,
            "last4": card.number[-4:],
            "networks": {"available": [card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": call.now,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
