"""Issues a month and pushes documents, each with the warehouse told of it afterwards. The decisions are control's."""

from __future__ import annotations

from datetime import datetime

from clickhouse_connect.driver.client import Client

from control.bootstrap import Control
from control.domain.documents import IssuedInvoice
from control.domain.payments import PushOutcome
from control.services.close import close_period
from control.services.publish import publish
from control.services.push import push
from warehouse.settings import Settings


def issue_month(control: Control, client: Client, settings: Settings, period: str, *, as_of: datetime) -> list[IssuedInvoice]:
    """Close a month at the as-of of a committed tick; see control.services.close."""
    return close_period(control, client, settings, period, as_of=as_of, now=settings.now())


def push_documents(control: Control, client: Client, settings: Settings, period: str | None) -> list[PushOutcome]:
    """Push, then show the outcome in the warehouse, also where the push was cut short."""
    try:
        return push(control, period, now=settings.now())
    finally:
        publish(control, client, settings)
