"""Takes in bank transfers: each statement entry once, applied to the document it pays, or kept until somebody says which.

Reading statements and finding the document of an entry is control/gateways/bank's; here is what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, insert, select, update

from control.bootstrap import Control
from control.domain.documents import IssuedInvoice, Kind
from control.domain.ledger import Entry, Source, postings_of_application, postings_of_receipt
from control.domain.money import Money
from control.domain.payments import BANK_TRANSFER, Collected
from control.domain.receipts import Receipt, ReceiptOutcome, ReceiptResult
from control.domain.status import PUSHABLE, InvoiceStatus
from control.gateways.bank import EntryStatus, MatchKind, OpenInvoice, StatementEntry, match, read_statements
from control.services import outside, payouts
from control.services.follow import pending_attempt
from control.store import journal, payments, revisions
from control.store.documents import load_documents
from control.store.tables import bank_receipts, invoices
from warehouse.errors import InputError, RefusedError

# The document that an entry pays, of those that are open; None where it cannot be told for sure.
Matcher = Callable[[Receipt, Sequence[IssuedInvoice]], IssuedInvoice | None]


def import_statement(control: Control, data: bytes, *, now: datetime) -> list[ReceiptOutcome]:
    """Take in a bank statement (ISO 20022 camt.053 or camt.054). Importing it again changes nothing.

    An entry that names several documents, and pays exactly what they ask for, is kept as one receipt a document.

    Raises:
        InputError: the file is no statement, or does not add up; nothing of it was taken.
    """
    outcomes = []
    for statement in read_statements(data):
        for entry in statement.entries:
            outcomes += control.store.transact(partial(_import_entry, entry=entry, now=now))
            control.reached("bank.receive")
    payouts.go_on(control, now=now)
    return outcomes


def import_receipts(control: Control, receipts: Sequence[Receipt], match: Matcher, *, now: datetime) -> list[ReceiptOutcome]:
    """Take in the entries of a statement. Importing it again changes nothing; a crash in between loses nothing."""
    outcomes = []
    for receipt in receipts:
        outcomes.append(control.store.transact(partial(_import, receipt=receipt, match=match, now=now)))
        control.reached("bank.receive")
    return outcomes


def apply_waiting(control: Control, *, now: datetime) -> int:
    """Apply receipts that know their document and waited for a card payment of it to end; how many."""
    with control.store.reading() as connection:
        wanted = select(bank_receipts).where(bank_receipts.c.invoice_id != "")
        waiting = [row.receipt_id for row in connection.execute(wanted) if row.applied_minor + row.surplus_minor < row.amount_minor]
    return sum(control.store.transact(partial(_apply_waiting, receipt_id=receipt_id, now=now)) for receipt_id in waiting)


def assign(control: Control, receipt_id: str, invoice_number: str, *, now: datetime) -> ReceiptOutcome:
    """Say by hand which document a receipt pays.

    Raises:
        InputError: no such receipt or document.
        RefusedError: the receipt is applied already, or is in another currency.
    """

    def work(connection: Connection) -> ReceiptOutcome:
        (revision,) = revisions.take(connection, 1)
        row = connection.execute(select(bank_receipts).where(bank_receipts.c.receipt_id == receipt_id)).one_or_none()
        if row is None:
            raise InputError(f"no bank receipt {receipt_id!r}; `meterhouse statement list` shows those that wait")
        if row.applied_minor or row.surplus_minor:
            raise RefusedError(f"receipt {receipt_id} is applied already")
        found = load_documents(connection, invoices.c.invoice_number == invoice_number)
        if not found:
            raise InputError(f"no issued invoice has the number {invoice_number!r}")
        (invoice,) = found
        if row.currency_code != invoice.content.total.currency_code:
            raise RefusedError(f"receipt {receipt_id} is in {row.currency_code}, {invoice_number} in {invoice.content.total.currency_code}")
        mine = update(bank_receipts).where(bank_receipts.c.receipt_id == receipt_id)
        connection.execute(mine.values(invoice_id=invoice.invoice_id, revision=revision))
        _apply_waiting(connection, receipt_id=receipt_id, now=now)
        return _outcome(connection, receipt_id)

    return control.store.transact(work)


def list_receipts(control: Control, *, is_waiting: bool = False) -> list[ReceiptOutcome]:
    """All receipts by date, or those that wait for a document."""
    with control.store.reading() as connection:
        rows = connection.execute(select(bank_receipts).order_by(bank_receipts.c.booked_date, bank_receipts.c.receipt_id)).all()
        outcomes = [_outcome(connection, str(row.receipt_id)) for row in rows]
    return [outcome for outcome in outcomes if not is_waiting or outcome.result is ReceiptResult.WAITING]


def _import_entry(connection: Connection, *, entry: StatementEntry, now: datetime) -> list[ReceiptOutcome]:
    revisions.take(connection, 0)
    own = bank_receipts.c.receipt_id == entry.entry_id
    part = bank_receipts.c.receipt_id.startswith(f"{entry.entry_id}#", autoescape=True)
    known = [str(row.receipt_id) for row in connection.execute(select(bank_receipts.c.receipt_id).where(own | part))]
    if known:
        return [replace(_outcome(connection, receipt_id), result=ReceiptResult.KNOWN) for receipt_id in sorted(known)]
    if entry.status is EntryStatus.BOOKED and (said := payouts.take_entry(connection, entry, now=now)) is not None:
        return [replace(_skipped(_receipt(entry, entry.entry_id, entry.amount), said), result=ReceiptResult.PAID_OUT)]
    candidates = _open_invoices(connection, entry.amount.currency_code)
    found = match(entry, [_waits_for_money(invoice) for invoice in candidates])
    if found.kind in (MatchKind.IGNORED, MatchKind.RETURNED):
        return [_skipped(_receipt(entry, entry.entry_id, entry.amount), found.reason)]
    by_id = {invoice.invoice_id: invoice for invoice in candidates}
    named = [by_id[allocation.invoice_id] for allocation in found.allocations] if found.is_certain else []
    if len(named) <= 1:
        receipt = _receipt(entry, entry.entry_id, entry.amount)
        outcome = _import(connection, receipt=receipt, match=lambda _receipt, _open: named[0] if named else None, now=now)
        hints = "; ".join(f"{by_id[one.invoice_id].invoice_number}: {one.reason}" for one in found.proposals)
        return [outcome if named else replace(outcome, message=f"{found.reason}; {hints}" if hints else found.reason or outcome.message)]
    return [
        _import(
            connection,
            receipt=_receipt(entry, f"{entry.entry_id}#{invoice.invoice_number}", allocation.amount),
            match=partial(_this_one, invoice),
            now=now,
        )
        for invoice, allocation in zip(named, found.allocations, strict=True)
    ]


def _this_one(invoice: IssuedInvoice, receipt: Receipt, candidates: Sequence[IssuedInvoice]) -> IssuedInvoice:  # noqa: ARG001 - of a Matcher
    return invoice


def _receipt(entry: StatementEntry, receipt_id: str, amount: Money) -> Receipt:
    booked_date = entry.booked_date or entry.value_date
    if booked_date is None:
        raise InputError(f"entry {entry.entry_id} of {entry.account} has no date; ask the bank for the statement again")
    return Receipt(
        receipt_id=receipt_id,
        bank_account=entry.account,
        booked_date=booked_date,
        amount=amount,
        payer=entry.payer_name,
        payer_account=entry.payer_account,
        remittance=f"{entry.reference} {entry.text}".strip(),
    )


def _waits_for_money(invoice: IssuedInvoice) -> OpenInvoice:
    names = tuple(name for name in (invoice.buyer.legal_name, invoice.buyer.name) if name)
    return OpenInvoice(
        invoice_id=invoice.invoice_id,
        invoice_number=invoice.invoice_number,
        account_id=invoice.content.account_id,
        open=invoice.open,
        payer_names=names,
    )


def _skipped(receipt: Receipt, reason: str) -> ReceiptOutcome:
    return ReceiptOutcome(
        receipt_id=receipt.receipt_id,
        booked_date=receipt.booked_date,
        amount=receipt.amount,
        payer=receipt.payer,
        result=ReceiptResult.SKIPPED,
        message=reason,
    )


def _import(connection: Connection, *, receipt: Receipt, match: Matcher, now: datetime) -> ReceiptOutcome:
    (revision,) = revisions.take(connection, 1)
    if connection.execute(select(bank_receipts.c.receipt_id).where(bank_receipts.c.receipt_id == receipt.receipt_id)).first():
        known = _outcome(connection, receipt.receipt_id)
        return replace(known, result=ReceiptResult.KNOWN)
    if receipt.amount.minor <= 0:
        return _skipped(receipt, "money that went out")
    invoice = match(receipt, _open_invoices(connection, receipt.amount.currency_code))
    row = {
        "receipt_id": receipt.receipt_id,
        "bank_account": receipt.bank_account,
        "booked_date": receipt.booked_date,
        "currency_code": receipt.amount.currency_code,
        "amount_minor": receipt.amount.minor,
        "applied_minor": 0,
        "surplus_minor": 0,
        "payer": receipt.payer,
        "payer_account": receipt.payer_account,
        "remittance": receipt.remittance,
        "invoice_id": invoice.invoice_id if invoice else "",
        "imported_at": now,
        "revision": revision,
    }
    connection.execute(insert(bank_receipts), row)
    nothing = Money(0, receipt.amount.currency_code)
    postings = postings_of_receipt(bank=BANK_TRANSFER, surplus=nothing, unapplied=receipt.amount)
    description = f"bank transfer of {receipt.payer or 'an unnamed payer'}"
    entry = Entry(source=Source.RECEIPT, source_id=receipt.receipt_id, posted_at=now, description=description, postings=postings)
    journal.post(connection, [entry])
    _apply_waiting(connection, receipt_id=receipt.receipt_id, now=now)
    return _outcome(connection, receipt.receipt_id)


def _apply_waiting(connection: Connection, *, receipt_id: str, now: datetime) -> bool:
    """Pay its document with a receipt that knows it, unless a card payment of it has no end yet; whether it did."""
    (revision,) = revisions.take(connection, 1)
    row = connection.execute(select(bank_receipts).where(bank_receipts.c.receipt_id == receipt_id)).one()
    if not row.invoice_id or row.applied_minor or row.surplus_minor or pending_attempt(connection, row.invoice_id):
        return False
    (invoice,) = load_documents(connection, invoices.c.invoice_id == row.invoice_id)
    amount = Money(row.amount_minor, row.currency_code)
    applied = Money(min(amount.minor, max(invoice.open.minor, 0)), row.currency_code)
    surplus = amount - applied
    values = {"applied_minor": applied.minor, "surplus_minor": surplus.minor, "revision": revision}
    connection.execute(update(bank_receipts).where(bank_receipts.c.receipt_id == receipt_id).values(**values))
    entry = Entry(
        source=Source.APPLICATION,
        source_id=receipt_id,
        posted_at=now,
        description=invoice.invoice_number,
        postings=postings_of_application(bank=BANK_TRANSFER, applied=applied, surplus=surplus),
        account_id=invoice.content.account_id,
        invoice_id=invoice.invoice_id,
    )
    journal.post(connection, [entry])
    if applied:
        collected = Collected(charged=applied, from_balance=Money(0, row.currency_code))
        payments.record(connection, invoice, gateway=BANK_TRANSFER, collected=collected, gateway_payment_id=receipt_id, now=now)
    if applied == invoice.open:
        outside.begin(connection, invoice.invoice_id, now=now)
    return True


def _open_invoices(connection: Connection, currency_code: str) -> list[IssuedInvoice]:
    payable = [status.value for status in (*PUSHABLE, InvoiceStatus.UNCOLLECTIBLE)]
    asks = invoices.c.kind.in_([Kind.INVOICE.value, Kind.DEBIT_NOTE.value])
    return load_documents(connection, invoices.c.status.in_(payable) & asks & (invoices.c.currency_code == currency_code))


def _outcome(connection: Connection, receipt_id: str) -> ReceiptOutcome:
    row = connection.execute(select(bank_receipts).where(bank_receipts.c.receipt_id == receipt_id)).one()
    amount = Money(row.amount_minor, row.currency_code)
    found = connection.execute(select(invoices).where(invoices.c.invoice_id == row.invoice_id)).one_or_none()
    result, message = ReceiptResult.WAITING, "no open document found" if found is None else "a card payment has no end yet"
    if found is None and row.surplus_minor:
        result, message = ReceiptResult.PAID, "prepaid: the customer's balance"
    if found is not None and (row.applied_minor or row.surplus_minor):
        result = ReceiptResult.PAID if found.status == InvoiceStatus.PAID else ReceiptResult.PARTLY_PAID
        surplus = Money(row.surplus_minor, row.currency_code)
        message = f"{surplus} more than asked for: the customer's balance" if surplus else ""
    return ReceiptOutcome(
        receipt_id=row.receipt_id,
        booked_date=row.booked_date,
        amount=amount,
        payer=row.payer,
        result=result,
        invoice_number="" if found is None else str(found.invoice_number),
        message=message,
    )
