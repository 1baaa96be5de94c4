"""Leases: who may act alone. One holder a name, over processes and machines that share the store.

A holder renews its lease from a thread. The lease passes on when its process is known to be dead (same machine), or when
it ran out by the store's clock and nobody renewed it while the next one watched. Watching uses that one's own monotonic
clock, so a jump of the wall clock alone takes a lease from nobody who is alive.
A lease is a courtesy between honest processes: what must not happen twice is also guarded by the transaction or key
that does it.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select, update

from control.bootstrap import Control
from control.errors import StoreError
from control.processes import ProcessIdentity, is_known_dead, this_process
from control.store.engine import Store
from control.store.tables import leases
from warehouse.errors import RefusedError

# Long enough for a holder to live through a stalled disk or a long transaction of somebody else; that long the others
# wait after a machine is lost. A dead process of the same machine is noticed at once, whatever this is.
TERM_SECONDS = 60.0
# Several chances within a term. Whoever watches a lease that ran out waits two of these before taking it.
RENEW_SECONDS = 10.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class LeaseTerms:
    """How long a lease lasts without renewal, and how often it is renewed. Tests shorten both."""

    term_seconds: float = TERM_SECONDS
    renew_seconds: float = RENEW_SECONDS


class LeaseLostError(RefusedError):
    """Somebody else took the lease, because this process did not renew it in time."""


class Lease:
    """A lease that is held. Long work calls `check()` before each step that cannot be undone."""

    def __init__(self, name: str, token: str) -> None:
        self.name = name
        self.token = token
        self._lost = threading.Event()

    def check(self) -> None:
        """Do nothing while the lease is held.

        Raises:
            LeaseLostError: it is not any more.
        """
        if self._lost.is_set():
            raise LeaseLostError(f"this process stalled and lost its right to act alone ({self.name}); run the command again")

    def lose(self) -> None:
        """Mark it as lost; `check` raises from now on."""
        self._lost.set()


@dataclass(frozen=True)
class _Held:
    """A lease's row, as somebody who waits sees it."""

    token: str
    renewals: int
    holder: str
    process: ProcessIdentity
    acquired_ms: int
    is_expired: bool


@contextmanager
def hold(control: Control, name: str, *, holder: str, wait_seconds: float, terms: LeaseTerms | None = None) -> Iterator[Lease]:
    """Hold the lease `name` for the block. Two blocks never hold it at once, in one process or in several.

    Args:
        control: whose store keeps the lease.
        name: what to be alone in, such as `pipeline`.
        holder: who we are, in words that another caller can use: `meterhouse run`.
        wait_seconds: how long to wait for the present holder.
        terms: default: the constants of this module.

    Raises:
        RefusedError: it stayed taken; the message names the holder and since when.
        LeaseLostError: the block ended well, but the lease had been lost meanwhile.
        StoreError: the store does not answer.
    """
    terms = terms or LeaseTerms()
    lease = Lease(name, uuid.uuid4().hex)
    _acquire(control.store, lease, holder=holder, wait_seconds=wait_seconds, terms=terms)
    ended = threading.Event()
    renewer = threading.Thread(target=_renew, args=(control.store, lease, terms, ended), name=f"lease {name}", daemon=True)
    renewer.start()
    try:
        yield lease
    finally:
        ended.set()
        renewer.join()
        _release(control.store, lease)
    lease.check()


def _acquire(store: Store, lease: Lease, *, holder: str, wait_seconds: float, terms: LeaseTerms) -> None:
    us = this_process()
    deadline = time.monotonic() + wait_seconds
    seen: tuple[str, int] | None = None  # token and renewals: changes whenever the holder shows a sign of life
    seen_since = 0.0
    while True:
        with store.reading() as connection:
            held = _read(connection, lease.name, store.now_ms(connection))
        now = time.monotonic()
        if held is not None and (held.token, held.renewals) != seen:
            seen, seen_since = (held.token, held.renewals), now
        is_stalled = held is not None and held.is_expired and now - seen_since >= 2 * terms.renew_seconds
        if (held is None or is_stalled or is_known_dead(held.process)) and _take(store, lease, held, holder=holder, us=us, terms=terms):
            return
        # A lease that ran out is watched to the end even by a caller who would not wait, or nobody could ever take it.
        if held is not None and now >= deadline + (2 * terms.renew_seconds if held.is_expired else 0):
            raise RefusedError(_explain(lease.name, held))
        time.sleep(POLL_SECONDS)


def _take(store: Store, lease: Lease, held: _Held | None, *, holder: str, us: ProcessIdentity, terms: LeaseTerms) -> bool:
    """Replace exactly the row we saw; False when somebody was faster."""

    def work(connection: Connection) -> bool:
        if held is not None:
            gone = delete(leases).where(leases.c.name == lease.name, leases.c.token == held.token, leases.c.renewals == held.renewals)
            if connection.execute(gone).rowcount != 1:
                return False
        if connection.execute(select(leases.c.token).where(leases.c.name == lease.name)).first() is not None:
            return False
        now_ms = store.now_ms(connection)
        row = {
            "name": lease.name,
            "token": lease.token,
            "holder": holder,
            "host": us.host,
            "pid": us.pid,
            "process_started": us.started,
            "acquired_ms": now_ms,
            "renewals": 0,
            "expires_ms": now_ms + int(terms.term_seconds * 1000),
        }
        connection.execute(insert(leases), row)
        return True

    return store.transact(work)


def _renew(store: Store, lease: Lease, terms: LeaseTerms, ended: threading.Event) -> None:
    """Body of the renewing thread. A store that does not answer is asked again; only a row that is not ours is a loss."""
    while not ended.wait(terms.renew_seconds):
        try:
            renewed = store.transact(lambda connection: _extend(store, connection, lease, terms))
        except StoreError:
            continue  # the term is longer than a hiccup; if it runs out, the next renewal finds out whether it was taken
        if not renewed:
            lease.lose()
            return


def _extend(store: Store, connection: Connection, lease: Lease, terms: LeaseTerms) -> bool:
    mine = update(leases).where(leases.c.name == lease.name, leases.c.token == lease.token)
    expires_ms = store.now_ms(connection) + int(terms.term_seconds * 1000)
    return connection.execute(mine.values(renewals=leases.c.renewals + 1, expires_ms=expires_ms)).rowcount == 1


def _release(store: Store, lease: Lease) -> None:
    mine = delete(leases).where(leases.c.name == lease.name, leases.c.token == lease.token)
    if store.transact(lambda connection: connection.execute(mine).rowcount) != 1:
        lease.lose()


def _read(connection: Connection, name: str, now_ms: int) -> _Held | None:
    row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
    if row is None:
        return None
    return _Held(
        token=row.token,
        renewals=row.renewals,
        holder=row.holder,
        process=ProcessIdentity(host=row.host, pid=row.pid, started=row.process_started),
        acquired_ms=row.acquired_ms,
        is_expired=row.expires_ms < now_ms,
    )


def _explain(name: str, held: _Held) -> str:
    since = datetime.fromtimestamp(held.acquired_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    host = held.process.host.split("/")[0]
    return f"{held.holder} (process {held.process.pid} on {host}) holds the {name} lease since {since}; wait for its end and repeat"
