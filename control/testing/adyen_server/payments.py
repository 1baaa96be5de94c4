"""Payments: a card is checked and kept, or a kept one is charged; a holder may be sent to their bank in between."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from control.testing.adyen_server.cards import REFUSALS, card_of
from control.testing.adyen_server.endpoints import Call, Json, Reply, check_merchant, endpoint, major, new_psp_reference
from control.testing.adyen_server.errors import ApiError
from control.testing.adyen_server.stored_cards import facts, keep, tokens

_CENT = Decimal("0.01")
_FEE_PERCENT = 1
_NO_CARD = ("803", "PaymentDetail not found")
_NOT_AUTHENTICATED = REFUSALS["NOT_3D_AUTHENTICATED"]


@endpoint(
    "post", "/payments", "merchantAccount", "amount", "reference", "merchantOrderReference", "paymentMethod", "shopperReference",
    "shopperInteraction", "recurringProcessingModel", "storePaymentMethod", "returnUrl", "channel", "authenticationData", "metadata",
)  # fmt: skip
def make_payment(call: Call) -> Reply:
    """Check a card for nothing and keep it, or charge one that is kept."""
    check_merchant(call)
    _check(call.body)
    if "storedPaymentMethodId" in call.body["paymentMethod"]:
        return _charge(call)
    return _check_and_keep(call)


@endpoint("post", "/payments/details", "details")
def complete_payment(call: Call) -> Reply:
    """End what a holder was sent to their bank for."""
    result = call.body["details"].get("redirectResult", "")
    kind, _, rest = result.partition("!")
    psp_reference, _, answer = rest.partition("!")
    payment = call.store.get("payment", psp_reference) if kind == "redirect" else None
    if payment is None or payment["status"] != "waits_for_holder" or payment["answer"] != answer or not answer:
        raise ApiError(422, "Invalid redirectResult", code="101")
    if answer == "confirmed":
        return Reply(body=_authorise(call, payment))
    return Reply(body=_refuse(call, payment, _NOT_AUTHENTICATED))


def end_payment(call: Call, payment: Json, *, succeeds: bool) -> None:
    """The bank ends a payment that was under way.

    Raises:
        ApiError: it is not.
    """
    if payment["status"] != "under_way":
        raise ApiError(422, f"{payment['id']} is {payment['status']} and waits for nothing", code="702")
    if succeeds:
        _authorise(call, payment)
    else:
        _refuse(call, payment, REFUSALS["DECLINED"])


def dispute(call: Call, payment: Json) -> Json:
    """The holder asks the bank for the money back; returns the dispute."""
    fields = {"payment": payment["id"], "amount": payment["amount"], "reference": payment["reference"], "brand": payment["brand"]}
    opened = call.store.put({"object": "dispute", "id": new_psp_reference(), "status": "open", **fields})
    call.notify("CHARGEBACK", opened, reason="Other Fraud-Card Absent Environment")
    call.book("Chargeback", payment, payment["amount"])
    return opened


def end_dispute(call: Call, disputed: Json, *, is_won: bool) -> None:
    """The bank decides."""
    call.store.put(disputed | {"status": "won" if is_won else "lost"})
    call.notify("CHARGEBACK_REVERSED" if is_won else "SECOND_CHARGEBACK", disputed)


def _check(body: Json) -> None:
    metadata = body.get("metadata", {})
    if len(metadata) > 20 or any(len(name) > 20 or len(value) > 80 for name, value in metadata.items()):
        raise ApiError(422, "Metadata size exceeds limit", code="177")
    if body["amount"]["value"] < 0:
        raise ApiError(422, "Invalid amount specified", code="137")
    if "shopperReference" not in body or not 3 <= len(body["shopperReference"]) <= 256:
        raise ApiError(422, "Required field 'shopperReference' is not provided or too short", code="130")


def _check_and_keep(call: Call) -> Reply:
    card = card_of(call.body["paymentMethod"])
    if card is None:
        raise ApiError(422, "Unable to decrypt data", code="174")
    if call.body["amount"]["value"] or not call.body.get("storePaymentMethod"):
        raise ApiError(501, "The test gateway charges kept cards only: store the card with an amount of 0", code="702")
    payment = _new(call, card.brand, status="checked")
    if card.refusal is not None:
        return Reply(body=_refuse(call, payment, card.refusal))
    if card.asks_holder:
        return Reply(body=_send_holder(call, payment))
    kept = keep(call, card, call.body["shopperReference"], is_authenticated=False)
    call.store.put(payment)
    return Reply(body=_answer(payment, "Authorised") | {"additionalData": tokens(kept) | facts(card)})


def _charge(call: Call) -> Reply:
    kept = call.store.get("stored_card", call.body["paymentMethod"]["storedPaymentMethodId"])
    if kept is None or kept["shopper"] != call.body["shopperReference"]:
        raise ApiError(422, _NO_CARD[1], code=_NO_CARD[0])
    if not call.body["amount"]["value"]:
        raise ApiError(422, "Invalid amount specified", code="137")
    payment = _new(call, kept["brand"], status="new") | {"later": kept["later"]}
    holder_is_there = call.body.get("authenticationData", {}).get("attemptAuthentication") == "always"
    asks = kept["later"] == "AUTHENTICATION_REQUIRED"
    if holder_is_there and (asks or kept["is_authenticated"]):
        return Reply(body=_send_holder(call, payment))
    if kept["later"] in REFUSALS:
        return Reply(body=_refuse(call, payment, REFUSALS[kept["later"]]))
    if "processing" in call.faults:
        call.store.put(payment | {"status": "under_way"})
        return Reply(body=_answer(payment, "Received"))
    return Reply(body=_authorise(call, payment))


def _authorise(call: Call, payment: Json) -> Json:
    """The bank pays, and the money is captured at once."""
    amount = payment["amount"]
    payment |= {"status": "authorised", "refunded": 0}
    call.store.put(payment)
    call.notify("AUTHORISATION", payment, more=_said(payment))
    fee = (major(amount) * _FEE_PERCENT / 100).quantize(_CENT, ROUND_HALF_UP)
    for kind in ("Received", "Authorised", "SentForSettle"):
        call.book(kind, payment, amount)
    call.book("Settled", payment, amount, fee=fee if amount["currency"] in ("USD", "EUR") else None)
    if payment.get("later") == "CHARGEBACK":
        dispute(call, payment)
    return _answer(payment, "Authorised")


def _refuse(call: Call, payment: Json, refusal: tuple[str, str, str]) -> Json:
    result, code, reason = refusal
    call.store.put(payment | {"status": "refused"})
    call.notify("AUTHORISATION", payment, succeeds=False, reason=reason, more=_said(payment))
    if payment["amount"]["value"]:
        call.book("Received", payment, payment["amount"])
        call.book("Refused", payment, payment["amount"])
    return _answer(payment, result) | {"refusalReason": reason, "refusalReasonCode": code}


def _send_holder(call: Call, payment: Json) -> Json:
    payment |= {"status": "waits_for_holder", "return_url": call.body["returnUrl"], "answer": ""}
    call.store.put(payment)
    url = f"{call.base_url}/authenticate/{payment['id']}"
    action = {"type": "redirect", "method": "GET", "paymentMethodType": "scheme", "url": url}
    return {"resultCode": "RedirectShopper", "action": action, "merchantReference": payment["reference"]}


def _new(call: Call, brand: str, *, status: str) -> Json:
    body = call.body
    return {
        "object": "payment",
        "id": new_psp_reference(),
        "status": status,
        "amount": body["amount"],
        "reference": body["reference"],
        "shopper": body["shopperReference"],
        "brand": brand,
        "metadata": body.get("metadata", {}),
    }


def _said(payment: Json) -> dict[str, str]:
    return {"shopperReference": payment["shopper"]} | {f"metadata.{name}": value for name, value in payment["metadata"].items()}


def _answer(payment: Json, result: str) -> Json:
    return {
        "pspReference": payment["id"],
        "resultCode": result,
        "amount": payment["amount"],
        "merchantReference": payment["reference"],
        "paymentMethod": {"brand": payment["brand"], "type": "scheme"},
    }
