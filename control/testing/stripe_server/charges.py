"""Charges, and what Stripe keeps of them."""

from __future__ import annotations

from typing import Any

from control.testing.stripe_server.endpoints import PAGE, Call, Json, chosen, endpoint, new_id, page


@endpoint("get", "/v1/charges/{charge}")
def retrieve_charge(call: Call) -> Json:
    """One charge."""
    return call.require("charge", call.path_arguments["charge"])


@endpoint("get", "/v1/charges", *PAGE, "customer", "payment_intent")
def list_charges(call: Call) -> Json:
    """Charges, newest first, those that failed too."""
    return page(call, call.store.newest_first("charge", **chosen(call.arguments, ("customer", "payment_intent"))))


def new_charge(call: Call, intent: Json, method: Json) -> Json:
    """A charge that is not kept yet, of what the intent asks for."""
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


def settled_at_stripe(call: Call, row: Json, *, kind: str = "charge") -> Json:
    """The movement on the account's balance that a charge or a refund makes, with Stripe's fee: 2.9 % and 30 units of a charge."""
    is_charge = kind == "charge"
    amount = row["amount"] if is_charge else -row["amount"]
    fee = (row["amount"] * 29 + 500) // 1000 + 30 if is_charge else 0
    details = [{"amount": fee, "application": None, "currency": row["currency"], "description": "Processing fees", "type": "stripe_fee"}]
    return call.store.put(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": call.now,
            "balance_type": "payments",
            "created": call.now,
            "currency": row["currency"],
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details if fee else [],
            "net": amount - fee,
            "reporting_category": kind,
            "source": row["id"],
            "status": "available",
            "type": kind,
        }
    )
