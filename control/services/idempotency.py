"""One request to change something, from its claim of an idempotency key to its answer.

A request that comes again with its key gets the answer of the first time. Where the first one changed nothing, the key is
free again; where it changed something and nobody knows how it ended, it is not repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection

from control.bootstrap import Control
from control.store import audit, idempotency
from control.store.audit import AuditedStore, Entry
from warehouse.errors import RefusedError

KEPT = timedelta(days=7)
# Longer than any request takes, waits for gateways included: what is still in flight then died with its process.
ABANDONED = timedelta(minutes=10)
_SERVER_ERROR = 500


class KeyReusedError(RefusedError):
    """The key stands for another request."""


class InFlightError(RefusedError):
    """The first request with the key has no answer yet."""


class OutcomeUnknownError(RefusedError):
    """The first request with the key changed something, and its answer was lost."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The answer that a request had the first time."""

    status: int
    body: str


@dataclass(kw_only=True)
class Write:
    """A request that may change something. The handler names the account where the path does not."""

    entry: Entry
    control: Control  # whose store writes the audit log
    store: AuditedStore
    account_id: str


def begin(control: Control, entry: Entry, *, fingerprint: str) -> Write | Replay:
    """Claim the entry's idempotency key, where it has one.

    Raises:
        KeyReusedError, InFlightError, OutcomeUnknownError: it must not go on.
    """
    if entry.idempotency_key:
        replay = control.store.transact(lambda connection: _claim(connection, entry, fingerprint))
        if replay is not None:
            return replay
    write = Write(entry=entry, control=control, store=AuditedStore(control.store, lambda: entry), account_id=entry.account_id)
    write.store = AuditedStore(control.store, lambda: replace(entry, account_id=write.account_id))
    write.control = replace(control, store=write.store)
    return write


def end(control: Control, write: Write, *, status: int, body: str, problem: str) -> None:
    """Write down how a request was answered. `body` is kept as the answer of the key; secrets must not be in it."""

    def work(connection: Connection) -> None:
        entry = replace(write.entry, account_id=write.account_id)
        if not write.store.has_committed:
            audit.add(connection, entry, audit.FAILED if status >= _SERVER_ERROR else audit.REFUSED if problem else audit.COMMITTED)
        audit.answered(connection, entry.request_id, account_id=write.account_id, status=status, problem=problem)
        if entry.idempotency_key:
            _end_key(connection, entry, status=status, body=body, keeps=write.store.has_committed or not problem)

    control.store.transact(work)


def _claim(connection: Connection, entry: Entry, fingerprint: str) -> Replay | None:
    idempotency.forget(connection, before=entry.asked_at - KEPT)
    known = idempotency.find(connection, entry.key_id, entry.idempotency_key)
    if known is None:
        idempotency.add(
            connection,
            entry.key_id,
            entry.idempotency_key,
            fingerprint=fingerprint,
            request_id=entry.request_id,
            now=entry.asked_at,
        )
        return None
    if known.fingerprint != fingerprint:
        raise KeyReusedError("this Idempotency-Key was used for another request; use a new key for a new request")
    if known.state == idempotency.ANSWERED:
        return Replay(status=known.status, body=known.body)
    if known.state == idempotency.IN_FLIGHT and entry.asked_at - known.claimed_at < ABANDONED:
        raise InFlightError("the first request with this Idempotency-Key has no answer yet; send it again in a while")
    if known.state == idempotency.UNKNOWN or audit.has_committed(connection, known.request_id):
        raise OutcomeUnknownError(
            f"the first request with this Idempotency-Key ({known.request_id}) changed something before it failed; look at what it"
            " changed, and repeat it with a new key only where something is missing"
        )
    idempotency.end(connection, entry.key_id, entry.idempotency_key, request_id=entry.request_id, claimed_at=entry.asked_at)
    return None


def _end_key(connection: Connection, entry: Entry, *, status: int, body: str, keeps: bool) -> None:
    if not keeps:
        idempotency.release(connection, entry.key_id, entry.idempotency_key)
    elif status >= _SERVER_ERROR:
        idempotency.end(connection, entry.key_id, entry.idempotency_key, state=idempotency.UNKNOWN)
    else:
        idempotency.end(connection, entry.key_id, entry.idempotency_key, state=idempotency.ANSWERED, status=status, body=body)
