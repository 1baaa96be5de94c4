"""What every gateway does with customers and cards: made once, saved by token, bound in the browser, listed, forgotten."""

from __future__ import annotations

import contextlib

import pytest

from control.ports import BindingFailed, BindingOpen, BindingRequest, Bound, Declined, EventSubject, GatewayRefusedError, Refused, SavedCard
from tests.contract.benches import Bench
from tests.contract.builders import a_card, a_customer, events_of, insist, new_key
from tests.contract.fake_gateway import DECLINES_WHEN_SAVED, NEEDS_HOLDER, NEEDS_HOLDER_ONCE, PAYS, Fault
from tests.contract.faults import every_fault


def test_a_customer_is_the_same_however_often_it_is_asked_for(bench: Bench) -> None:
    first = bench.gateway.ensure_customer(a_customer(), key="k")
    assert bench.gateway.ensure_customer(a_customer(), key="k") == first
    assert bench.gateway.ensure_customer(a_customer(), key="another day") == first


def test_a_customer_with_only_a_name_is_taken(bench: Bench) -> None:
    bare = a_customer(email="", country_code="", address="", postal_code="", city="")
    assert bench.gateway.ensure_customer(bare, key="k")


def test_the_same_account_of_two_deployments_is_two_customers(bench: Bench) -> None:
    one = bench.gateway.ensure_customer(a_customer(reference="prod/acc-1"), key="k1")
    other = bench.gateway.ensure_customer(a_customer(reference="staging/acc-1"), key="k2")
    assert one != other


def test_a_reference_with_quotes_and_backslashes_is_found_again(bench: Bench) -> None:
    odd = a_customer(reference='d/o\'brien \\ "co"')
    assert bench.gateway.ensure_customer(odd, key="k1") == bench.gateway.ensure_customer(odd, key="k2")


def test_a_saved_card_tells_what_a_person_may_see(bench: Bench) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key="k1")
    card = bench.gateway.save_card(customer_id, bench.token(PAYS), key="k2")
    assert isinstance(card, SavedCard)
    assert (card.brand, card.last4) == ("visa", bench.last4)
    assert len(card.expires) == len("2031-12")


def test_saving_a_card_twice_with_one_key_saves_one_card(bench: Bench) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key="k1")
    first = bench.gateway.save_card(customer_id, bench.token(PAYS), key="k2")
    assert bench.gateway.save_card(customer_id, bench.token(PAYS), key="k2") == first
    assert bench.gateway.list_cards(customer_id) == (first,)


def test_a_card_that_the_bank_refuses_is_not_saved(bench: Bench) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key="k1")
    answer = bench.gateway.save_card(customer_id, bench.token(DECLINES_WHEN_SAVED), key="k2")
    assert isinstance(answer, Declined)
    assert answer.code == bench.no_funds
    assert bench.gateway.list_cards(customer_id) == ()


def test_a_card_that_does_not_exist_is_refused(bench: Bench) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key="k1")
    assert isinstance(bench.gateway.save_card(customer_id, "pm_nobody_made_this", key="k2"), Refused)


@every_fault
def test_a_card_is_saved_whatever_breaks(bench: Bench, fault: Fault) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key=new_key())
    bench.plan(fault, "save_card")
    card = insist(lambda key: bench.gateway.save_card(customer_id, bench.token(PAYS), key=key))
    assert isinstance(card, SavedCard)


def test_a_customer_has_several_cards_until_they_are_forgotten(bench: Bench) -> None:
    customer_id, first = a_card(bench, PAYS)
    _, second = a_card(bench, NEEDS_HOLDER_ONCE, is_bound=True)
    assert {card.payment_method_id for card in bench.gateway.list_cards(customer_id)} == {first, second}
    bench.gateway.set_default_card(customer_id, second, key="k1")
    bench.gateway.set_default_card(customer_id, first, key="k2")
    for key in ("k3", "k3", "next week"):
        bench.gateway.detach_card(customer_id, first, key=key)
    (left,) = bench.gateway.list_cards(customer_id)
    assert left.payment_method_id == second


def test_nobody_has_cards_whom_the_gateway_does_not_know(bench: Bench) -> None:
    assert bench.gateway.list_cards("nobody") == ()


def test_a_card_of_another_customer_is_no_default_and_is_not_forgotten(bench: Bench) -> None:
    customer_id, card = a_card(bench, PAYS)
    stranger = bench.gateway.ensure_customer(a_customer(reference="deployment-1/acc-43"), key="k1")
    with pytest.raises(GatewayRefusedError):
        bench.gateway.set_default_card(stranger, card, key="k2")
    with pytest.raises(GatewayRefusedError):
        bench.gateway.set_default_card(customer_id, "pm_none", key="k3")
    with contextlib.suppress(GatewayRefusedError):  # Adyen does not see whose it is
        bench.gateway.detach_card(stranger, card, key="k4")
    assert [kept.payment_method_id for kept in bench.gateway.list_cards(customer_id)] == [card]


# --- binding in the browser


def a_binding(bench: Bench, binding_id: str = "binding-1") -> tuple[str, str]:
    """The customer and the binding that waits for its browser."""
    customer_id = bench.gateway.ensure_customer(a_customer(), key=new_key())
    request = BindingRequest(binding_id=binding_id, customer_id=customer_id, return_url="https://cloud.example/cards", country_code="DE")
    started = bench.gateway.start_binding(request, key=f"key-{binding_id}")
    assert started.client_data
    assert started.client_data not in repr(started)
    assert bench.gateway.start_binding(request, key=f"key-{binding_id}") == started
    return customer_id, started.gateway_binding_id


def test_a_binding_is_open_until_the_holder_enters_a_card(bench: Bench) -> None:
    customer_id, binding = a_binding(bench)
    assert bench.gateway.find_binding(customer_id, binding) == BindingOpen()
    bench.enter_card(binding, PAYS)
    outcome = bench.gateway.find_binding(customer_id, binding, result=bench.browser_result(binding))
    assert isinstance(outcome, Bound)
    assert outcome.card.last4 == bench.last4
    assert bench.gateway.list_cards(customer_id) == (outcome.card,)


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_card_that_asks_its_holder_is_bound_only_if_the_holder_confirms(bench: Bench, succeeds: bool) -> None:
    customer_id, binding = a_binding(bench)
    bench.enter_card(binding, NEEDS_HOLDER)
    assert bench.gateway.find_binding(customer_id, binding) == BindingOpen()
    bench.confirm_binding(binding, succeeds=succeeds)
    outcome = bench.gateway.find_binding(customer_id, binding, result=bench.browser_result(binding))
    assert isinstance(outcome, Bound if succeeds else BindingFailed)
    assert len(bench.gateway.list_cards(customer_id)) == int(succeeds)


def test_a_card_that_the_bank_refuses_is_not_bound(bench: Bench) -> None:
    customer_id, binding = a_binding(bench)
    bench.enter_card(binding, DECLINES_WHEN_SAVED)
    outcome = bench.gateway.find_binding(customer_id, binding, result=bench.browser_result(binding))
    assert isinstance(outcome, BindingFailed)
    assert bench.gateway.list_cards(customer_id) == ()


def test_a_bound_card_is_told_by_an_event_as_well(bench: Bench) -> None:
    customer_id, binding = a_binding(bench)
    bench.enter_card(binding, PAYS)
    event = events_of(bench, EventSubject.BINDING)[-1]
    assert (event.customer_id, event.reference) == (customer_id, "binding-1")
    state = bench.gateway.state_of(event)
    assert isinstance(state, Bound)
    assert state.card in bench.gateway.list_cards(customer_id)


def test_a_binding_of_another_customer_is_not_shown(bench: Bench) -> None:
    _, binding = a_binding(bench)
    bench.enter_card(binding, PAYS)
    stranger = bench.gateway.ensure_customer(a_customer(reference="deployment-1/acc-43"), key="k1")
    with pytest.raises(GatewayRefusedError):
        bench.gateway.find_binding(stranger, binding, result=bench.browser_result(binding))


@every_fault
def test_a_binding_is_started_whatever_breaks(bench: Bench, fault: Fault) -> None:
    customer_id = bench.gateway.ensure_customer(a_customer(), key=new_key())
    request = BindingRequest(binding_id="b", customer_id=customer_id, return_url="https://cloud.example/cards", country_code="DE")
    bench.plan(fault, "start_binding")
    started = insist(lambda key: bench.gateway.start_binding(request, key=key))
    assert bench.gateway.find_binding(customer_id, started.gateway_binding_id) == BindingOpen()
