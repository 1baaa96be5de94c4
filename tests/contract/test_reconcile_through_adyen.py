"""The nightly reconciliation with a gateway that has nothing but the reports of past days: lost answers and webhooks are made up for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from control.bootstrap import Control
from control.domain.payments import PushResult
from control.domain.status import InvoiceStatus
from control.services.accounts import upsert_accounts
from control.services.differences import DifferenceKind
from control.services.payment_methods import save_card
from control.services.push import push
from control.services.reconcile import Reconciliation, reconcile
from control.services.show import show_invoice
from control.services.verify import verify_ledger
from tests.contract.adyen_bench import AdyenBench
from tests.contract.fake_gateway import PAYS
from tests.control_bench.builders import a_draft, an_account, given_invoices
from tests.control_bench.stores import fresh_sqlite, opened

pytestmark = pytest.mark.needs_shared_data


@pytest.fixture
def control(adyen: AdyenBench, tmp_path: Path) -> Iterator[Control]:
    with opened(fresh_sqlite(tmp_path), tmp_path, gateways=lambda _: adyen.gateway) as control:
        upsert_accounts(control, [an_account(gateway="adyen")])
        save_card(control, "acc-1", adyen.token(PAYS))
        given_invoices(control, a_draft())
        yield control
        assert verify_ledger(control) == []


def tonight(control: Control, adyen: AdyenBench) -> Reconciliation:
    now = adyen.now()
    return reconcile(control, "adyen", since=now - timedelta(days=10), until=now, now=now)


def test_a_charge_that_ended_unheard_is_found_in_the_report_by_our_payment_id_and_booked(control: Control, adyen: AdyenBench) -> None:
    adyen.hold_charge()
    (outcome,) = push(control, now=adyen.now())
    assert outcome.result is PushResult.UNAVAILABLE
    payment = adyen.server.gateway.objects("payment")[0]
    adyen.server.gateway.resolve(payment["id"], succeeds=True)
    assert tonight(control, adyen).payments_compared == 0, "the report of today is not made yet, and that is no outage"
    adyen.end_of_day()
    (found,) = tonight(control, adyen).differences
    assert (found.kind, found.is_mended) == (DifferenceKind.MISSING_HERE, True)
    assert show_invoice(control, "INV-000001").status is InvoiceStatus.PAID
    assert tonight(control, adyen).differences == ()


def test_a_payment_that_no_report_knows_is_said_when_all_reports_of_it_are_made(control: Control, adyen: AdyenBench) -> None:
    push(control, now=adyen.now() - timedelta(days=3))
    found = tonight(control, adyen)
    assert [one.kind for one in found.differences] == [DifferenceKind.MISSING_THERE]
