"""Subscriptions and their deliveries as rows. A delivery is written in the transaction of the event that it delivers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, true, update

from control.domain.webhook_subscriptions import Subscription
from control.store.tables import outbox, webhook_deliveries, webhook_subscriptions

PENDING, DELIVERED, GIVEN_UP = "pending", "delivered", "given_up"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An event on its way to a receiver. `delivered_at` is None until it was taken."""

    subscription_id: str
    event_id: str
    event_type: str
    subject: str
    status: str
    tries: int
    message: str
    created_at: datetime
    due_at: datetime
    delivered_at: datetime | None
    body: str


def add(connection: Connection, subscription: Subscription) -> None:
    """Keep a new receiver."""
    connection.execute(insert(webhook_subscriptions).values(_values(subscription)))


def change(connection: Connection, subscription: Subscription) -> None:
    """Keep what changed of a receiver."""
    mine = update(webhook_subscriptions).where(webhook_subscriptions.c.subscription_id == subscription.subscription_id)
    connection.execute(mine.values(_values(subscription)))


def remove(connection: Connection, subscription_id: str) -> None:
    """Forget a receiver and all that it was sent."""
    connection.execute(delete(webhook_deliveries).where(webhook_deliveries.c.subscription_id == subscription_id))
    connection.execute(delete(webhook_subscriptions).where(webhook_subscriptions.c.subscription_id == subscription_id))


def find(connection: Connection, condition: ColumnElement[bool]) -> list[Subscription]:
    """The receivers that meet the condition, oldest first."""
    found = select(webhook_subscriptions).where(condition)
    rows = connection.execute(found.order_by(webhook_subscriptions.c.created_at, webhook_subscriptions.c.subscription_id))
    return [_subscription(row) for row in rows]


def fan_out(connection: Connection, events: Sequence[Mapping[str, Any]], accounts: Sequence[str], *, now: datetime) -> None:
    """Write a delivery for each receiver that wants one of the outbox's new events, each about the account at its place."""
    receivers = find(connection, true())
    deliveries = [
        {
            "subscription_id": receiver.subscription_id,
            "event_id": event["event_id"],
            "status": PENDING,
            "tries": 0,
            "message": "",
            "created_at": now,
            "due_at": now,
            "delivered_at": None,
        }
        for event, account_id in zip(events, accounts, strict=True)
        for receiver in receivers
        if receiver.wants(event["event_type"], account_id)
    ]
    if deliveries:
        connection.execute(insert(webhook_deliveries), deliveries)


def deliveries(connection: Connection, condition: ColumnElement[bool], *, order: Sequence[Any], limit: int) -> list[Delivery]:
    """Deliveries that meet the condition."""
    both = select(webhook_deliveries, outbox.c.event_type, outbox.c.subject, outbox.c.body).join(
        outbox, outbox.c.event_id == webhook_deliveries.c.event_id
    )
    return [_delivery(row) for row in connection.execute(both.where(condition).order_by(*order).limit(limit))]


def record(connection: Connection, delivery: Delivery, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Write down how a try went; a delivery that somebody else brought forward meanwhile stays as it is."""
    mine = (
        webhook_deliveries.c.subscription_id == delivery.subscription_id,
        webhook_deliveries.c.event_id == delivery.event_id,
        webhook_deliveries.c.status == delivery.status,
        webhook_deliveries.c.tries == delivery.tries,
    )
    connection.execute(update(webhook_deliveries).where(*mine).values(values))


def _values(subscription: Subscription) -> dict[str, Any]:
    return {
        "subscription_id": subscription.subscription_id,
        "account_id": subscription.account_id,
        "url": subscription.url,
        "event_types": " ".join(subscription.event_types),
        "is_active": subscription.is_active,
        "secret_version": subscription.secret_version,
        "created_at": subscription.created_at,
    }


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(
        subscription_id=row.subscription_id,
        account_id=row.account_id,
        url=row.url,
        event_types=tuple(row.event_types.split()),
        is_active=row.is_active,
        secret_version=row.secret_version,
        created_at=row.created_at,
    )


def _delivery(row: Row[Any]) -> Delivery:
    names = ("subscription_id", "event_id", "event_type", "subject", "status", "tries", "message", "created_at", "due_at", "delivered_at")
    return Delivery(**{name: getattr(row, name) for name in names}, body=row.body)
