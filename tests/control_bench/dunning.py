"""A debtor, a calendar from its due date, and what dunning left behind."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from control.bootstrap import Control
from control.domain.dunning import Policy
from control.services.accounts import upsert_accounts
from control.services.bank import import_receipts
from control.services.dunning import run_dunning
from control.services.dunning_policy import STANDARD, read_policy
from control.services.lifecycle import show_account
from control.store import mails
from control.store.tables import outbox
from tests.control_bench.builders import NOW, a_draft, a_receipt, an_account, given_invoices

DUE = date(2026, 2, 17)  # NOW and the account's 14 days
POLICY = read_policy(STANDARD)


def at(days: int, hour: int = 6) -> datetime:
    """An instant on the nth day after the due date."""
    return datetime(DUE.year, DUE.month, DUE.day, hour, tzinfo=UTC) + timedelta(days=days)


def given_debtor(control: Control, *, amount: int = 10_000, **values: Any) -> None:  # noqa: ANN401 - any field
    """An account that pays by bank, with one unpaid invoice."""
    upsert_accounts(control, [an_account(gateway="", email="ada@acme.example", **values)], now=NOW)
    given_invoices(control, a_draft(amounts=(amount,)))


def look_daily(control: Control, first: int, last: int, policy: Policy = POLICY) -> list[tuple[int, str]]:
    """Look on each day; (day, step) of all that was taken."""
    return [
        (day, line.step)
        for day in range(first, last + 1)
        for line in run_dunning(control, policy, now=at(day))
        if line.result == "taken" and line.step != "enter"
    ]


def pay(control: Control, amount: int, *, day: int, hour: int = 5, receipt_id: str = "r-1") -> None:
    """Money of the first invoice arrives by bank."""
    receipt = a_receipt(receipt_id, amount)
    import_receipts(control, [receipt], lambda _receipt, candidates: candidates[0], now=at(day, hour))


def state(control: Control) -> str:
    return show_account(control, "acc-1").standing.state


def events(control: Control) -> list[str]:
    with control.store.reading() as connection:
        rows = connection.execute(select(outbox).order_by(outbox.c.revision)).all()
    return [row.event_type for row in rows]


def mailed(control: Control) -> list[tuple[str, str]]:
    with control.store.reading() as connection:
        return [(row["template"], row["status"]) for row in mails.list_mails(connection)]


STORY = [
    (3, "mail:reminder"),
    (10, "mail:second_reminder"),
    (21, "restrict"),
    (21, "mail:last_warning"),
    (30, "suspend"),
    (30, "mail:suspended"),
    (90, "hand_over"),
    (90, "mail:handed_over"),
    (180, "write_off"),
]
