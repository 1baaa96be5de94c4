"""The store itself: schema, migrations forward and back, and what the database refuses."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, UniqueConstraint, inspect, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable

from control.bootstrap import Control, open_control
from control.domain.members import Contact, ContactPurpose, Role
from control.errors import StoreError
from control.services.ledger import read_trial_balance
from control.services.lifecycle import account_history
from control.services.members import create_project, list_contacts, list_members, remove_member, set_contact, set_member
from control.services.payment_methods import list_methods
from control.services.push import push
from control.services.refund import refund_invoice
from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from control.store import migrate, revisions
from control.store.engine import Store, open_engine, sqlite_url
from control.store.tables import accounts, counters, deployment, metadata
from control.store.tables import invoices as invoices_table
from tests.control_bench.builders import NOW, a_credit_note, a_draft, an_account, given_account_with_card, given_credit, given_invoices, usd
from tests.control_bench.stores import control_settings, settings_of
from warehouse.errors import SettingsError


def test_the_migrated_schema_is_the_one_the_code_reads(control: Control) -> None:
    with control.store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrations_go_back_and_forward_again(own_control: Control) -> None:
    assert migrate.downgrade(own_control.store, "base")
    with own_control.store.reading() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    assert migrate.upgrade(own_control.store)
    assert not migrate.upgrade(own_control.store)


def test_the_newest_script_is_the_version_that_opening_looks_for(control: Control) -> None:
    with control.store.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == migrate.HEAD
    assert sorted(path.name[:4] for path in Path(migrate.__file__).parent.glob("migrations/versions/0*.py"))[-1] == migrate.HEAD


def test_a_store_of_a_newer_version_is_refused(own_control: Control, own_store_url: str, tmp_path: Path) -> None:
    own_control.store.transact(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with (
        pytest.raises(StoreError, match="newer version"),
        open_control(settings_of(own_store_url, tmp_path), control_settings()),
    ):
        pass


def test_two_that_open_a_new_store_at_once_migrate_it_once(tmp_path: Path) -> None:
    ids: set[str] = set()
    errors: list[Exception] = []

    def work() -> None:
        try:
            with (
                open_control(settings_of(sqlite_url(tmp_path / "new.db"), tmp_path), control_settings()) as control,
                control.store.reading() as seen,
            ):
                ids.add(seen.execute(select(deployment.c.deployment_id)).scalar_one())
        except Exception as error:  # noqa: BLE001 - a thread's error must fail the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(ids) == 1


def test_a_new_store_that_another_writes_to_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        ending = threading.Timer(0.2, other.execute, ["COMMIT"])
        ending.start()
        store = Store(open_engine(sqlite_url(path)))
        with store.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        store.close()
        ending.join()


def test_a_sqlite_store_is_durable_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "control.db"
    store = Store(open_engine(sqlite_url(path)))
    with store.reading() as connection:
        pragmas: list[object] = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    store.close()
    assert pragmas == ["wal", 2, 1]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:", "unknowndb://host/database"])
def test_an_unusable_url_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="METERHOUSE_CONTROL_URL"):
        open_engine(url)


def test_a_store_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    settings = settings_of("postgresql://somebody:s3cret@127.0.0.1:1/database", tmp_path)
    assert isinstance(settings.control_url, SecretStr)
    with pytest.raises(StoreError, match="does not answer") as caught, open_control(settings, control_settings()):
        pass
    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1:1/database" in str(caught.value)


def test_a_failed_transaction_leaves_nothing(control: Control) -> None:
    def work(connection: Connection) -> None:
        revisions.take(connection, 5)
        raise KeyError("interrupted")

    with pytest.raises(KeyError):
        control.store.transact(work)
    with control.store.reading() as connection:
        assert revisions.current(connection) == 0


def test_concurrent_transactions_lose_no_update(control: Control) -> None:
    def work() -> None:
        for _ in range(10):
            control.store.transact(read_then_write)

    def read_then_write(connection: Connection) -> None:
        value: int = connection.execute(select(counters.c.value)).scalar_one()
        connection.execute(update(counters).values(value=value + 1))

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with control.store.reading() as connection:
        assert revisions.current(connection) == 50


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices SET total_minor = '1'",
        "UPDATE invoices SET buyer_name = 'somebody else'",
        "UPDATE invoices SET content_hash = ''",
        "DELETE FROM invoices",
        "UPDATE invoice_lines SET amount_minor = '1'",
        "DELETE FROM invoice_lines",
        "UPDATE invoice_credit_uses SET amount_minor = '1'",
        "DELETE FROM invoice_credit_uses",
        "UPDATE journal_postings SET amount_minor = '1'",
        "DELETE FROM journal_postings",
        "UPDATE journal_entries SET period = ''",
        "DELETE FROM journal_entries",
    ],
)
def test_the_database_refuses_to_change_an_issued_document(control: Control, statement: str) -> None:
    given_account_and_invoice(control)
    with pytest.raises(DBAPIError, match="frozen"):
        control.store.transact(lambda connection: connection.execute(text(statement)))


def test_status_and_paid_amount_may_move(control: Control) -> None:
    given_account_and_invoice(control)
    changed = update(invoices_table).values(status="paid", paid_minor=9_500, revision=99)
    assert control.store.transact(lambda connection: connection.execute(changed).rowcount) == 1


def test_instants_keep_milliseconds_and_order_as_text(control: Control) -> None:
    given_account_and_invoice(control)
    with control.store.reading() as connection:
        assert connection.execute(select(invoices_table.c.issued_at)).scalar_one() == datetime(2026, 2, 3, 10, tzinfo=UTC)
        assert connection.execute(text("SELECT issued_at FROM invoices")).scalar_one() == "2026-02-03T10:00:00.000Z"


def given_account_and_invoice(control: Control) -> None:
    row = {**vars(an_account()), "revision": 1}
    control.store.transact(lambda connection: connection.execute(accounts.insert(), row))
    given_credit(control)
    given_invoices(control, a_draft(uses=[("credit-1", 500)]))


def test_a_file_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        open_engine(sqlite_url(tmp_path / "file" / "control.db"))


def test_the_journal_and_the_states_survive_the_way_back_and_forward_with_data(own_control: Control) -> None:
    """Back to the first schema with documents, a payment and an account in the tables, and forward again."""
    given_account_with_card(own_control)
    given_credit(own_control)
    given_invoices(own_control, a_draft(amounts=(10_000, 2_500), uses=[("credit-1", 500)], percent="19"), a_credit_note())
    push(own_control, now=NOW)
    before = {(line.ledger_account, line.balance.minor) for line in read_trial_balance(own_control) if line.ledger_account != "revenue"}
    revenue = sum(line.balance.minor for line in read_trial_balance(own_control) if line.ledger_account == "revenue")

    assert migrate.downgrade(own_control.store, "0001")
    with own_control.store.reading() as connection:
        old = connection.execute(text("SELECT ledger_account, amount_minor FROM ledger_postings")).all()
        assert sum(int(row.amount_minor) for row in old) == 0
        assert {"gateway_cash", "revenue", "receivable"} <= {row.ledger_account for row in old}
    with pytest.raises(DBAPIError, match="frozen"):
        own_control.store.transact(lambda connection: connection.execute(text("UPDATE invoices SET total_minor = '1'")))

    assert migrate.upgrade(own_control.store)
    after = read_trial_balance(own_control)
    assert {(line.ledger_account, line.balance.minor) for line in after if line.ledger_account != "revenue"} == before
    assert [(line.detail, line.balance.minor) for line in after if line.ledger_account == "revenue"] == [("other", revenue)]
    assert [line.detail for line in after if line.ledger_account == "cash"] == ["fake"]
    assert [change.actor for change in account_history(own_control, "acc-1")] == ["migration 0003"]
    assert [method.is_default for method in list_methods(own_control, "acc-1")] == [True]
    assert (verify_ledger(own_control), verify_hashes(own_control), verify_numbers(own_control)) == ([], [], [])
    with own_control.store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    with pytest.raises(DBAPIError, match="frozen"):
        own_control.store.transact(lambda connection: connection.execute(text("UPDATE invoices SET total_minor = '1'")))


def test_people_keep_their_places_on_the_way_back_and_forward_but_for_those_who_left(own_control: Control) -> None:
    given_account_with_card(own_control)
    for email, role in (("ada@example.com", Role.OWNER), ("bob@example.com", Role.VIEWER)):
        set_member(own_control, "acc-1", email, role, actor="ada", now=NOW)
    remove_member(own_control, "acc-1", "bob@example.com")
    set_contact(own_control, "acc-1", Contact(email="bills@example.com", name="", purpose=ContactPurpose.BILLING))
    create_project(own_control, "acc-1", "prj-1", name="", now=NOW)
    assert migrate.downgrade(own_control.store, "0003")
    with own_control.store.reading() as connection:
        assert connection.execute(text("SELECT email FROM members")).scalars().all() == ["ada@example.com"]
        before = revisions.current(connection)
    assert migrate.upgrade(own_control.store)
    assert [member.role for member in list_members(own_control, "acc-1")] == [Role.OWNER]
    assert [contact.email for contact in list_contacts(own_control, "acc-1")] == ["bills@example.com"]
    with own_control.store.reading() as connection:
        tables = ("members", "account_contacts", "projects")
        taken = [connection.execute(text(f"SELECT revision FROM {table}")).scalar_one() for table in tables]
        assert sorted(taken) == [before + 1, before + 2, before + 3]
        assert revisions.current(connection) == before + 3
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_way_back_that_would_lose_documents_is_refused_and_changes_nothing(own_control: Control) -> None:
    given_account_with_card(own_control)
    given_invoices(own_control, a_draft())
    push(own_control, now=NOW)
    for _ in range(2):
        refund_invoice(own_control, "INV-000001", amount=usd(100), reason="x", actor="ada", now=NOW)
    with pytest.raises(StoreError, match="two refund notes"):
        migrate.downgrade(own_control.store, "0001")
    assert verify_ledger(own_control) == []
    assert not migrate.upgrade(own_control.store)


PORTABLE_TYPES = {"TEXT", "INTEGER", "BIGINT", "DATE", "BOOLEAN"}


def test_the_schema_asks_a_database_for_plain_types_and_for_no_key_of_its_own() -> None:
    """What the seam to other databases rests on. CockroachDB speaks PostgreSQL's DDL, which compiles; YDB needs the rest."""
    for table in metadata.sorted_tables:
        for dialect in (postgresql.dialect(), sqlite.dialect()):
            assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))
            assert all(str(CreateIndex(index).compile(dialect=dialect)).startswith("CREATE") for index in table.indexes)
        assert {column.type.compile(DefaultDialect()) for column in table.c} <= PORTABLE_TYPES, table.name
        assert table.primary_key.columns, table.name
        assert all(column.server_default is None and column.identity is None for column in table.c)


def test_every_rule_that_another_database_would_have_to_replace_is_named_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "store.md").read_text()
    for table in metadata.sorted_tables:
        rules = [index.name for index in table.indexes if index.unique]
        rules += [constraint.name for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
        for rule in rules:
            assert f"`{rule}`" in page, rule
