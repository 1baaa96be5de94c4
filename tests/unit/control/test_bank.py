"""Bank transfers: each entry of a statement once, applied to what it pays, kept where nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from control.bootstrap import Control
from control.domain.money import Money
from control.domain.status import InvoiceStatus
from control.gateways.bank import creditor_reference
from control.services.accounts import upsert_accounts
from control.services.bank import apply_waiting, assign, import_statement, list_receipts
from control.services.ledger import read_trial_balance
from control.services.push import push
from control.services.show import show_invoice
from control.services.verify import verify_ledger
from control.services.work import work
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, FakeGateway
from tests.control_bench.builders import NOW, a_draft, an_account, given_account_with_card, given_invoices, usd
from warehouse.errors import InputError, RefusedError

STATEMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<GrpHdr><MsgId>m-{number}</MsgId><CreDtTm>2026-02-05T06:00:00</CreDtTm></GrpHdr>
<Stmt><Id>s-{number}</Id><CreDtTm>2026-02-05T06:00:00</CreDtTm><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>USD</Ccy></Acct>
{entries}
</Stmt></BkToCstmrStmt></Document>"""
ENTRY = """<Ntry><NtryRef>{reference}</NtryRef><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-02-05</Dt></BookgDt><ValDt><Dt>2026-02-05</Dt></ValDt><AcctSvcrRef>svc-{reference}</AcctSvcrRef>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>
<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>
<RltdPties><Dbtr><Pty><Nm>Payer Ltd</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""


def a_statement(*entries: tuple[str, str], number: int = 1, sign: str = "CRDT") -> bytes:
    """A statement with an entry for each (amount, what the payer wrote)."""
    made = [
        ENTRY.format(reference=f"e-{number}-{place}", amount=amount, sign=sign, text=text) for place, (amount, text) in enumerate(entries)
    ]
    return STATEMENT.format(number=number, entries="\n".join(made)).encode()


@pytest.fixture(autouse=True)
def _books_balance(control: Control) -> Iterator[None]:
    yield
    assert verify_ledger(control) == []


def balances(control: Control) -> dict[str, int]:
    return {f"{line.ledger_account} {line.detail}".strip(): line.balance.minor for line in read_trial_balance(control)}


def given_transfer_customer(control: Control, *amounts: int) -> None:
    upsert_accounts(control, [an_account(gateway="")])
    given_invoices(control, *(a_draft(amounts=(amount,), period=f"2026-{month:02d}") for month, amount in enumerate(amounts, start=1)))


def results(control: Control, statement: bytes) -> list[tuple[str, str]]:
    return [(str(outcome.result), outcome.invoice_number) for outcome in import_statement(control, statement, now=NOW)]


def test_a_transfer_with_our_reference_pays_its_invoice_and_importing_again_changes_nothing(control: Control) -> None:
    given_transfer_customer(control, 10_000)
    statement = a_statement(("100.00", f"invoice {creditor_reference('INV-000001')}"))
    assert results(control, statement) == [("paid", "INV-000001")]
    before = balances(control)
    assert results(control, statement) == [("known", "INV-000001")]
    assert balances(control) == before == {
        "receivable": 0, "revenue compute": -10_000, "cash bank_transfer": 10_000, "unapplied": 0,
    }  # fmt: skip
    assert show_invoice(control, "INV-000001").status is InvoiceStatus.PAID


def test_too_little_leaves_the_rest_open_and_too_much_is_the_customers(control: Control) -> None:
    given_transfer_customer(control, 10_000, 5_000)
    assert results(control, a_statement(("60.00", "INV-000001"), ("60.00", "INV-000002"))) == [
        ("partly_paid", "INV-000001"),
        ("paid", "INV-000002"),
    ]
    assert show_invoice(control, "INV-000001").open == usd(4_000)
    assert balances(control)["customer_balance"] == -1_000
    push(control, now=NOW)
    assert show_invoice(control, "INV-000001").open == usd(3_000), "what was paid too much pays the next"


def test_one_transfer_for_several_invoices_pays_them_all_where_the_sum_is_theirs(control: Control) -> None:
    given_transfer_customer(control, 10_000, 5_000)
    statement = a_statement(("150.00", "INV-000001 and INV-000002"))
    assert results(control, statement) == [("paid", "INV-000001"), ("paid", "INV-000002")]
    assert [result for result, _ in results(control, statement)] == ["known", "known"]


def test_money_that_nobody_can_place_waits_until_a_person_says_whose_it_is(control: Control) -> None:
    given_transfer_customer(control, 10_000)
    (outcome,) = import_statement(control, a_statement(("99.00", "thank you")), now=NOW)
    assert (outcome.result, outcome.invoice_number) == ("waiting", "")
    assert balances(control)["unapplied"] == -9_900
    assert [one.receipt_id for one in list_receipts(control, is_waiting=True)] == [outcome.receipt_id]
    with pytest.raises(InputError, match="no issued invoice"):
        assign(control, outcome.receipt_id, "INV-000009", now=NOW)
    assert assign(control, outcome.receipt_id, "INV-000001", now=NOW).result == "partly_paid"
    assert balances(control)["unapplied"] == 0
    with pytest.raises(RefusedError, match="applied already"):
        assign(control, outcome.receipt_id, "INV-000001", now=NOW)


def test_a_receipt_in_another_currency_than_the_invoice_is_refused(control: Control) -> None:
    upsert_accounts(control, [an_account(gateway="", currency_code="EUR")])
    given_invoices(control, a_draft(currency="EUR"))
    (outcome,) = import_statement(control, a_statement(("99.00", "INV-000001")), now=NOW)
    assert outcome.result == "waiting"
    with pytest.raises(RefusedError, match="in USD, INV-000001 in EUR"):
        assign(control, outcome.receipt_id, "INV-000001", now=NOW)


def test_money_that_went_out_is_skipped(control: Control) -> None:
    assert results(control, a_statement(("10.00", "rent"), sign="DBIT")) == [("skipped", "")]
    assert list_receipts(control) == []


def test_a_transfer_waits_for_a_card_payment_that_has_no_end_yet(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    gateway.plan("drop_after", "pay_invoice")
    push(control, now=NOW)
    assert results(control, a_statement(("100.00", "INV-000001"))) == [("waiting", "INV-000001")]
    assert apply_waiting(control, now=NOW) == 0
    work(control, now=NOW)
    assert show_invoice(control, "INV-000001").paid == usd(10_000)
    assert balances(control)["customer_balance"] == -10_000, "the card paid it, so the transfer is the customer's"


def test_an_invoice_that_a_gateway_keeps_is_marked_there_as_paid_outside(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    results(control, a_statement(("100.00", "INV-000001")))
    assert work(control, now=NOW).is_idle
    look = gateway.find_invoice(next(iter(gateway.customers)), "acc-1:2026-01:invoice:")
    assert look is not None
    assert (look.status, look.paid_outside, look.due) == ("paid", usd(10_000), Money(0, "USD"))


def test_what_is_no_statement_changes_nothing(control: Control) -> None:
    with pytest.raises(InputError):
        import_statement(control, b"<Document/>", now=NOW)
    assert list_receipts(control) == []
