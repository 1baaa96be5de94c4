"""What must be true when everything has calmed down: each invoice is paid at most once, gateway, ledger and store agree, nothing waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import select

from control.bootstrap import Control
from control.domain.ledger import LedgerAccount, Source
from control.domain.payments import BANK_TRANSFER
from control.domain.sagas import UNFINISHED
from control.ports import GatewayDisputeStatus, GatewayPaymentStatus, GatewayRefund, GatewayRefundStatus
from control.services.differences import open_differences
from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from control.store import outbox as outbox_store
from control.store.journal import load_entries
from control.store.tables import gateway_customers, gateway_events, invoices, outbox, payments, refunds, sagas
from control.testing.crashes.world import CUSTOMERS, World
from control.testing.memory_gateway import ChargingFake, FakeGateway

# Their balance is ours alone: no gateway knows of it.
_OWN_BALANCE = (Source.RETURN, Source.RECEIPT, Source.APPLICATION)


def audit(control: Control, world: World) -> list[str]:
    """Everything that is wrong, each as one sentence."""
    found = [*verify_ledger(control), *verify_numbers(control)]
    found += [f"{invoice.invoice_number} changed after its issue" for invoice in verify_hashes(control)]
    found += [f"reported and not mended: {difference.kind} {difference.message}" for difference in open_differences(control)]
    for check in (_payments_agree, _refunds_agree, _cash_agrees, _balances_agree, _nothing_waits, _all_is_paid, _all_is_told):
        found += check(control, world)
    return found


def _payments_agree(control: Control, world: World) -> Iterator[str]:
    """Of each document the gateways collected one payment at most, and we know of it to the cent."""
    ours: dict[tuple[str, str], int] = defaultdict(int)
    with control.store.reading() as connection:
        for row in connection.execute(select(payments)):
            ours[row.gateway, row.invoice_id] += row.charged_minor
        totals = {str(row.invoice_id): row.total_minor for row in connection.execute(select(invoices))}
    for gateway in (world.billing, world.charging):
        theirs: dict[str, list[int]] = defaultdict(list)
        for payment in gateway.payments.values():
            if payment.status is GatewayPaymentStatus.PAID:
                theirs[payment.invoice_id].append(payment.paid.minor)
        for invoice_id, paid in theirs.items():
            if len(paid) > 1:
                yield f"{invoice_id} was charged {len(paid)} times at {gateway.name}"
            if sum(paid) > totals[invoice_id]:
                yield f"{invoice_id} was charged {sum(paid)} of {totals[invoice_id]}"
        for name, invoice_id in list(ours):
            if name == gateway.name and ours[name, invoice_id] != sum(theirs.get(invoice_id, ())):
                yield f"{invoice_id}: {ours[name, invoice_id]} charged here, {sum(theirs.get(invoice_id, ()))} at {name}"
        for invoice_id in theirs.keys() - {invoice_id for name, invoice_id in ours if name == gateway.name}:
            yield f"{invoice_id} was charged at {gateway.name} without our knowing"


def _refunds_agree(control: Control, world: World) -> Iterator[str]:
    """Each refund of ours is one at its gateway, with a note where it was given, and no payment gave back more than it was."""
    with control.store.reading() as connection:
        ours = {str(row.refund_id): row for row in connection.execute(select(refunds))}
    theirs = {
        refund.refund_id: (gateway.name, refund) for gateway in (world.billing, world.charging) for refund in gateway.refunds.values()
    }
    paid_out = [payout.payout_id for payout in world.bank.executed]
    theirs |= {
        payout.payout_id: (
            BANK_TRANSFER,
            GatewayRefund(
                gateway_refund_id=payout.payout_id,
                refund_id=payout.payout_id,
                gateway_payment_id="",
                status=GatewayRefundStatus.SUCCEEDED,
                amount=payout.amount,
                occurred_at=world.now,
            ),
        )
        for payout in world.bank.executed
    }
    if len(set(paid_out)) < len(paid_out):
        yield "the bank transferred a refund twice"
    for refund_id, row in ours.items():
        if row.status == "succeeded" and (refund_id not in theirs or theirs[refund_id][1].amount.minor != row.amount_minor):
            yield f"refund {refund_id} of {row.amount_minor} is not so at {row.gateway}"
        if (row.status == "succeeded") != bool(row.note_id):
            yield f"refund {refund_id} is {row.status} and has the note {row.note_id!r}"
        if row.status == "failed" and refund_id in theirs and theirs[refund_id][1].status is not GatewayRefundStatus.FAILED:
            yield f"refund {refund_id} failed here and is {theirs[refund_id][1].status} at {row.gateway}"
    for refund_id in theirs.keys() - ours.keys():
        yield f"refund {refund_id} was given without our knowing"


def _cash_agrees(control: Control, world: World) -> Iterator[str]:
    """The ledger's cash at a gateway is what it collected, less what it gave back, kept and lost."""
    cash: dict[str, int] = defaultdict(int)
    with control.store.reading() as connection:
        for entry in load_entries(connection):
            for posting in entry.postings:
                if posting.ledger_account is LedgerAccount.CASH:
                    cash[posting.detail] += posting.amount.minor
    for gateway in (world.billing, world.charging):
        expected = _held(gateway)
        if cash[gateway.name] != expected:
            yield f"the ledger has {cash[gateway.name]} at {gateway.name}, which holds {expected}"

    came = sum(receipt.amount.minor for receipt in world.receipts())
    went = sum(payout.amount.minor for payout in world.bank.executed)
    if cash[BANK_TRANSFER] != came - went:
        yield f"the ledger has {cash[BANK_TRANSFER]} at the bank, which has {came - went}"


def _held(gateway: ChargingFake | FakeGateway) -> int:
    paid = [one for one in gateway.payments.values() if one.status is GatewayPaymentStatus.PAID]
    fees = sum(one.fee.minor for one in paid if one.fee is not None)
    given = sum(one.amount.minor for one in gateway.refunds.values() if one.status is not GatewayRefundStatus.FAILED)
    lost = sum(one.amount.minor for one in gateway.disputes.values() if one.status is GatewayDisputeStatus.LOST)
    return sum(one.paid.minor for one in paid) - given - fees - lost


def _balances_agree(control: Control, world: World) -> Iterator[str]:
    """What customers have in their favour is the same in the ledger and at the gateway that keeps it."""
    ours: dict[str, int] = defaultdict(int)
    with control.store.reading() as connection:
        for entry in load_entries(connection):
            if entry.source not in _OWN_BALANCE:
                for posting in entry.postings:
                    if posting.ledger_account is LedgerAccount.CUSTOMER_BALANCE:
                        ours[entry.account_id] -= posting.amount.minor
        rows = connection.execute(select(gateway_customers).where(gateway_customers.c.gateway == world.billing.name)).all()
    for row in rows:
        theirs = world.billing.balance_of(row.gateway_customer_id)
        if ours[row.account_id] != theirs:
            yield f"account {row.account_id} has {ours[row.account_id]} by the ledger and {theirs} at {row.gateway}"


def _nothing_waits(control: Control, world: World) -> Iterator[str]:  # noqa: ARG001 - as the other checks
    with control.store.reading() as connection:
        for row in connection.execute(select(sagas).where(sagas.c.status.in_([one.value for one in UNFINISHED]))):
            yield f"flow {row.kind} of {row.subject} is stuck at {row.step}: {row.message}"
        for row in connection.execute(select(payments).where(payments.c.status == "pending")):
            yield f"an attempt of {row.invoice_id} is pending: {row.message}"
        for row in connection.execute(select(refunds).where(refunds.c.status == "pending")):
            yield f"refund {row.refund_id} is pending"
        for row in connection.execute(select(gateway_events).where(gateway_events.c.status == "pending")):
            yield f"event {row.event_id} is not handled: {row.message}"


def _all_is_paid(control: Control, world: World) -> Iterator[str]:  # noqa: ARG001 - as the other checks
    """Who has a card that pays, or transferred the money, owes nothing."""
    with control.store.reading() as connection:
        for row in connection.execute(select(invoices)):
            if row.status != "paid":
                yield f"{row.invoice_number} of {row.account_id} is {row.status} with {row.paid_minor} of {row.total_minor}"
        issued = {str(row.account_id) for row in connection.execute(select(invoices.c.account_id))}
    if not issued >= set(CUSTOMERS):
        yield "a document is missing"


def _all_is_told(control: Control, world: World) -> Iterator[str]:
    """Whoever follows our events has got each of them."""
    with control.store.reading() as connection:
        for row in connection.execute(select(outbox)):
            if row.status != outbox_store.DELIVERED or row.event_id not in world.receiver.taken:
                yield f"{row.event_type} of {row.subject} was not delivered: {row.message}"
