"""Invoices: draft, lines, finalize (the customer's balance is applied), pay, void; the rules of Stripe Invoicing."""

from __future__ import annotations

from control.testing.store import public
from control.testing.stripe_server.amounts import smallest_charge
from control.testing.stripe_server.customers import bind_currency, change_balance
from control.testing.stripe_server.endpoints import PAGE, Call, Json, Reply, chosen, endpoint, merged_metadata, new_id, page, presents
from control.testing.stripe_server.errors import ApiError
from control.testing.stripe_server.payment_methods import find_method
from control.testing.stripe_server.payments import cancel_payment, charge_card, open_payment, payment_of, wants_holder

# https://docs.stripe.com/changelog/2016-02-22/no-more-than-250-invoice-items
_MOST_LINES = 250
_NUMBER_IN_ANSWER = 10


@endpoint(
    "post", "/v1/invoices", "customer", "auto_advance", "collection_method", "currency", "description", "metadata",
    "pending_invoice_items_behavior", "default_payment_method", "days_until_due", "due_date", "number", "footer", "payment_settings",
)  # fmt: skip
def create_invoice(call: Call) -> Json:
    """An empty draft."""
    given = call.arguments
    if "customer" not in given:
        raise ApiError(400, "Missing required param: customer.", code="parameter_missing", param="customer")
    customer = call.require("customer", given["customer"], param="customer")
    method = given.get("collection_method", "charge_automatically")
    for name in ("due_date", "days_until_due"):
        if name in given and method != "send_invoice":
            raise ApiError(400, f"You can only specify {name} if invoice collection method is 'send_invoice'.", param=name)
    if given.get("auto_advance"):
        raise ApiError(400, "The test gateway never advances an invoice by itself: send auto_advance=false", param="auto_advance")
    if "number" in given and call.store.newest_first("invoice", number=given["number"]):
        raise ApiError(400, f"Invoice number {given['number']} is already in use.", param="number")
    currency = given.get("currency") or customer["currency"] or "usd"
    bind_currency(customer, currency)
    call.store.put(customer)
    invoice = {
        "id": new_id("in"),
        "object": "invoice",
        "account_country": "US",
        "account_name": "Test gateway",
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
        "automatically_finalizes_at": None,
        "billing_reason": "manual",
        "collection_method": method,
        "created": call.now,
        "currency": currency,
        "custom_fields": None,
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": None,
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": given.get("default_payment_method"),
        "default_source": None,
        "default_tax_rates": [],
        "description": given.get("description"),
        "discounts": [],
        "due_date": given.get("due_date"),
        "effective_at": None,
        "ending_balance": None,
        "footer": given.get("footer"),
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "livemode": False,
        "metadata": merged_metadata({}, given.get("metadata")),
        "next_payment_attempt": None,
        "number": given.get("number"),
        "on_behalf_of": None,
        "parent": None,
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None}
        | given.get("payment_settings", {}),
        "period_end": call.now,
        "period_start": call.now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": customer["balance"],
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {"finalized_at": None, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None},
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": None,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }
    call.store.put(invoice)
    call.emit("invoice.created", shown(call, invoice))
    return shown(call, invoice)


@endpoint("get", "/v1/invoices/{invoice}")
def retrieve_invoice(call: Call) -> Json:
    """One invoice with its first lines."""
    return shown(call, _invoice(call))


@endpoint("get", "/v1/invoices", *PAGE, "customer", "status", "collection_method")
def list_invoices(call: Call) -> Json:
    """Invoices, newest first."""
    filters = chosen(call.arguments, ("customer", "status", "collection_method"))
    return page(call, [shown(call, row) for row in call.store.newest_first("invoice", **filters)])


@endpoint("delete", "/v1/invoices/{invoice}")
def delete_invoice(call: Call) -> Json:
    """Throw a draft away."""
    invoice = _draft(call)
    for line in _lines(call, invoice):
        call.store.delete(line["id"])
    call.emit("invoice.deleted", shown(call, invoice))
    call.store.delete(invoice["id"])
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


@endpoint("post", "/v1/invoices/{invoice}/add_lines", "lines")
def add_lines(call: Call) -> Json:
    """Add lines with amounts to a draft; their sum moves its total."""
    invoice = _draft(call)
    before = _lines(call, invoice)
    if len(before) + len(call.arguments["lines"]) > _MOST_LINES:
        raise ApiError(400, f"You can only add up to {_MOST_LINES} items to an invoice.", param="lines")
    for position, line in enumerate(call.arguments["lines"]):
        if line.keys() - {"amount", "description", "metadata", "period", "discountable"} or "amount" not in line:
            raise ApiError(400, "The test gateway takes lines of amount, description, metadata, period", param=f"lines[{position}]")
        call.store.put(
            {
                "id": new_id("il"),
                "object": "line_item",
                "amount": line["amount"],
                "currency": invoice["currency"],
                "description": line.get("description"),
                "discount_amounts": [],
                "discountable": line.get("discountable", False),
                "discounts": [],
                "invoice": invoice["id"],
                "livemode": False,
                "metadata": merged_metadata({}, line.get("metadata")),
                "parent": None,
                "period": line.get("period", {"start": call.now, "end": call.now}),
                "pretax_credit_amounts": [],
                "pricing": None,
                "quantity": 1,
                "quantity_decimal": "1",
                "subscription": None,
                "subtotal": line["amount"],
                "taxes": [],
            }
        )
    total = sum(line["amount"] for line in _lines(call, invoice))
    invoice |= dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"), total)
    invoice |= dict.fromkeys(("amount_due", "amount_remaining"), max(0, total))
    call.store.put(invoice)
    call.emit("invoice.updated", shown(call, invoice))
    return shown(call, invoice)


@endpoint("get", "/v1/invoices/{invoice}/lines", *PAGE)
def list_lines(call: Call) -> Json:
    """The lines in the order they were added."""
    return page(call, _lines(call, _invoice(call)))


@endpoint("post", "/v1/invoices/{invoice}/finalize", "auto_advance")
def finalize_invoice(call: Call) -> Json:
    """Make a draft payable: number it, apply the customer's balance, and pay it where nothing is left to collect."""
    invoice = _draft(call)
    if call.arguments.get("auto_advance"):
        raise ApiError(400, "The test gateway never advances an invoice by itself: send auto_advance=false", param="auto_advance")
    customer = call.require("customer", invoice["customer"])
    invoice |= {"status": "open", "starting_balance": customer["balance"], "effective_at": call.now}
    invoice["status_transitions"]["finalized_at"] = call.now
    invoice["hosted_invoice_url"] = f"{call.base_url}/hosted/{invoice['id']}"
    if invoice["number"] is None:
        invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
        customer["next_invoice_sequence"] += 1
    wanted = invoice["total"] + customer["balance"]
    due = max(0, wanted)
    if applied := due - invoice["total"]:
        change_balance(call, customer, -applied, invoice["currency"], kind="applied_to_invoice", invoice=invoice["id"])
    if 0 < due < smallest_charge(invoice["currency"]):
        change_balance(call, customer, due, invoice["currency"], kind="invoice_too_small", invoice=invoice["id"])
        due = 0
    invoice |= {"amount_due": due, "amount_remaining": due, "ending_balance": customer["balance"]}
    call.store.put(customer)
    if due:
        open_payment(call, invoice)
    call.store.put(invoice)
    call.emit("invoice.finalized", shown(call, invoice))
    if not due:
        _paid(call, invoice)
    return shown(call, invoice)


@endpoint("post", "/v1/invoices/{invoice}/pay", "payment_method", "off_session", "paid_out_of_band")
def pay_invoice(call: Call) -> Json | Reply:
    """Charge what is due to the given card, else to the invoice's or the customer's; or note that it was paid elsewhere."""
    invoice = _invoice(call)
    if invoice["status"] == "paid":
        raise ApiError(400, "Invoice is already paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise ApiError(400, f"This invoice is {invoice['status']}; only an open invoice can be paid.")
    if call.arguments.get("paid_out_of_band"):
        return _paid_elsewhere(call, invoice)
    customer = call.require("customer", invoice["customer"])
    default = invoice["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    if (method_id := call.arguments.get("payment_method") or default) is None:
        message = "There is no `default_payment_method` set on this Customer or Invoice. Please attach one and set it as default."
        raise ApiError(400, message, code="missing")
    method = find_method(call, method_id)
    if method["customer"] != customer["id"]:
        message = "The payment method does not belong to the customer of this invoice; attach it first."
        raise ApiError(400, message, code="payment_method_unexpected_state", param="payment_method")
    intent, _ = payment_of(call, invoice)
    invoice |= {"attempted": True, "attempt_count": max(1, invoice["attempt_count"])}
    if intent["status"] == "processing":
        raise ApiError(400, "The PaymentIntent of this invoice is processing; wait for its end.", code="payment_intent_unexpected_state")
    asks_holder = wants_holder(invoice["payment_settings"]["payment_method_options"])
    error = charge_card(call, intent, method, asks_holder=asks_holder)
    call.store.put(invoice)
    if error is None:
        return settle(call, invoice) if intent["status"] == "succeeded" else shown(call, invoice)
    needs_holder = intent["status"] == "requires_action"
    call.emit("invoice.payment_action_required" if needs_holder else "invoice.payment_failed", shown(call, invoice))
    return Reply(status=402, body={"error": error})


@endpoint("post", "/v1/invoices/{invoice}/void")
def void_invoice(call: Call) -> Json:
    """Declare an open invoice void; the balance it used is given back."""
    invoice = _open(call)
    cancel_payment(call, invoice)
    customer = call.require("customer", invoice["customer"])
    if used := invoice["ending_balance"] - invoice["starting_balance"]:
        change_balance(call, customer, -used, invoice["currency"], kind="unapplied_from_invoice", invoice=invoice["id"])
    return _ended(call, invoice, "void", "voided_at", "invoice.voided")


@endpoint("post", "/v1/invoices/{invoice}/mark_uncollectible")
def mark_uncollectible(call: Call) -> Json:
    """Write an open invoice off; it can still be paid."""
    return _ended(call, _open(call), "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")


def settle(call: Call, invoice: Json) -> Json:
    """Mark an invoice paid by its payment intent; returns it as shown."""
    intent, tie = payment_of(call, invoice)
    tie |= {"status": "paid", "amount_paid": intent["amount_received"]}
    tie["status_transitions"]["paid_at"] = call.now
    call.store.put(tie)
    invoice |= {"amount_paid": intent["amount_received"], "amount_remaining": invoice["amount_due"] - intent["amount_received"]}
    call.emit("invoice_payment.paid", tie)
    return _paid(call, invoice)


def ask_for_less(call: Call, invoice: Json, amount: int) -> None:
    """Take a credit note off an open invoice; nothing left to ask for makes it paid."""
    intent, _ = payment_of(call, invoice)
    left = invoice["amount_remaining"] - amount
    invoice |= {"amount_due": left, "amount_remaining": left}
    invoice["pre_payment_credit_notes_amount"] += amount
    if left:
        call.store.put(intent | {"amount": left})
        call.store.put(invoice)
        call.emit("invoice.updated", shown(call, invoice))
        return
    cancel_payment(call, invoice)
    _paid(call, invoice)


def _paid_elsewhere(call: Call, invoice: Json) -> Json:
    intent, _ = payment_of(call, invoice)
    if intent["status"] == "processing":
        raise ApiError(400, "The PaymentIntent of this invoice is processing; wait for its end.", code="payment_intent_unexpected_state")
    cancel_payment(call, invoice)
    due = invoice["amount_remaining"]
    invoice |= {"amount_paid": invoice["amount_paid"] + due, "amount_paid_off_stripe": due, "amount_remaining": 0}
    return _paid(call, invoice)


def _paid(call: Call, invoice: Json) -> Json:
    invoice |= {"status": "paid", "attempted": True}
    invoice["status_transitions"]["paid_at"] = call.now
    call.store.put(invoice)
    call.emit("invoice.paid", shown(call, invoice))
    call.emit("invoice.payment_succeeded", shown(call, invoice))
    return shown(call, invoice)


def _ended(call: Call, invoice: Json, status: str, transition: str, event: str) -> Json:
    invoice["status"] = status
    invoice["status_transitions"][transition] = call.now
    call.store.put(invoice)
    call.emit(event, shown(call, invoice))
    return shown(call, invoice)


def _invoice(call: Call) -> Json:
    return call.require("invoice", call.path_arguments["invoice"])


def _draft(call: Call) -> Json:
    invoice = _invoice(call)
    if invoice["status"] != "draft":
        message = f"This invoice is no longer editable: it is {invoice['status']}, not a draft."
        raise ApiError(400, message, code="invoice_not_editable")
    return invoice


def _open(call: Call) -> Json:
    invoice = _invoice(call)
    if invoice["status"] != "open":
        raise ApiError(400, f"You can only do this to an open invoice; this one is {invoice['status']}.")
    return invoice


def _lines(call: Call, invoice: Json) -> list[Json]:
    return call.store.newest_first("line_item", invoice=invoice["id"])[::-1]


@presents("invoice")
def shown(call: Call, invoice: Json) -> Json:
    """An invoice as the API shows it, with its first lines."""
    lines = _lines(call, invoice)
    first = [public(line) for line in lines[:_NUMBER_IN_ANSWER]]
    url = f"/v1/invoices/{invoice['id']}/lines"
    if invoice["status"] == "draft":
        invoice = invoice | {"starting_balance": call.require("customer", invoice["customer"])["balance"]}
    return public(invoice) | {"lines": {"object": "list", "data": first, "has_more": len(lines) > len(first), "url": url}}
