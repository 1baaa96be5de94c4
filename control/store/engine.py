"""Opening the control store, and the two ways to use it: `transact` to change it, `reading` to look.

SQLite (a file in the home) is the default; any SQLAlchemy URL works. Every change is serializable: SQLite by taking the
write lock first, others by isolation level and retry. Nothing outside this package opens a connection.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from control.errors import StoreError
from warehouse.errors import SettingsError

T = TypeVar("T")

# Longer than any transaction of ours holds SQLite's write lock; a close of a million lines takes seconds.
BUSY_SECONDS = 60
# A transaction that lost against others is repeated this long; each repeat sees what the winner wrote.
RETRY_SECONDS = 30.0
_RETRY_STATES = frozenset({"40001", "40P01"})  # serialization failure, deadlock
# PostgreSQL tells the second of two that insert the same key of the violated constraint; the repeat finds the row of the
# first. A violation that repeats is a defect.
_UNIQUE_VIOLATION = "23505"
_UNIQUE_TRIES = 3
_READS = "meterhouse_reads"
_MIGRATES = "meterhouse_migrates"


class Store:
    """An open control store. Threads may share it; close it at the end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def is_sqlite(self) -> bool:
        """Whether the store is a file of this machine."""
        return self._engine.dialect.name == "sqlite"

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one serializable transaction and commit it; an exception rolls everything back.

        `work` is run again when the database gave preference to another transaction, so it must not act outside of the
        connection it is given.

        Raises:
            StoreError: the store does not answer, or stayed locked.
        """
        return self._transact(self._engine, work)

    def migrate(self, work: Callable[[Connection], T]) -> T:
        """Run `work` as transact does, but for a change of the schema.

        SQLite makes a table anew to change it, while others refer to it: its foreign keys rest meanwhile, and are checked as a
        whole before the commit.

        Raises:
            StoreError: as transact.
        """
        return self._transact(self._engine.execution_options(**{_MIGRATES: True}), work)

    def _transact(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        deadline = time.monotonic() + RETRY_SECONDS
        pause = 0.005
        tries = 0
        while True:
            tries += 1
            try:
                with engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not _is_worth_a_retry(error, tries) or time.monotonic() > deadline:
                    raise _explained(error, self._engine.url) from error
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, no secret
            pause = min(pause * 2, 1.0)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One unchanging view of the store, for as long as the block lasts. It waits for no writer and holds up none.

        Raises:
            StoreError: the store does not answer.
        """
        options: dict[str, Any] = {_READS: True}
        if not self.is_sqlite:
            options["isolation_level"] = "REPEATABLE READ"
        try:
            with self._engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise _explained(error, self._engine.url) from error

    def now_ms(self, connection: Connection) -> int:
        """The store's clock in Unix milliseconds: the server's, or this machine's for a file of this machine."""
        if self._engine.dialect.name == "postgresql":
            value: int = connection.execute(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")).scalar_one()
            return value
        return time.time_ns() // 1_000_000

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def sqlite_url(path: Path) -> str:
    """URL of a store in a file."""
    return str(URL.create("sqlite", database=str(path)))


def open_engine(url_text: str) -> Engine:
    """An engine for the URL; connects to nothing yet but makes the folder and the file (mode 0600) of a SQLite store.

    Raises:
        SettingsError: the URL cannot be used, without repeating it (it may hold a password).
        StoreError: the file of a SQLite store cannot be made.
    """
    try:
        url = make_url(url_text)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "sqlite":
            return _open_sqlite(url)
        return create_engine(url, isolation_level="SERIALIZABLE", pool_pre_ping=True)
    except ArgumentError:
        raise SettingsError("METERHOUSE_CONTROL_URL is not a database URL such as postgresql://user@host/database") from None
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise SettingsError(f"METERHOUSE_CONTROL_URL needs a database driver that is not installed: {error}") from None


def _open_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise SettingsError("METERHOUSE_CONTROL_URL names a store in memory, which would forget issued invoices; name a file")
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise StoreError(f"the control store {path} cannot be written: {error.strerror}") from error
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:  # noqa: ANN401 - sqlite3.Connection through SQLAlchemy's interface
        # The driver must not begin transactions by itself: it would begin them without the write lock.
        connection.isolation_level = None
        _write_ahead(connection)
        for pragma in ("synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock before anything is read, so that what was read stays true until the commit.
        options = connection.get_execution_options()
        if options.get(_MIGRATES, False):
            # Has an effect outside of a transaction only. The connection is not used for anything else afterwards.
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.detach()
        connection.exec_driver_sql("BEGIN" if options.get(_READS, False) else "BEGIN IMMEDIATE")

    @event.listens_for(engine, "commit")
    def check(connection: Connection) -> None:
        if connection.get_execution_options().get(_MIGRATES, False):
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if orphans:
                raise StoreError(f"the migration would leave {len(orphans)} rows without what they refer to, first in {orphans[0][0]}")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let writers write ahead, so that they hold up no reader.

    While another writes to a new file, changing its mode is refused at once and not after the timeout: who comes second asks again.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if "database is locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _is_worth_a_retry(error: DBAPIError, tries: int) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    if state in _RETRY_STATES or (state == _UNIQUE_VIOLATION and tries < _UNIQUE_TRIES):
        return True
    return isinstance(error, OperationalError) and "database is locked" in str(error.orig)


def _explained(error: DBAPIError, url: URL) -> Exception:
    """A sentence for what a user can mend (no connection, lock, full disk); anything else stays as it is: a defect."""
    if not isinstance(error, OperationalError):
        return error
    reason = str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
    return StoreError(f"the control store {url.set(username=None, password=None)} does not answer: {reason}")
