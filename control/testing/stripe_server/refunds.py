"""Refunds: a charge given back, in whole or in part."""

from __future__ import annotations

from control.testing.stripe_server.amounts import check_amount
from control.testing.stripe_server.cards import Card
from control.testing.stripe_server.charges import settled_at_stripe
from control.testing.stripe_server.endpoints import PAGE, Call, Json, chosen, endpoint, merged_metadata, new_id, page
from control.testing.stripe_server.errors import ApiError
from control.testing.stripe_server.payment_methods import card_of


@endpoint("post", "/v1/refunds", "charge", "payment_intent", "amount", "reason", "metadata")
def create_refund(call: Call) -> Json:
    """Give a charge back, in full or in part; some test cards let the bank take its time."""
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
    refund: Json = {
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
        "status": "pending" if _card(call, charge).refunds == "pending" else "succeeded",
        "transfer_reversal": None,
    }
    refund["balance_transaction"] = settled_at_stripe(call, refund, kind="refund")["id"]
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


def end_refund(call: Call, refund: Json, *, succeeds: bool) -> Json:
    """The card's bank takes a refund or sends it back, also one that had succeeded; returns it.

    Raises:
        ApiError: it has ended for good.
    """
    if refund["status"] == "failed" or (succeeds and refund["status"] == "succeeded"):
        raise ApiError(400, f"{refund['id']} is {refund['status']} and waits for nothing")
    if succeeds:
        refund["status"] = "succeeded"
    else:
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        charge = call.require("charge", refund["charge"])
        charge |= {"amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False}
        call.store.put(charge)
        call.emit("refund.failed", refund)
    call.emit("refund.updated", refund)
    return call.store.put(refund)


def _card(call: Call, charge: Json) -> Card:
    return card_of(call.require("payment_method", charge["payment_method"]))
