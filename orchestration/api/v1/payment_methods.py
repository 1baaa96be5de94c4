"""`/v1/accounts/{account_id}/payment-methods`: the cards of an account."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from control.services import payment_methods
from control.services.payment_methods import PaymentMethod
from orchestration.api.v1.accounts import AccountId
from orchestration.api.v1.gate import Call, CallOf, Resource
from orchestration.api.v1.paging import Page, PagingOf
from orchestration.api.v1.problems import NotFoundError
from orchestration.api.v1.schemas.payments import Binding, Card, NewBinding, NewCard

router = Resource("payment methods")

MethodId = Annotated[str, Path(description="As the list shows it.")]


@router.reads("/accounts/{account_id}/payment-methods", scope="accounts:read")
def list_payment_methods(call: CallOf, account_id: AccountId, paging: PagingOf) -> Page[Card]:
    """The cards of an account, the latest first."""
    question = ["payment methods", account_id]
    after = paging.after(question, width=1)
    items = [Card.of(method) for method in payment_methods.list_methods(call.control, account_id)]
    ids = [item.payment_method_id for item in items]
    first = ids.index(after[0]) + 1 if after and after[0] in ids else 0
    return Page(**paging.page(items[first:], [[each] for each in ids[first:]], question))


@router.writes("POST", "/accounts/{account_id}/payment-methods", scope="payments:write", status_code=201)
def save_payment_method(call: CallOf, account_id: AccountId, body: NewCard) -> Card:
    """Save the card behind a gateway's token, and make it the default."""
    saved = payment_methods.save_card(call.control, account_id, body.token, now=call.now)
    return Card.of(_method(call, account_id, saved.payment_method_id))


@router.writes("POST", "/accounts/{account_id}/payment-method-bindings", scope="payments:write", status_code=201, shown_once="client_data")
def start_binding(call: CallOf, account_id: AccountId, body: NewBinding) -> Binding:
    """Begin to bind a card in its holder's browser (3-D Secure)."""
    started = payment_methods.start_binding(call.control, account_id, binding_id=body.binding_id, return_url=body.return_url)
    return Binding(binding_id=body.binding_id, gateway_binding_id=started.gateway_binding_id, client_data=started.client_data)


@router.writes("POST", "/accounts/{account_id}/payment-methods/{payment_method_id}/default", scope="payments:write")
def set_default_payment_method(call: CallOf, account_id: AccountId, payment_method_id: MethodId) -> Card:
    """Let documents be charged to another of the saved cards."""
    _method(call, account_id, payment_method_id)
    return Card.of(payment_methods.set_default(call.control, account_id, payment_method_id))


@router.writes("DELETE", "/accounts/{account_id}/payment-methods/{payment_method_id}", scope="payments:write", status_code=204)
def remove_payment_method(call: CallOf, account_id: AccountId, payment_method_id: MethodId) -> None:
    """Forget a card here and at its gateway."""
    _method(call, account_id, payment_method_id)
    payment_methods.remove_card(call.control, account_id, payment_method_id)


def _method(call: Call, account_id: str, payment_method_id: str) -> PaymentMethod:
    found = payment_methods.list_methods(call.control, account_id)
    for method in found:
        if method.card.payment_method_id == payment_method_id:
            return method
    raise NotFoundError("such payment method")
