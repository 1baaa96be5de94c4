"""Stories that chance writes: charges and refunds, each call broken in some way, given up and taken up again with its key."""

from __future__ import annotations

from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.ports import (
    Declined,
    EventSubject,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    Paid,
    RefundRequest,
)
from tests.contract.benches import Bench
from tests.contract.builders import a_card, a_charge, events_of, insist, usd
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, PAYS, Fault
from tests.contract.faults import FAULTS

some_faults = st.lists(st.sampled_from(FAULTS), max_size=4)
attempts = st.lists(st.tuples(st.sampled_from([PAYS, DECLINES_WHEN_CHARGED]), some_faults), min_size=1, max_size=3)
parts = st.lists(st.tuples(st.integers(1, 6000), some_faults), max_size=3)

_stories = count(1)
# Each example plays on the same gateway with documents of its own.
_on_one_gateway = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def plan_all(bench: Bench, faults: list[Fault], operation: str) -> None:
    for fault in faults:
        bench.plan(fault, operation)


@_on_one_gateway
@given(attempts=attempts, parts=parts)
def test_a_document_is_paid_once_and_never_gives_back_more(
    bench: Bench, attempts: list[tuple[str, list[Fault]]], parts: list[tuple[int, list[Fault]]]
) -> None:
    story = next(_stories)
    before, returned_before = len(bench.charges()), bench.given_back()
    paid: Paid | None = None
    for number, (token, faults) in enumerate(attempts):
        customer_id, card = a_card(bench, token)
        request = a_charge(customer_id, card, invoice_id=f"inv-{story}", payment_id=f"payment-{story}-{number}")
        plan_all(bench, faults, "charge")
        outcome = insist(lambda key: bench.gateway.charge(request, key=key), key=f"charge-{story}-{number}")  # noqa: B023  # called here
        assert isinstance(outcome, Paid if token == PAYS else Declined)
        if isinstance(outcome, Paid):
            paid = outcome
            break
    assert bench.charges()[before:] == ([usd(10710)] if paid else [])
    if paid is None:
        return
    asked = 0
    for number, (minor, faults) in enumerate(parts):
        refund = RefundRequest(
            refund_id=f"refund-{story}-{number}", gateway_payment_id=paid.gateway_payment_id, amount=usd(minor), reason=""
        )
        plan_all(bench, faults, "ensure_refund")
        insist(lambda key: bench.gateway.ensure_refund(refund, key=key), key=f"refund-{story}-{number}")  # noqa: B023  # called here
        asked += minor if asked + minor <= 10710 else 0
    assert bench.given_back() - returned_before == usd(asked)
    told = [event for event in events_of(bench) if event.gateway_payment_id == paid.gateway_payment_id]
    states = [bench.gateway.state_of(event) for event in told]
    payments = [state for state in states if isinstance(state, GatewayPayment)]
    assert max(payments, key=lambda state: state.occurred_at).status is GatewayPaymentStatus.PAID
    refunds = {state.refund_id: state for state in states if isinstance(state, GatewayRefund)}
    succeeded = sum(state.amount.minor for state in refunds.values() if state.status == "succeeded")
    assert succeeded == asked
    assert {event.subject for event in told} <= {EventSubject.PAYMENT, EventSubject.REFUND}
