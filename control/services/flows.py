"""Drives flows that cross systems, step by step, until they are done, wait, or are taken back. Which flows there are: registry.py.

A step of the store runs in the transaction that moves the flow on: it happens exactly once. A step at a gateway happens at
least once, under the same idempotency key, and the flow moves on when it has a definite answer. Killed anywhere, a flow
stands in its row, and `work` drives it on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain.sagas import UNFINISHED, Saga, SagaStatus
from control.errors import StoreError
from control.ports import GatewayFaultError, GatewayUnavailableError
from control.store import revisions, sagas
from warehouse.errors import MeterhouseError, SettingsError

# A step without a definite answer is tried again after 1, 2, 4 … seconds, at most this much later.
LONGEST_PAUSE_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class Done:
    """The step happened. `data` is added to the flow's."""

    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Waits:
    """The step has no end yet; it is tried again later."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Impossible:
    """A definite no: what the steps before did is taken back."""

    reason: str


Result = Done | Waits | Impossible


@dataclass(frozen=True, kw_only=True)
class StoreStep:
    """A step that only changes the store. `undo` takes it back, where there is something to take back."""

    name: str
    act: Callable[[Connection, Control, Saga, datetime], Result]
    undo: Callable[[Connection, Control, Saga, datetime], None] | None = None


@dataclass(frozen=True, kw_only=True)
class GatewayStep:
    """A step outside of the store. Both functions may be repeated: their keys come from the flow."""

    name: str
    act: Callable[[Control, Saga, datetime], Result]
    undo: Callable[[Control, Saga, datetime], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A kind of flow: its steps in order."""

    kind: str
    steps: Sequence[StoreStep | GatewayStep]
    is_part: bool = False  # begun inside a transaction of something else: it has no moment of its own right after its start

    def place(self, step: str) -> int:
        """Where a step stands."""
        return [one.name for one in self.steps].index(step)


def drive(control: Control, flow: Flow, saga_id: str, *, now: datetime) -> Saga:
    """Take a flow as far as it goes now, and return where it stands then."""
    with control.store.reading() as connection:
        saga = sagas.load(connection, saga_id)
    while saga.status in UNFINISHED:
        step = flow.steps[flow.place(saga.step)]
        is_undoing = saga.status is SagaStatus.UNDOING
        moved = _undo(control, flow, step, saga, now) if is_undoing else _act(control, flow, step, saga, now)
        if moved is None:
            # Somebody else drives it too: they found out what we found out, under the same keys.
            with control.store.reading() as connection:
                return sagas.load(connection, saga_id)
        if not is_undoing:
            control.reached(f"{flow.kind}.{step.name}")
        elif step.undo is not None:
            control.reached(f"{flow.kind}.{step.name}.undo")
        is_waiting = moved.status is saga.status and moved.step == saga.step
        saga = moved
        if is_waiting:
            return saga
    return saga


def _act(control: Control, flow: Flow, step: StoreStep | GatewayStep, saga: Saga, now: datetime) -> Saga | None:
    if isinstance(step, StoreStep):
        own = step

        def work(connection: Connection) -> Saga | None:
            if not _is_ours(connection, saga):
                return None
            result = own.act(connection, control, saga, now)
            return _record(connection, flow, saga, result, now)

        try:
            return control.store.transact(work)
        except StoreError:
            raise
        except MeterhouseError as error:
            reason = str(error)  # refused: nothing of the step was written
            return control.store.transact(lambda connection: _record(connection, flow, saga, Impossible(reason=reason), now))
    result = _answer(lambda: step.act(control, saga, now))
    return control.store.transact(lambda connection: _record(connection, flow, saga, result, now))


def _undo(control: Control, flow: Flow, step: StoreStep | GatewayStep, saga: Saga, now: datetime) -> Saga | None:
    if isinstance(step, StoreStep):
        own = step

        def work(connection: Connection) -> Saga | None:
            if not _is_ours(connection, saga):
                return None
            if own.undo is not None:
                own.undo(connection, control, saga, now)
            return _back(connection, flow, saga, now)

        return control.store.transact(work)
    undo = step.undo
    if undo is not None:
        result = _answer(lambda: undo(control, saga, now) or Done())
        if isinstance(result, Waits):
            return control.store.transact(lambda connection: _wait(connection, saga, result.reason, now))
        # A gateway that refuses to take something back holds nothing of it any more, or a person must act: the reason stays.
    return control.store.transact(lambda connection: _back(connection, flow, saga, now))


def _is_ours(connection: Connection, saga: Saga) -> bool:
    """Whether nobody moved the flow since it was read. Waits for all who write, so that it stays so until the commit."""
    revisions.take(connection, 0)
    return sagas.load(connection, saga.saga_id).version == saga.version


def _answer(call: Callable[[], Result]) -> Result:
    """What a call outside of the store means for the flow."""
    try:
        return call()
    except (GatewayUnavailableError, GatewayFaultError, SettingsError) as error:
        return Waits(reason=str(error))  # a missing key is mended in the settings, and no reason to take anything back
    except StoreError:
        raise
    except MeterhouseError as error:
        return Impossible(reason=str(error))


def _record(connection: Connection, flow: Flow, saga: Saga, result: Result, now: datetime) -> Saga | None:
    match result:
        case Waits(reason=reason):
            return _wait(connection, saga, reason, now)
        case Impossible(reason=reason):
            before = flow.place(saga.step) - 1
            values = (
                {"status": SagaStatus.UNDOING, "step": flow.steps[before].name}
                if before >= 0
                else {"status": SagaStatus.UNDONE, "step": ""}
            )
            return sagas.change(connection, saga, now=now, **values, message=reason, tries=0, due_at=now)
        case Done(data=data):
            after = flow.place(saga.step) + 1
            values = {"step": flow.steps[after].name} if after < len(flow.steps) else {"status": SagaStatus.DONE, "step": ""}
            known = {name: value for name, value in {**saga.data, **data}.items() if value}
            return sagas.change(connection, saga, now=now, **values, data=known, message="", tries=0, due_at=now)


def _wait(connection: Connection, saga: Saga, reason: str, now: datetime) -> Saga | None:
    pause = min(2**saga.tries, LONGEST_PAUSE_SECONDS)
    return sagas.change(connection, saga, now=now, message=reason, tries=saga.tries + 1, due_at=now + timedelta(seconds=pause))


def _back(connection: Connection, flow: Flow, saga: Saga, now: datetime) -> Saga | None:
    """One step further back; the reason for it stays the flow's message."""
    before = flow.place(saga.step) - 1
    if before < 0:
        return sagas.change(connection, saga, now=now, status=SagaStatus.UNDONE, step="")
    return sagas.change(connection, saga, now=now, step=flow.steps[before].name, tries=0, due_at=now)
