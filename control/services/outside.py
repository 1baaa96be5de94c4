"""Tells a gateway that an invoice it keeps was paid on another way, so that it can be charged to nobody any more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain.sagas import Saga
from control.ports import GatewayInvoiceStatus, InvoicingGateway
from control.services.customers import with_new_key_after_fault
from control.services.flows import Done, Flow, GatewayStep, Impossible, Result, Waits
from control.store import payments, sagas

KIND = "outside"


def begin(connection: Connection, invoice_id: str, *, now: datetime) -> Saga | None:
    """Write the flow down, in the transaction that says the invoice is paid; None where no gateway knows the invoice."""
    last = payments.last_payment(connection, invoice_id)
    if last is None:
        return None
    data = {"gateway": last.gateway, "customer_id": last.customer_id}
    return sagas.start(connection, KIND, invoice_id, step="mark", data=data, now=now)


def _mark(control: Control, saga: Saga, now: datetime) -> Result:  # noqa: ARG001 - of every step
    gateway = control.gateway(saga.data["gateway"])
    if not isinstance(gateway, InvoicingGateway):
        return Done()
    look = gateway.find_invoice(saga.data["customer_id"], saga.subject)
    match look.status if look else None:
        case None | GatewayInvoiceStatus.VOID:
            return Done()
        case GatewayInvoiceStatus.PROCESSING:
            return Waits(reason=f"{gateway.name} still works on a payment of it")
        case GatewayInvoiceStatus.PAID:
            is_ours = look is not None and bool(look.paid_outside)
            return Done() if is_ours else Impossible(reason=f"{gateway.name} collected it too; refund one of both")
    assert look is not None  # noqa: S101 - a look without a status is no look
    if look.status is GatewayInvoiceStatus.DRAFT:
        with_new_key_after_fault(lambda key: gateway.void_invoice(look.gateway_invoice_id, key=key), key=saga.key("void"))
    else:
        with_new_key_after_fault(lambda key: gateway.settle_outside(look.gateway_invoice_id, key=key), key=saga.key("mark"))
    return Done()


FLOW = Flow(kind=KIND, steps=(GatewayStep(name="mark", act=_mark),), is_part=True)
