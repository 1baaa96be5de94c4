"""Sessions: a form in the browser enters a card, whose bank may ask its holder; here only to keep a card, for nothing."""

from __future__ import annotations

import secrets
from datetime import timedelta

from control.testing.adyen_server.cards import card_of
from control.testing.adyen_server.endpoints import Call, Json, Reply, check_merchant, endpoint, new_psp_reference
from control.testing.adyen_server.errors import ApiError
from control.testing.adyen_server.stored_cards import keep, tokens

_HOUR = timedelta(hours=1)
_SHOWN = (
    "amount",
    "reference",
    "returnUrl",
    "shopperReference",
    "shopperInteraction",
    "recurringProcessingModel",
    "countryCode",
    "channel",
)


@endpoint("post", "/sessions", "merchantAccount", "storePaymentMethodMode", *_SHOWN)
def start_session(call: Call) -> Reply:
    """A session to keep a card."""
    check_merchant(call)
    if call.body["amount"]["value"] or call.body.get("storePaymentMethodMode") != "enabled":
        raise ApiError(501, "The test gateway knows sessions to keep a card only: amount 0, storePaymentMethodMode enabled", code="702")
    if "shopperReference" not in call.body:
        raise ApiError(422, "Required field 'shopperReference' is not provided", code="130")
    session = {
        "object": "session",
        "id": f"CS{secrets.token_hex(8).upper()}",
        "status": "active",
        "reference": call.body["reference"],
        "shopper": call.body["shopperReference"],
        "card": "",
        "result": "",
    }
    call.store.put(session)
    shown = {name: call.body[name] for name in _SHOWN if name in call.body}
    answer = {
        "id": session["id"],
        "merchantAccount": call.merchant,
        "expiresAt": (call.now + _HOUR).isoformat(),
        "sessionData": f"Ab02b4c0!{secrets.token_hex(24)}",
        "storePaymentMethodMode": "enabled",
    }
    return Reply(status=201, body=shown | answer)


@endpoint("get", "/sessions/{sessionId}", "sessionResult")
def session_result(call: Call) -> Reply:
    """How a session ended, for who has the result that the browser brought back."""
    session = call.store.get("session", call.path_arguments["sessionId"])
    if session is None or not session["result"] or call.query["sessionResult"] != session["result"]:
        raise ApiError(422, "The session or its result is not known", code="702")
    answer: Json = {"id": session["id"], "reference": session["reference"], "status": session["status"]}
    kept = call.store.get("stored_card", session["card"]) if session["card"] else None
    if kept is not None:
        answer["additionalData"] = tokens(kept)
    return Reply(body=answer)


def enter_card(call: Call, session: Json, method: dict[str, str]) -> None:
    """The browser's form sends a card.

    Raises:
        ApiError: it is none, or the session has ended.
    """
    card = card_of(method)
    if card is None or session["status"] != "active":
        raise ApiError(422, "Unable to decrypt data, or the session has ended", code="174")
    call.store.put(session | {"method": method})
    if card.refusal is not None:
        _end(call, session, card_id="", reason=card.refusal[2])
    elif not card.asks_holder:
        kept = keep(call, card, session["shopper"], is_authenticated=False)
        _end(call, session, card_id=kept["id"])


def confirm(call: Call, session: Json, *, succeeds: bool) -> None:
    """The holder authenticates, or fails to; nothing where nobody asked."""
    card = card_of(session.get("method", {}))
    if card is None or session["status"] != "active":
        return
    if not succeeds:
        _end(call, session, card_id="", reason="3D Not Authenticated")
        return
    kept = keep(call, card, session["shopper"], is_authenticated=True)
    _end(call, session, card_id=kept["id"])


def _end(call: Call, session: Json, *, card_id: str, reason: str = "") -> None:
    status = "completed" if card_id else "refused"
    call.store.put(session | {"status": status, "card": card_id, "result": f"X3XtfGC9!{secrets.token_hex(12)}"})
    kept = call.store.get("stored_card", card_id) if card_id else None
    row = {
        "id": new_psp_reference(),
        "amount": {"currency": "EUR", "value": 0},
        "reference": session["reference"],
        "brand": kept["brand"] if kept else "visa",
    }
    more = {"shopperReference": session["shopper"]} | (tokens(kept) if kept else {})
    call.notify("AUTHORISATION", row, succeeds=bool(card_id), reason=reason, more=more)
