"""Brings the store's schema to this version of the code, forward and back. One transaction: half a migration is none."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, select, table, text
from sqlalchemy.sql import column

from control.errors import StoreError
from control.store.engine import Store

HEAD = "0008"  # the newest script; a test holds it against the folder
_FOLDER = Path(__file__).parent / "migrations"
# Any number: who migrates a shared server's store holds this lock until the commit.
_LOCK = 7_230_145


def upgrade(store: Store, revision: str = "head") -> bool:
    """Apply what is missing. Returns whether anything was; cheap when nothing is.

    Raises:
        StoreError: a newer version of the code wrote the store.
    """
    with store.reading() as connection:
        if revision == "head" and _version(connection) == HEAD:
            return False
    return store.migrate(lambda connection: _run(connection, revision, forward=True))


def downgrade(store: Store, revision: str) -> bool:
    """Go back to `revision`, or `base` for an empty schema, losing what the newer schema held."""
    return store.migrate(lambda connection: _run(connection, revision, forward=False))


def _run(connection: Connection, revision: str, *, forward: bool) -> bool:
    # Here and not above: importing Alembic costs as long as a short command runs, and a store is migrated once.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    before = _version(connection)
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise StoreError(f"the control store has schema {before}, which a newer version of Meterhouse wrote; upgrade Meterhouse")
    (command.upgrade if forward else command.downgrade)(config, revision)
    return _version(connection) != before


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar_one_or_none()
