"""What gateways told us: each event stored once, by its id at its gateway, and handled until it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from control.ports import EventSubject, GatewayEvent
from control.store.tables import gateway_events

PENDING, HANDLED = "pending", "handled"


def add(connection: Connection, events: Sequence[GatewayEvent], *, now: datetime) -> int:
    """Store events that are not stored yet; how many those are."""
    new = 0
    for event in events:
        mine = (gateway_events.c.gateway == event.gateway, gateway_events.c.event_id == event.event_id)
        if connection.execute(select(gateway_events.c.status).where(*mine)).first() is not None:
            continue
        row: dict[str, Any] = asdict(event) | {"subject": event.subject.value, "gateway_customer_id": event.customer_id}
        del row["customer_id"]
        connection.execute(insert(gateway_events), row | {"status": PENDING, "tries": 0, "message": "", "received_at": now, "due_at": now})
        new += 1
    return new


def due(connection: Connection, *, now: datetime) -> list[tuple[GatewayEvent, int]]:
    """Events whose next try has come, in the order they came, and how often each was tried."""
    wanted = select(gateway_events).where(gateway_events.c.status == PENDING, gateway_events.c.due_at <= now)
    rows = connection.execute(wanted.order_by(gateway_events.c.received_at, gateway_events.c.event_id))
    return [(_event(row), row.tries) for row in rows]


def handled(connection: Connection, event: GatewayEvent, *, message: str, now: datetime) -> None:
    """It is done; `message` says what came of it."""
    _change(connection, event, status=HANDLED, message=message, due_at=now)


def put_off(connection: Connection, event: GatewayEvent, *, tries: int, reason: str, due_at: datetime) -> None:
    """It could not be handled now."""
    _change(connection, event, tries=tries, message=reason, due_at=due_at)


def _change(connection: Connection, event: GatewayEvent, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    mine = update(gateway_events).where(gateway_events.c.gateway == event.gateway, gateway_events.c.event_id == event.event_id)
    connection.execute(mine.values(**values))


def _event(row: Row[Any]) -> GatewayEvent:
    return GatewayEvent(
        gateway=row.gateway,
        event_id=row.event_id,
        event_type=row.event_type,
        subject=EventSubject(row.subject),
        object_id=row.object_id,
        occurred_at=row.occurred_at,
        customer_id=row.gateway_customer_id,
        invoice_id=row.invoice_id,
        reference=row.reference,
        gateway_payment_id=row.gateway_payment_id,
        body=row.body,
    )
