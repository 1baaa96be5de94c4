"""Saving cards: only a gateway's ids are kept, and repeating makes nothing twice."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from control.bootstrap import Control
from control.ports import GatewayUnavailableError
from control.services.accounts import upsert_accounts
from control.services.payment_methods import save_card
from control.store.tables import gateway_customers
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, DECLINES_WHEN_SAVED, PAYS, FakeGateway
from tests.control_bench.builders import an_account
from warehouse.errors import InputError, RefusedError


def test_a_saved_card_is_kept_as_ids_only(control: Control, gateway: FakeGateway) -> None:
    upsert_accounts(control, [an_account()])
    card = save_card(control, "acc-1", PAYS)
    with control.store.reading() as connection:
        row = connection.execute(select(gateway_customers)).one()
    assert (row.account_id, row.gateway, row.payment_method_id, row.card_last4) == ("acc-1", "fake", card.payment_method_id, "4242")
    assert row.gateway_customer_id in gateway.customers
    assert PAYS not in tuple(row)


def test_saving_again_makes_no_second_customer_and_a_new_card_replaces_the_old(control: Control, gateway: FakeGateway) -> None:
    upsert_accounts(control, [an_account()])
    first = save_card(control, "acc-1", PAYS)
    assert save_card(control, "acc-1", PAYS) == first
    second = save_card(control, "acc-1", DECLINES_WHEN_CHARGED)
    with control.store.reading() as connection:
        assert connection.execute(select(gateway_customers.c.payment_method_id)).scalars().all() == [second.payment_method_id]
    assert len(gateway.customers) == 1


def test_an_answer_that_was_lost_is_made_up_for_by_repeating(control: Control, gateway: FakeGateway) -> None:
    upsert_accounts(control, [an_account()])
    gateway.plan("drop_after", "ensure_customer")
    with pytest.raises(GatewayUnavailableError):
        save_card(control, "acc-1", PAYS)
    save_card(control, "acc-1", PAYS)
    assert len(gateway.customers) == 1


def test_a_declined_card_is_refused_with_the_reason(control: Control) -> None:
    upsert_accounts(control, [an_account()])
    with pytest.raises(RefusedError, match=r"declined \(insufficient_funds\)"):
        save_card(control, "acc-1", DECLINES_WHEN_SAVED)
    with pytest.raises(RefusedError, match="no such card nonsense"):
        save_card(control, "acc-1", "nonsense")


def test_a_card_needs_an_account_with_a_gateway(control: Control) -> None:
    with pytest.raises(InputError, match="'acc-1' does not exist"):
        save_card(control, "acc-1", PAYS)
    upsert_accounts(control, [an_account(gateway="")])
    with pytest.raises(RefusedError, match="no gateway"):
        save_card(control, "acc-1", PAYS)
