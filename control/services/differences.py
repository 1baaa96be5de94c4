"""What a reconciliation found between our books and a gateway's: kept once each, told of, and shown until it is mended."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from control.bootstrap import Control
from control.store import outbox, revisions
from control.store.outbox import Message
from control.store.tables import payment_differences


class DifferenceKind(StrEnum):
    """What a reconciliation may find."""

    MISSING_HERE = "missing_here"  # collected for a document of ours, and we did not know: mended
    MISSING_THERE = "missing_there"  # we say collected, the gateway does not know of it
    AMOUNT_DIFFERS = "amount_differs"
    COLLECTED_TWICE = "collected_twice"  # two payments of one document
    UNKNOWN_PAYMENT = "unknown_payment"  # names a document that we do not have
    REFERENCE_DIFFERS = "reference_differs"  # our attempt under another id of the gateway's: mended where we knew none
    REFUND_DIFFERS = "refund_differs"  # ended there otherwise than here: mended
    UNKNOWN_REFUND = "unknown_refund"  # given back by hand at the gateway


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that the gateway says differently. `is_mended`: our books say it now too."""

    gateway: str
    kind: DifferenceKind
    invoice_id: str
    gateway_payment_id: str
    message: str
    is_mended: bool

    @property
    def difference_id(self) -> str:
        """The same for the same difference, however often it is found."""
        return hashlib.sha256("\0".join((self.gateway, self.kind, self.invoice_id, self.gateway_payment_id)).encode()).hexdigest()[:32]


def open_differences(control: Control) -> list[Difference]:
    """What was reported and is not mended, oldest first."""
    rows = select(payment_differences).where(payment_differences.c.is_mended.is_(False))
    with control.store.reading() as connection:
        return [
            Difference(
                gateway=row.gateway,
                kind=DifferenceKind(row.kind),
                invoice_id=row.invoice_id,
                gateway_payment_id=row.gateway_payment_id,
                message=row.message,
                is_mended=row.is_mended,
            )
            for row in connection.execute(rows.order_by(payment_differences.c.found_at, payment_differences.c.difference_id))
        ]


def keep(connection: Connection, found: Sequence[Difference], *, now: datetime) -> None:
    """Write differences down, and tell of those that are new and not mended."""
    for difference in found:
        (revision,) = revisions.take(connection, 1)
        mine = payment_differences.c.difference_id == difference.difference_id
        values = {"message": difference.message, "is_mended": difference.is_mended, "revision": revision}
        if connection.execute(update(payment_differences).where(mine).values(**values)).rowcount:
            continue
        row = {
            "difference_id": difference.difference_id,
            "gateway": difference.gateway,
            "kind": difference.kind.value,
            "invoice_id": difference.invoice_id,
            "gateway_payment_id": difference.gateway_payment_id,
            "found_at": now,
        }
        connection.execute(insert(payment_differences), row | values)
        if not difference.is_mended:
            data = row | {"message": difference.message, "found_at": now.isoformat()}
            outbox.publish(connection, [Message(event_type="payments.differ", subject=difference.gateway, data=data)], now=now)
