"""Cards kept for a shopper."""

from __future__ import annotations

from control.testing.adyen_server.cards import Card
from control.testing.adyen_server.endpoints import Call, Json, Reply, check_merchant, endpoint, new_psp_reference


@endpoint("get", "/storedPaymentMethods", "shopperReference", "merchantAccount")
def list_stored_cards(call: Call) -> Reply:
    """A shopper's cards, newest first; none for one that nobody knows."""
    check_merchant(call)
    shopper = call.query["shopperReference"]
    rows = call.store.newest_first("stored_card", shopper=shopper)
    shown = [_shown(row) for row in rows]
    return Reply(body={"merchantAccount": call.merchant, "shopperReference": shopper, "storedPaymentMethods": shown})


@endpoint("delete", "/storedPaymentMethods/{storedPaymentMethodId}", "shopperReference", "merchantAccount")
def delete_stored_card(call: Call) -> Reply:
    """Forget a card of the shopper; Adyen answers the same where there is none."""
    check_merchant(call)
    found = call.store.get("stored_card", call.path_arguments["storedPaymentMethodId"])
    if found is not None and found["shopper"] == call.query["shopperReference"]:
        call.store.delete(found["id"])
    return Reply(status=204, body=None)


def keep(call: Call, card: Card, shopper: str, *, is_authenticated: bool) -> Json:
    """Keep a card; returns what is kept."""
    return call.store.put(
        {
            "object": "stored_card",
            "id": new_psp_reference(),
            "shopper": shopper,
            "brand": card.brand,
            "last_four": card.last_four,
            "expiry_month": card.expiry_month,
            "expiry_year": card.expiry_year,
            "holder": card.holder,
            "later": card.later,
            "is_authenticated": is_authenticated,
        }
    )


def tokens(kept: Json) -> dict[str, str]:
    """What an answer and a notification say about a card that was kept."""
    return {
        "recurring.recurringDetailReference": kept["id"],
        "recurring.shopperReference": kept["shopper"],
        "tokenization.storedPaymentMethodId": kept["id"],
        "tokenization.shopperReference": kept["shopper"],
        "tokenization.store.operationType": "created",
    }


def facts(card: Card) -> dict[str, str]:
    """What the answer to a card that was entered tells of it: the same alias for the same card of all shoppers."""
    return {"alias": f"H{card.last_four}{card.brand}", "aliasType": "Default", "cardIssuingCountry": "NL", "fundingSource": "CREDIT"}


def _shown(row: Json) -> Json:
    return {
        "brand": row["brand"],
        "expiryMonth": row["expiry_month"],
        "expiryYear": row["expiry_year"],
        "holderName": row["holder"],
        "id": row["id"],
        "lastFour": row["last_four"],
        "name": row["brand"].upper(),
        "shopperReference": row["shopper"],
        "supportedRecurringProcessingModels": ["CardOnFile", "Subscription", "UnscheduledCardOnFile"],
        "type": "scheme",
    }
