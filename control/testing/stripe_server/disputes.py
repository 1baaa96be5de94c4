"""Disputes: a holder asks the bank for the money of a charge."""

from __future__ import annotations

from control.testing.stripe_server.endpoints import PAGE, Call, Json, chosen, endpoint, new_id, page
from control.testing.stripe_server.errors import ApiError


@endpoint("get", "/v1/disputes/{dispute}")
def retrieve_dispute(call: Call) -> Json:
    """One dispute."""
    return call.require("dispute", call.path_arguments["dispute"])


@endpoint("get", "/v1/disputes", *PAGE, "charge", "payment_intent")
def list_disputes(call: Call) -> Json:
    """Disputes, newest first."""
    return page(call, call.store.newest_first("dispute", **chosen(call.arguments, ("charge", "payment_intent"))))


def open_dispute(call: Call, charge: Json) -> None:
    """The holder asks the bank for the money back."""
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


def end_dispute(call: Call, dispute: Json, *, is_won: bool) -> Json:
    """The bank decides; returns the dispute.

    Raises:
        ApiError: it has decided already.
    """
    if dispute["status"] in ("won", "lost"):
        raise ApiError(400, f"{dispute['id']} is {dispute['status']} and waits for nothing")
    dispute["status"] = "won" if is_won else "lost"
    call.emit("charge.dispute.closed", dispute)
    return call.store.put(dispute)
