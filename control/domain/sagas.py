"""Flows that cross systems: their steps in order, and where one of them stands.

A flow is a row of the store before anything of it happens, and moves from step to step by conditional updates, so whoever
finds it after a crash goes on where it stood. What each step does is services/'s business; SAGAS there names them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SagaStatus(StrEnum):
    """Where a flow stands as a whole."""

    RUNNING = "running"
    UNDOING = "undoing"  # a step met a definite no: what the steps before it did is taken back, last first
    DONE = "done"
    UNDONE = "undone"


SAGA_TRANSITIONS: dict[SagaStatus, frozenset[SagaStatus]] = {
    SagaStatus.RUNNING: frozenset({SagaStatus.RUNNING, SagaStatus.UNDOING, SagaStatus.UNDONE, SagaStatus.DONE}),
    SagaStatus.UNDOING: frozenset({SagaStatus.UNDOING, SagaStatus.UNDONE}),
    SagaStatus.DONE: frozenset(),
    SagaStatus.UNDONE: frozenset(),
}
UNFINISHED = frozenset({SagaStatus.RUNNING, SagaStatus.UNDOING})


@dataclass(frozen=True, kw_only=True)
class Saga:
    """One flow. `data` is what its steps need to know and found out; no secret is in it."""

    saga_id: str
    kind: str
    subject: str  # what it is about; of one subject only one flow of a kind is unfinished
    status: SagaStatus
    step: str  # the step that comes next, or is to be taken back next; empty at the end
    data: dict[str, str]
    tries: int  # of this step
    due_at: datetime  # when a step without a definite answer is tried again
    message: str  # why it waits, or why it was undone
    version: int  # rises with every change: who updates names the one it saw

    def key(self, step: str) -> str:
        """The idempotency key of one of its steps: the same however often the step is repeated."""
        return f"{self.saga_id}-{step}"
