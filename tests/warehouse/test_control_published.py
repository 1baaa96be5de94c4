"""People, receipts and pay-outs in the warehouse: as the control store has them, and gone where somebody was removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from control.bootstrap import Control, open_control
from control.domain.members import Contact, ContactPurpose, Role
from control.services.accounts import upsert_accounts
from control.services.bank import assign, import_receipts
from control.services.members import create_project, remove_contact, remove_member, set_contact, set_member
from control.services.publish import publish
from tests.control_bench.builders import NOW, a_draft, a_receipt, an_account, given_invoices
from tests.control_bench.stores import control_settings, fresh_sqlite
from warehouse.settings import Settings


@pytest.fixture
def control(settings: Settings, client: Client, tmp_path: Path) -> Iterator[Control]:
    own = settings.model_copy(update={"control_url": SecretStr(fresh_sqlite(tmp_path))})
    with open_control(own, control_settings()) as control:
        upsert_accounts(control, [an_account(gateway="")])
        yield control


def test_who_is_removed_is_gone_from_the_warehouse_and_may_come_back(control: Control, client: Client, settings: Settings) -> None:
    raw = settings.database("raw")

    def shown(table: str, column: str) -> list[tuple[str, str]]:
        publish(control, client, settings)
        rows = client.query(f"SELECT email, {column} FROM {raw}.{table} FINAL ORDER BY email").result_rows
        return [(str(email), str(value)) for email, value in rows]

    for email, role in (("ada@example.com", Role.OWNER), ("bob@example.com", Role.VIEWER)):
        set_member(control, "acc-1", email, role, actor="ada", now=NOW)
    set_contact(control, "acc-1", Contact(email="Bills@Example.com", name="Bills", purpose=ContactPurpose.BILLING))
    assert shown("control_members", "role") == [("ada@example.com", "owner"), ("bob@example.com", "viewer")]
    assert shown("control_contacts", "purpose") == [("bills@example.com", "billing")]
    remove_member(control, "acc-1", "bob@example.com")
    remove_contact(control, "acc-1", "bills@example.com")
    assert shown("control_members", "role") == [("ada@example.com", "owner")]
    assert shown("control_contacts", "purpose") == []
    set_member(control, "acc-1", "bob@example.com", Role.BILLING_ADMIN, actor="ada", now=NOW)
    assert shown("control_members", "role")[1] == ("bob@example.com", "billing_admin")


def test_projects_and_receipts_are_published_with_what_became_of_them(control: Control, client: Client, settings: Settings) -> None:
    raw = settings.database("raw")
    create_project(control, "acc-1", "prj-1", name="Research", now=NOW)
    given_invoices(control, a_draft(amounts=(6_000,)))
    import_receipts(control, [a_receipt(payer_account="DE02120300000000202051")], lambda _receipt, _open: None, now=NOW)
    publish(control, client, settings)
    columns = "toString(amount), toString(applied_amount), toString(surplus_amount), payer_account, invoice_id"
    statement = f"SELECT {columns} FROM {raw}.control_bank_receipts FINAL"
    assert client.query(f"SELECT project_id, name FROM {raw}.control_projects FINAL").result_rows == [("prj-1", "Research")]
    assert client.query(statement).result_rows == [("100", "0", "0", "DE02120300000000202051", "")]
    assign(control, "r-1", "INV-000001", now=NOW)
    publish(control, client, settings)
    assert client.query(statement).result_rows == [("100", "60", "40", "DE02120300000000202051", "acc-1:2026-01:invoice:")]
    assert set(publish(control, client, settings).values()) == {0}
