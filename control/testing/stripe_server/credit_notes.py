"""Credit notes: an invoice reduced after it became final. An open one asks for less; of a paid one the money goes somewhere."""

from __future__ import annotations

from control.testing.stripe_server.customers import change_balance
from control.testing.stripe_server.endpoints import PAGE, Call, Json, chosen, endpoint, merged_metadata, new_id, page
from control.testing.stripe_server.errors import ApiError
from control.testing.stripe_server.invoices import ask_for_less


@endpoint("post", "/v1/credit_notes", "invoice", "amount", "credit_amount", "refunds", "memo", "metadata", "reason")
def create_credit_note(call: Call) -> Json:
    """Credit an amount, without lines."""
    given = call.arguments
    if "amount" not in given:
        raise ApiError(400, "One of amount, lines, or shipping_cost must be provided.", code="parameter_missing", param="amount")
    invoice = call.require("invoice", given["invoice"], param="invoice")
    if invoice["status"] not in ("open", "paid"):
        raise ApiError(400, f"You cannot create a credit note for an invoice with status {invoice['status']}.", param="invoice")
    is_paid, amount = invoice["status"] == "paid", given["amount"]
    left = _left(call, invoice) if is_paid else invoice["amount_remaining"]
    if not 0 < amount <= left:
        raise ApiError(
            400, f"The credit note amount ({amount}) must be between 1 and what is left of the invoice ({left}).", param="amount"
        )
    note = _note(call, invoice, amount, is_paid=is_paid)
    if is_paid:
        _spread(call, invoice, note)
    else:
        ask_for_less(call, invoice, amount)
    call.emit("credit_note.created", note)
    return call.store.put(note)


@endpoint("get", "/v1/credit_notes/{id}")
def retrieve_credit_note(call: Call) -> Json:
    """One credit note."""
    return call.require("credit_note", call.path_arguments["id"])


@endpoint("get", "/v1/credit_notes", *PAGE, "invoice", "customer")
def list_credit_notes(call: Call) -> Json:
    """Credit notes, newest first."""
    return page(call, call.store.newest_first("credit_note", **chosen(call.arguments, ("invoice", "customer"))))


def _spread(call: Call, invoice: Json, note: Json) -> None:
    """Where the money of a paid invoice goes: to the customer's balance, or it was refunded already."""
    to_balance = call.arguments.get("credit_amount", 0)
    for tie in call.arguments.get("refunds", ()):
        refund = call.require("refund", tie["refund"], param="refunds")
        given = tie.get("amount_refunded", refund["amount"])
        linked = sum(row["amount_refunded"] for other in call.store.newest_first("credit_note") for row in _ties(other, refund["id"]))
        if given + linked > refund["amount"]:
            raise ApiError(400, "The amount refunded is more than is left of the refund.", param="refunds")
        note["refunds"].append({"type": "refund", "refund": refund["id"], "amount_refunded": given, "payment_record_refund": None})
    spread = to_balance + sum(row["amount_refunded"] for row in note["refunds"])
    if spread != note["amount"]:
        message = f"The sum of credit amount, refunds and out of band amount ({spread}) must equal the credit note ({note['amount']})."
        raise ApiError(400, message, param="credit_amount")
    if to_balance:
        customer = call.require("customer", invoice["customer"])
        moved = change_balance(call, customer, -to_balance, invoice["currency"], kind="credit_note", invoice=invoice["id"])
        call.store.put(moved | {"credit_note": note["id"]})
        note["customer_balance_transaction"] = moved["id"]
    call.store.put(invoice | {"post_payment_credit_notes_amount": invoice["post_payment_credit_notes_amount"] + note["amount"]})


def _ties(note: Json, refund_id: str) -> list[Json]:
    return [row for row in note["refunds"] if row["refund"] == refund_id]


def _left(call: Call, invoice: Json) -> int:
    notes = call.store.newest_first("credit_note", invoice=invoice["id"])
    return int(invoice["total"] - sum(note["amount"] for note in notes))


def _note(call: Call, invoice: Json, amount: int, *, is_paid: bool) -> Json:
    identifier, number = new_id("cn"), len(call.store.newest_first("credit_note", invoice=invoice["id"])) + 1
    return {
        "id": identifier,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": call.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": call.now,
        "invoice": invoice["id"],
        "lines": {"object": "list", "data": [], "has_more": False, "url": f"/v1/credit_notes/{identifier}/lines"},
        "livemode": False,
        "memo": call.arguments.get("memo"),
        "metadata": merged_metadata({}, call.arguments.get("metadata")),
        "number": f"{invoice['number']}-CN-{number:02d}",
        "out_of_band_amount": None,
        "pdf": f"{call.base_url}/pdf/{identifier}",
        "post_payment_amount": amount if is_paid else 0,
        "pre_payment_amount": 0 if is_paid else amount,
        "pretax_credit_amounts": [],
        "reason": call.arguments.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "type": "post_payment" if is_paid else "pre_payment",
        "voided_at": None,
    }
