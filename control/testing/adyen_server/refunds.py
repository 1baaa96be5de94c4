"""Refunds: received at once, and done or refused a moment later, which only the webhook tells."""

from __future__ import annotations

from control.testing.adyen_server.endpoints import Call, Json, Reply, check_merchant, endpoint, new_psp_reference
from control.testing.adyen_server.errors import ApiError


@endpoint("post", "/payments/{paymentPspReference}/refunds", "merchantAccount", "amount", "reference")
def refund_payment(call: Call) -> Reply:
    """Take the wish; whether there is enough to give back is found out afterwards."""
    check_merchant(call)
    psp_reference = call.path_arguments["paymentPspReference"]
    payment = call.store.get("payment", psp_reference)
    if payment is None or payment["status"] != "authorised":
        raise ApiError(422, "Original pspReference required for this operation", code="167")
    if call.body["amount"]["currency"] != payment["amount"]["currency"] or call.body["amount"]["value"] <= 0:
        raise ApiError(422, "Invalid amount specified", code="137")
    refund: Json = {
        "object": "refund",
        "id": new_psp_reference(),
        "status": "received",
        "payment": psp_reference,
        "amount": call.body["amount"],
        "reference": call.body.get("reference", ""),
        "brand": payment["brand"],
    }
    call.store.put(refund)
    call.book("SentForRefund", payment, refund["amount"], refund=refund)
    if payment["refunded"] + refund["amount"]["value"] > payment["amount"]["value"]:
        _refuse(call, refund, "Insufficient balance on payment")
    elif payment.get("later") != "SLOW_REFUND":
        end_refund(call, refund, succeeds=True)
    answer = {
        "merchantAccount": call.merchant,
        "paymentPspReference": psp_reference,
        "pspReference": refund["id"],
        "reference": refund["reference"],
        "status": "received",
        "amount": refund["amount"],
    }
    return Reply(status=201, body=answer)


def end_refund(call: Call, refund: Json, *, succeeds: bool) -> None:
    """The card's bank takes a refund or not, or sends back one that it took.

    Raises:
        ApiError: it has ended for good.
    """
    payment = call.require("payment", refund["payment"], code="167", message="no such payment")
    if refund["status"] == "received" and succeeds:
        call.store.put(refund | {"status": "done"})
        call.store.put(payment | {"refunded": payment["refunded"] + refund["amount"]["value"]})
        call.notify("REFUND", refund)
        call.book("Refunded", payment, refund["amount"], refund=refund)
    elif refund["status"] == "received":
        _refuse(call, refund, "Refund was declined")
    elif refund["status"] == "done" and not succeeds:
        call.store.put(refund | {"status": "came_back"})
        call.store.put(payment | {"refunded": payment["refunded"] - refund["amount"]["value"]})
        call.notify("REFUND_FAILED", refund, reason="Account closed")
        call.book("RefundFailed", payment, refund["amount"], refund=refund)
    else:
        raise ApiError(422, f"{refund['id']} is {refund['status']} and waits for nothing", code="702")


def _refuse(call: Call, refund: Json, reason: str) -> None:
    payment = call.require("payment", refund["payment"], code="167", message="no such payment")
    call.store.put(refund | {"status": "refused"})
    call.notify("REFUND", refund, succeeds=False, reason=reason)
    call.book("RefundFailed", payment, refund["amount"], refund=refund)
