"""Flows as rows. Who changes one names the version it saw, so of two that drive the same flow one finds itself too late."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from control.domain.sagas import SAGA_TRANSITIONS, UNFINISHED, Saga, SagaStatus
from control.domain.status import StatusError
from control.store.tables import sagas


def start(connection: Connection, kind: str, subject: str, *, step: str, data: Mapping[str, str], now: datetime) -> Saga:
    """Write a flow down before anything of it happens. One of this kind and subject that is unfinished already is that flow."""
    found = unfinished(connection, kind, subject)
    if found is not None:
        return found
    saga = Saga(
        saga_id=uuid.uuid4().hex,
        kind=kind,
        subject=subject,
        status=SagaStatus.RUNNING,
        step=step,
        data=dict(data),
        tries=0,
        due_at=now,
        message="",
        version=1,
    )
    connection.execute(insert(sagas), _row(saga) | {"saga_id": saga.saga_id, "started_at": now, "updated_at": now})
    return saga


def load(connection: Connection, saga_id: str) -> Saga:
    """One flow."""
    return _saga(connection.execute(select(sagas).where(sagas.c.saga_id == saga_id)).one())


def unfinished(connection: Connection, kind: str, subject: str) -> Saga | None:
    """The flow of a kind that is under way for a subject."""
    mine = select(sagas).where(sagas.c.kind == kind, sagas.c.subject == subject, sagas.c.status.in_([one.value for one in UNFINISHED]))
    row = connection.execute(mine).one_or_none()
    return None if row is None else _saga(row)


def due(connection: Connection, *, now: datetime) -> list[str]:
    """The flows whose next try has come, in the order they wait."""
    wanted = select(sagas.c.saga_id).where(sagas.c.status.in_([one.value for one in UNFINISHED]), sagas.c.due_at <= now)
    return list(connection.execute(wanted.order_by(sagas.c.due_at, sagas.c.saga_id)).scalars())


def change(connection: Connection, saga: Saga, *, now: datetime, **values: Any) -> Saga | None:  # noqa: ANN401 - fields of the flow
    """The flow with other values and the next version; None where somebody else changed it since it was read.

    Raises:
        StatusError: a change of status that does not exist: a defect of the caller.
    """
    after = replace(saga, version=saga.version + 1, **values)
    if after.status not in SAGA_TRANSITIONS[saga.status]:
        raise StatusError(f"a flow does not go from {saga.status} to {after.status}")
    mine = update(sagas).where(sagas.c.saga_id == saga.saga_id, sagas.c.version == saga.version)
    return after if connection.execute(mine.values(**_row(after), updated_at=now)).rowcount == 1 else None


def _row(saga: Saga) -> dict[str, Any]:
    return {
        "kind": saga.kind,
        "subject": saga.subject,
        "status": saga.status.value,
        "step": saga.step,
        "data": json.dumps(saga.data, sort_keys=True, ensure_ascii=False),
        "tries": saga.tries,
        "due_at": saga.due_at,
        "message": saga.message,
        "version": saga.version,
    }


def _saga(row: Row[Any]) -> Saga:
    return Saga(
        saga_id=row.saga_id,
        kind=row.kind,
        subject=row.subject,
        status=SagaStatus(row.status),
        step=row.step,
        data=json.loads(row.data),
        tries=row.tries,
        due_at=row.due_at,
        message=row.message,
        version=row.version,
    )
