"""Refunds of bank payments: transferred once, settled when the statement shows it, and undone where the bank does not do it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from control.bootstrap import Control
from control.domain.documents import Kind
from control.domain.payouts import Payee, PayoutStatus
from control.domain.refunds import RefundStatus
from control.domain.status import InvoiceStatus
from control.gateways.bank.xml import parse
from control.services.payouts import Export, cancel, export_again, export_payouts, list_payouts, mark_paid
from control.services.show import list_refunds, show_invoice
from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from control.services.work import work
from control.testing.bank_statement import OUR_IBAN, Transfer
from tests.control_bench.bank import LATER, PAYER, cash, eur, give_back, given_paid_by_bank, statement, went_out
from tests.control_bench.builders import NOW
from warehouse.errors import InputError, RefusedError


@pytest.fixture(autouse=True)
def _books_balance(control: Control) -> Iterator[None]:
    yield
    assert (verify_ledger(control), verify_hashes(control), verify_numbers(control)) == ([], [], [])


def exported(control: Control) -> Export:
    made = export_payouts(control, now=NOW)
    assert made is not None
    return made


def test_a_refund_of_a_transfer_is_exported_booked_from_the_statement_and_settled(control: Control) -> None:
    given_paid_by_bank(control)
    refund = give_back(control, 1_190)
    assert refund.status is RefundStatus.PENDING
    assert show_invoice(control, "INV-000001").paid == eur(11_900)
    (payout,) = exported(control).payouts
    assert (payout.payee.account, payout.bank_account, payout.status) == (PAYER, OUR_IBAN, PayoutStatus.EXPORTED)
    out = went_out(payout)
    assert statement(control, out)[0][0] == "paid_out"
    note = show_invoice(control, "INV-000002")
    assert (note.content.kind, note.content.total, note.status) == (Kind.REFUND_NOTE, eur(-1_190), InvoiceStatus.PAID)
    assert [one.status for one in list_refunds(control)] == [RefundStatus.SUCCEEDED]
    assert cash(control) == 11_900 - 1_190
    assert "booked already" in statement(control, out)[0][1]
    assert "left again: a person must look" in statement(control, went_out(payout, bank_reference="out-2"), number=2)[0][1]
    assert cash(control) == 11_900 - 1_190
    assert work(control, now=LATER).is_idle


def test_what_was_exported_is_in_no_other_message_and_can_be_written_again(control: Control) -> None:
    given_paid_by_bank(control)
    give_back(control, 100)
    first = exported(control)
    give_back(control, 200)
    second = exported(control)
    assert export_payouts(control, now=LATER) is None
    assert [payout.amount for payout in (*first.payouts, *second.payouts)] == [eur(100), eur(200)]
    assert export_again(control, first.export_id).content == first.content
    with pytest.raises(InputError, match="exported as"):
        export_again(control, "")


def test_the_message_says_what_the_bank_needs_in_letters_it_knows(control: Control) -> None:
    given_paid_by_bank(control)
    give_back(control, payee=Payee(name="Müller & Søn “Ltd”", account="DE02 1203 0000 0000 2020 51".replace(" ", "")))
    made = exported(control)
    root = parse(made.content)
    spaces = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}

    def said(path: str) -> str | None:
        return root.findtext(f".//p:{path.replace('/', '/p:')}", namespaces=spaces)

    assert (said("GrpHdr/MsgId"), said("GrpHdr/NbOfTxs"), said("GrpHdr/CtrlSum")) == (made.export_id, "1", "119.00")
    assert (said("InstdAmt"), said("EndToEndId"), said("SvcLvl/Cd")) == ("119.00", made.payouts[0].payout_id, "SEPA")
    assert (said("Cdtr/Nm"), said("CdtrAcct/Id/IBAN"), said("DbtrAcct/Id/IBAN")) == ("Muller + Son .Ltd.", PAYER, OUR_IBAN)
    assert (said("RmtInf/Ustrd"), said("ReqdExctnDt/Dt"), said("Dbtr/Nm")) == ("Refund INV-000001", "2026-02-03", "Cloud AG")


def test_nobody_is_paid_on_an_account_that_is_none_and_the_way_out_is_named(control: Control) -> None:
    given_paid_by_bank(control, payer_account="")
    with pytest.raises(RefusedError, match="--payee NAME --iban IBAN"):
        give_back(control)
    with pytest.raises(InputError, match="no IBAN"):
        give_back(control, payee=Payee(name="X", account="DE02120300000000202052"))
    assert list_refunds(control) == []
    assert give_back(control, payee=Payee(name="", account=PAYER)).status is RefundStatus.PENDING
    assert list_payouts(control)[0].payee == Payee(name="Forty-Two GmbH", account=PAYER)


def test_no_more_is_promised_than_was_paid(control: Control) -> None:
    given_paid_by_bank(control)
    give_back(control, 11_000)
    with pytest.raises(RefusedError, match=r"up to 9\.00 EUR"):
        give_back(control, 1_000)


def test_a_pay_out_given_up_fails_its_refund_and_leaves_no_note(control: Control) -> None:
    given_paid_by_bank(control)
    refund = give_back(control)
    exported(control)
    with pytest.raises(RefusedError, match="may be executed"):
        cancel(control, refund.refund_id, reason="wrong", is_rejected=False, now=LATER)
    failed = cancel(control, refund.refund_id, reason="account closed", is_rejected=True, now=LATER)
    assert (failed.status, failed.message, failed.note_id) == (RefundStatus.FAILED, "account closed", "")
    assert "was given up, but" in statement(control, went_out(list_payouts(control)[0]))[0][1]
    assert give_back(control).status is RefundStatus.PENDING, "it can be asked for again"


def test_a_pay_out_by_hand_is_booked_by_its_reference_once(control: Control) -> None:
    given_paid_by_bank(control)
    refund = give_back(control)
    with pytest.raises(RefusedError, match="reference"):
        mark_paid(control, refund.refund_id, reference=" ", now=LATER)
    done = mark_paid(control, refund.refund_id, reference="online-77", now=LATER)
    assert (done.status, done.gateway_refund_id) == (RefundStatus.SUCCEEDED, "online-77")
    with pytest.raises(RefusedError, match="booked already"):
        mark_paid(control, refund.refund_id, reference="x", now=LATER)
    with pytest.raises(InputError, match="no pay-out"):
        mark_paid(control, "nobody", reference="x", now=LATER)


@pytest.mark.parametrize("is_settled", [True, False])
def test_money_that_comes_back_is_the_customers_or_fails_the_refund_and_another_amount_is_for_a_person(
    control: Control, is_settled: bool
) -> None:
    given_paid_by_bank(control)
    give_back(control, 500)
    (payout,) = exported(control).payouts
    if is_settled:
        statement(control, went_out(payout))
    back = Transfer(amount=payout.amount, end_to_end_id=payout.payout_id, return_reason="AC04", bank_reference="back-1")
    assert "came back: AC04" in statement(control, back, number=2)[0][1]
    assert "came back" in statement(control, back, number=2)[0][1]
    (refund,) = list_refunds(control)
    assert refund.status is (RefundStatus.SUCCEEDED if is_settled else RefundStatus.FAILED)
    assert cash(control) == 11_900
    odd = went_out(payout, amount=eur(-499), bank_reference="odd")
    assert "a person must look" in statement(control, odd, number=3)[0][1]


def test_a_death_between_the_statement_and_the_note_is_made_up_for_by_work(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    given_paid_by_bank(control)
    give_back(control)
    (payout,) = exported(control).payouts
    monkeypatch.setattr("control.services.payouts.go_on", lambda *_, **__: 0)
    statement(control, went_out(payout))
    assert list_refunds(control)[0].status is RefundStatus.PENDING
    work(control, now=LATER)
    assert list_refunds(control)[0].status is RefundStatus.SUCCEEDED
