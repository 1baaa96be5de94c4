"""A control store survives its archive: the same rows, and the same behaviour, on either database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from control.bootstrap import Control
from control.domain.payments import PushResult
from control.services.push import push
from control.services.verify import verify_hashes, verify_ledger
from control.store import archive
from control.store.tables import deployment, leases
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.builders import NOW, a_draft, given_account_with_card, given_credit, given_invoices
from tests.control_bench.stores import fresh_sqlite, opened
from warehouse.errors import InputError


@pytest.fixture
def filled(control: Control) -> Control:
    """A store with an account, a credit, a paid and an unpaid invoice."""
    given_account_with_card(control)
    given_credit(control)
    given_invoices(control, a_draft(uses=[("credit-1", 500)], percent="19"))
    assert [outcome.result for outcome in push(control, now=NOW)] == [PushResult.PAID]
    given_invoices(control, a_draft(period="2026-02"))
    return control


def test_an_archive_holds_every_row_and_goes_back_into_the_other_database(filled: Control, gateway: FakeGateway, tmp_path: Path) -> None:
    lines = list(archive.dump(filled.store))
    (tmp_path / "other").mkdir()
    with opened(fresh_sqlite(tmp_path / "other"), tmp_path, gateways=lambda _: gateway) as other:
        assert not archive.is_used(other.store)
        assert archive.load(other.store, lines) == len(lines)

        assert archive.is_used(other.store)
        assert list(archive.dump(other.store)) == lines
        assert verify_hashes(other) == verify_ledger(other) == []
        assert [outcome.result for outcome in push(other, now=NOW)] == [PushResult.PAID], "only what was not paid is charged"
    with filled.store.reading() as connection:
        assert connection.execute(select(deployment)).all() != []
    assert not any(line.startswith(f'["{leases.name}"'.encode()) for line in lines)


@pytest.mark.parametrize("line", [b"{}", b'["nothing", {}]', b'["accounts", {"nothing": 1}]', b'["invoices", {"issued_at": "yesterday"}]'])
def test_what_no_archive_holds_changes_nothing(filled: Control, line: bytes) -> None:
    before = list(archive.dump(filled.store))
    with pytest.raises(InputError, match="nothing was restored"):
        archive.load(filled.store, [*before, line])
    assert list(archive.dump(filled.store)) == before
