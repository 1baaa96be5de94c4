"""Customers and cards of the gateway in memory, and the browser in which a holder binds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from control.domain.money import Money
from control.ports import (
    BindingFailed,
    BindingOpen,
    BindingOutcome,
    BindingRequest,
    Bound,
    Customer,
    Declined,
    EventSubject,
    GatewayRefusedError,
    Refused,
    SavedCard,
    StartedBinding,
)
from control.testing.memory_gateway.world import DECLINES_WHEN_SAVED, LAST4, NEEDS_HOLDER, NEEDS_HOLDER_ONCE, NO_FUNDS, Card, World

_SMALLEST_CHARGE = 50
_EXPIRES = "2031-12"


@dataclass(kw_only=True)
class _Binding:
    request: BindingRequest
    outcome: BindingOutcome
    token: str = ""


class CardsFake(World):
    """The port's methods about customers and cards."""

    def __init__(self, *, name: str = "fake", now: Callable[[], datetime] | None = None) -> None:
        super().__init__(name=name, now=now)
        self._bindings: dict[str, _Binding] = {}

    def enter_card(self, gateway_binding_id: str, token: str) -> None:
        """The holder enters a card in the browser."""
        with self._lock:
            binding = self._bindings[gateway_binding_id]
            binding.token = token
            if token == DECLINES_WHEN_SAVED:
                self._end_binding(gateway_binding_id, BindingFailed(code=NO_FUNDS.code, message=NO_FUNDS.message))
            elif token not in (NEEDS_HOLDER, NEEDS_HOLDER_ONCE):
                self.confirm_binding(gateway_binding_id, succeeds=True)

    def confirm_binding(self, gateway_binding_id: str, *, succeeds: bool) -> None:
        """The holder authenticates for a binding, or fails to."""
        with self._lock:
            binding = self._bindings[gateway_binding_id]
            if succeeds:
                outcome: Bound | BindingFailed = Bound(card=self._keep(binding.request.customer_id, binding.token, is_set_up=True))
            else:
                outcome = BindingFailed(code="authentication_failure", message="The holder was not authenticated.")
            self._end_binding(gateway_binding_id, outcome)

    def refusal(self, amount: Money) -> str | None:
        """It charges 50 minor units or more."""
        return None if amount.minor >= _SMALLEST_CHARGE else f"{amount} is less than the smallest charge"

    def ensure_customer(self, customer: Customer, *, key: str) -> str:
        """The port's ensure_customer."""

        def look() -> str | None:
            return next((key for key, known in self.customers.items() if known.reference == customer.reference), None)

        def make() -> str:
            identifier = self._id("cus")
            self.customers[identifier] = customer
            return identifier

        return self._once("ensure_customer", key, customer, look, make)

    def save_card(self, customer_id: str, token: str, *, key: str) -> SavedCard | Declined | Refused:
        """The port's save_card."""

        def attach() -> SavedCard | Declined | Refused:
            if token == DECLINES_WHEN_SAVED:
                return NO_FUNDS
            if token not in LAST4:
                return Refused(reason=f"no such card {token}")
            return self._keep(customer_id, token, is_set_up=False)

        return self._once("save_card", key, (customer_id, token), lambda: None, attach)

    def start_binding(self, request: BindingRequest, *, key: str) -> StartedBinding:
        """The port's start_binding."""

        def make() -> StartedBinding:
            if request.customer_id not in self.customers:
                raise GatewayRefusedError(f"no such customer {request.customer_id}")
            identifier = self._id("bind")
            self._bindings[identifier] = _Binding(request=request, outcome=BindingOpen())
            return StartedBinding(gateway_binding_id=identifier, client_data=f"{identifier}_secret")

        return self._once("start_binding", key, request, lambda: None, make)

    def find_binding(self, customer_id: str, gateway_binding_id: str, *, result: str = "") -> BindingOutcome:  # noqa: ARG002  # the port's
        """The port's find_binding."""
        self._read("find_binding")
        binding = self._bindings.get(gateway_binding_id)
        if binding is None or binding.request.customer_id != customer_id:
            raise GatewayRefusedError(f"no such binding {gateway_binding_id} of {customer_id}")
        return binding.outcome

    def list_cards(self, customer_id: str) -> tuple[SavedCard, ...]:
        """The port's list_cards."""
        self._read("list_cards")
        return tuple(_shown(identifier, card) for identifier, card in self._cards.items() if card.customer_id == customer_id)

    def set_default_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:
        """The port's set_default_card."""

        def check() -> bool:
            card = self._cards.get(payment_method_id)
            if card is None or card.customer_id != customer_id:
                raise GatewayRefusedError(f"{payment_method_id} is no card of {customer_id}")
            return True

        self._once("set_default_card", key, (customer_id, payment_method_id), lambda: None, check)

    def detach_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:
        """The port's detach_card."""

        def look() -> bool | None:
            card = self._cards.get(payment_method_id)
            if card is not None and card.customer_id != customer_id:
                raise GatewayRefusedError(f"{payment_method_id} is no card of {customer_id}")
            return True if card is None else None

        def forget() -> bool:
            del self._cards[payment_method_id]
            self._emit(EventSubject.CARD, "card.detached", payment_method_id, customer_id=customer_id)
            return True

        self._once("detach_card", key, (customer_id, payment_method_id), look, forget)

    def _keep(self, customer_id: str, token: str, *, is_set_up: bool) -> SavedCard:
        identifier = self._id("pm")
        self._cards[identifier] = Card(customer_id=customer_id, token=token, is_set_up=is_set_up)
        return _shown(identifier, self._cards[identifier])

    def _end_binding(self, gateway_binding_id: str, outcome: Bound | BindingFailed) -> None:
        binding = self._bindings[gateway_binding_id]
        binding.outcome = outcome
        self._emit(
            EventSubject.BINDING,
            "binding.ended",
            gateway_binding_id,
            customer_id=binding.request.customer_id,
            reference=binding.request.binding_id,
        )


def needs_holder(card: Card) -> bool:
    """Whether a charge of this card asks for its holder."""
    return card.token == NEEDS_HOLDER or (card.token == NEEDS_HOLDER_ONCE and not card.is_set_up)


def _shown(identifier: str, card: Card) -> SavedCard:
    return SavedCard(
        payment_method_id=identifier,
        brand="visa",
        last4=LAST4[card.token],
        expires=_EXPIRES,
        fingerprint=f"fp-{card.token}",
        funding="credit",
        country_code="DE",
    )
