"""A process of dunning that dies after transactions and calls of the gateway: repeated, everything happened once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from control.bootstrap import Control
from control.services.accounts import upsert_accounts
from control.services.dunning import run_dunning
from control.services.mail import send_mails
from control.services.payment_methods import save_card
from control.services.push import push
from control.services.verify import verify_ledger
from control.services.work import work
from control.store import debt, mails
from control.store.tables import invoices, outbox, payments
from control.testing.crashes.process import Life, Machine
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, PAYS, FakeGateway
from tests.control_bench.builders import NOW, a_draft, an_account, given_invoices
from tests.control_bench.dunning import POLICY, at, pay
from tests.control_bench.stores import control_settings, fresh_sqlite


def look(day: int) -> Callable[[Control], object]:
    def command(control: Control) -> object:
        return run_dunning(control, POLICY, now=at(day)), send_mails(control, now=at(day)), work(control, now=at(day))

    return command


def begin(control: Control) -> None:
    """A debtor who pays by bank, and one whose card declines."""
    upsert_accounts(control, [an_account(gateway="", email="a@x.example"), an_account("acc-2", email="b@x.example")], now=NOW)
    given_invoices(control, a_draft(), a_draft("acc-2"))
    save_card(control, "acc-2", DECLINES_WHEN_CHARGED, now=NOW)
    push(control, now=NOW)


def money_arrives(control: Control) -> None:
    pay(control, 10_000, day=31)
    save_card(control, "acc-2", PAYS, now=at(31))


def story(folder: Path, *, dies: bool) -> tuple[Counter[str], int]:
    """To suspension and recovery; what is left of it, counted, and how often a process died."""
    folder.mkdir()
    gateway = FakeGateway()
    settings = control_settings(mail_folder=str(folder / "mails"))
    machine = Machine(url=fresh_sqlite(folder), settings=settings, gateways={"fake": gateway})
    deaths = 0
    for command, is_disturbed in (
        (begin, False), *((look(day), dies) for day in (1, 3, 10, 21, 30)), (money_arrives, False), (look(31), dies), (look(32), dies),
    ):  # fmt: skip
        effects = 1 if is_disturbed else 0
        while not machine.process(command, Life(die_after_effect=effects)):
            deaths, effects = deaths + 1, effects + 1
    left: Counter[str] = Counter()
    assert machine.process(lambda control: left.update(summary(control)), Life())
    left["files of mails"] = len(list((folder / "mails").glob("*.eml")))
    left["paid at the gateway"] = sum(payment.paid.minor for payment in gateway.payments.values())
    return left, deaths


def summary(control: Control) -> Counter[str]:
    assert verify_ledger(control) == []
    with control.store.reading() as connection:
        found = Counter(f"{row['account_id']} {row['state']} {row['step']}" for row in debt.steps_taken(connection))
        found.update(f"mail {row['account_id']} {row['template']} {row['status']}" for row in mails.list_mails(connection))
        found.update(f"event {row.event_type} {row.subject}" for row in connection.execute(select(outbox)))
        found.update(f"invoice {row.invoice_number} {row.status}" for row in connection.execute(select(invoices)))
        found.update(f"attempt {row.gateway} {row.status} {row.reason_code}" for row in connection.execute(select(payments)))
    return found


def test_dunning_killed_again_and_again_and_repeated_leaves_what_one_undisturbed_run_leaves(tmp_path: Path) -> None:
    undisturbed, deaths = story(tmp_path / "calm", dies=False)
    assert deaths == 0
    assert undisturbed["event account.suspended acc-1"] == undisturbed["event account.resumed acc-1"] == 1
    assert undisturbed["invoice INV-000002 paid"] == 1
    assert undisturbed["paid at the gateway"] == 10_000
    killed, deaths = story(tmp_path / "killed", dies=True)
    assert deaths > 25
    assert killed == undisturbed
