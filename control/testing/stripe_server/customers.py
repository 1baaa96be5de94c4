"""Customers, their search and their balance."""

from __future__ import annotations

import re

from control.testing.store import public
from control.testing.stripe_server.amounts import check_amount
from control.testing.stripe_server.endpoints import PAGE, Call, Json, chosen, endpoint, merged_metadata, new_id, page
from control.testing.stripe_server.errors import ApiError

_TEXTS = ("address", "description", "email", "name", "phone", "tax_exempt")
_CLAUSE = re.compile(r"""\s*(?:(email|name)|metadata\[(['"])(.+?)\2\])\s*:\s*(['"])((?:\\.|(?!\4).)*)\4\s*\Z""")


@endpoint("post", "/v1/customers", *_TEXTS, "metadata")
def create_customer(call: Call) -> Json:
    """A customer without a card; its currency is that of its first invoice or balance transaction."""
    identifier = new_id("cus")
    customer: Json = {
        "id": identifier,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": identifier[-8:].upper(),
        "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None},
        "livemode": False,
        "metadata": merged_metadata({}, call.arguments.get("metadata")),
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    customer |= _texts(call)
    call.emit("customer.created", customer)
    return call.store.put(customer)


@endpoint("post", "/v1/customers/{customer}", *_TEXTS, "metadata", "invoice_settings")
def update_customer(call: Call) -> Json:
    """Change what is given; the default card must belong to the customer."""
    customer = call.require("customer", call.path_arguments["customer"])
    settings = call.arguments.get("invoice_settings", {})
    if settings.keys() - {"default_payment_method"}:
        raise ApiError(400, "The test gateway knows only invoice_settings[default_payment_method]", param="invoice_settings")
    if card_id := settings.get("default_payment_method"):
        card = call.store.get("payment_method", card_id)
        if card is None or card["customer"] != customer["id"]:
            message = f"No such PaymentMethod: '{card_id}'; it must be attached to the customer first"
            raise ApiError(400, message, code="resource_missing", param="invoice_settings[default_payment_method]")
        customer["invoice_settings"]["default_payment_method"] = card_id
    customer |= _texts(call)
    customer["metadata"] = merged_metadata(customer["metadata"], call.arguments.get("metadata"))
    call.emit("customer.updated", customer)
    return call.store.put(customer)


@endpoint("get", "/v1/customers/{customer}")
def retrieve_customer(call: Call) -> Json:
    """One customer."""
    return call.require("customer", call.path_arguments["customer"])


@endpoint("get", "/v1/customers", *PAGE, "email")
def list_customers(call: Call) -> Json:
    """Customers, newest first, by exact email where given."""
    filters = {"email": call.arguments["email"]} if "email" in call.arguments else {}
    return page(call, call.store.newest_first("customer", **filters))


@endpoint("get", "/v1/customers/search", "query", "limit")
def search_customers(call: Call) -> Json:
    """Clauses on email, name and metadata joined by AND. As at Stripe, new customers are found only after a while."""
    found = [row for row in call.store.newest_first("customer") if row["created"] + call.search_delay_seconds <= call.now]
    for clause in call.arguments["query"].split(" AND "):
        match = _CLAUSE.match(clause)
        if match is None:
            raise ApiError(400, f"The test gateway cannot read the search clause: {clause}", param="query")
        field, _, key, _, text = match.groups()
        wanted = re.sub(r"\\(.)", r"\1", text)
        found = [row for row in found if (row["metadata"].get(key) if key else row[field]) == wanted]
    limit = call.arguments.get("limit", 10)
    data = [public(row) for row in found[:limit]]
    return {"object": "search_result", "url": call.path, "has_more": len(found) > limit, "next_page": None, "data": data}


@endpoint("post", "/v1/customers/{customer}/balance_transactions", "amount", "currency", "description", "metadata")
def create_balance_transaction(call: Call) -> Json:
    """Change the balance: a negative amount is a credit that the next invoices use up."""
    customer = call.require("customer", call.path_arguments["customer"])
    check_amount(call.arguments["amount"], call.arguments["currency"], param="amount")
    transaction = change_balance(call, customer, call.arguments["amount"], call.arguments["currency"], kind="adjustment")
    transaction["description"] = call.arguments.get("description")
    transaction["metadata"] = merged_metadata({}, call.arguments.get("metadata"))
    call.emit("customer.updated", customer)
    return call.store.put(transaction)


@endpoint("get", "/v1/customers/{customer}/balance_transactions", *PAGE, "invoice")
def list_balance_transactions(call: Call) -> Json:
    """What changed the balance, newest first."""
    customer = call.require("customer", call.path_arguments["customer"])
    filters = {"customer": customer["id"]} | chosen(call.arguments, ("invoice",))
    return page(call, call.store.newest_first("customer_balance_transaction", **filters))


def change_balance(call: Call, customer: Json, amount: int, currency: str, *, kind: str, invoice: str | None = None) -> Json:
    """Move a customer's balance by `amount` and keep the transaction that says so; returns the transaction.

    Raises:
        ApiError: 400 where the customer is billed in another currency.
    """
    bind_currency(customer, currency)
    customer["balance"] += amount
    call.store.put(customer)
    return call.store.put(
        {
            "id": new_id("cbtxn"),
            "object": "customer_balance_transaction",
            "amount": amount,
            "created": call.now,
            "credit_note": None,
            "currency": currency,
            "customer": customer["id"],
            "description": None,
            "ending_balance": customer["balance"],
            "invoice": invoice,
            "livemode": False,
            "metadata": {},
            "type": kind,
        }
    )


def bind_currency(customer: Json, currency: str) -> None:
    """Give the customer its currency with the first money that moves.

    Raises:
        ApiError: 400 where it has another.
    """
    customer["currency"] = customer["currency"] or currency
    if customer["currency"] != currency:
        message = f"You cannot combine currencies on a single customer. This customer is billed in {customer['currency']}."
        raise ApiError(400, message, param="currency")


def _texts(call: Call) -> Json:
    return chosen(call.arguments, _TEXTS)
