"""The demo's chapter on debt: a customer who paid a part only, from the first reminder through suspension to recovery.

Its clock runs ahead of the story's by some weeks. Repeating it takes no step twice, and finds nobody who owes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from clickhouse_connect.driver.client import Client

from control.bootstrap import Control
from control.domain.debt import start_of
from control.domain.documents import IssuedInvoice
from control.domain.dunning import ENTER, Policy
from control.domain.ledger import Balance
from control.domain.status import PUSHABLE
from control.gateways.bank import creditor_reference
from control.services.bank import import_statement
from control.services.dunning import dun
from control.services.dunning_policy import STANDARD, read_policy
from control.services.ledger import read_trial_balance
from control.services.lifecycle import show_account
from control.services.mail import send_mails
from control.services.publish import publish
from control.services.show import list_invoices
from control.services.work import work
from orchestration.deployment import Deployment

# When people of the cloud look, on their day.
LOOK_HOUR = 6
# Days after the last step until the customer pays.
PAYS_AFTER_DAYS = 3

Say = Callable[[str], None]


def dun_debtors(deployment: Deployment, client: Client, folder: Path, period: str, say: Say) -> list[Balance]:
    """Tell what happens to who has not paid a month in full, and return the trial balance.

    Raises:
        MeterhouseError: a step failed.
    """
    policy = read_policy(STANDARD)
    with deployment.control() as opened:
        # Addresses of the demo are nobody's: its mails become files, whatever server is configured.
        settings = opened.settings.model_copy(update={"smtp_host": "", "mail_folder": str(folder / "mails")})
        control = replace(opened, settings=settings)
        for invoice in list_invoices(control, period):
            if invoice.status in PUSHABLE and invoice.paid.minor > 0:
                _tell(control, policy, invoice, folder, say)
        publish(control, client, deployment.settings)
        return read_trial_balance(control)


def _tell(control: Control, policy: Policy, invoice: IssuedInvoice, folder: Path, say: Say) -> None:
    account_id = invoice.content.account_id
    what = f"{invoice.open} of {invoice.invoice_number}"
    say(f"{what} stay unpaid, due {invoice.due_date}. Weeks pass, and {account_id} is looked at each day:")
    due_at = start_of(invoice.due_date) + timedelta(hours=LOOK_HOUR)
    last = next(state.days for state in policy.states if state.name == "suspended")
    for day in range(1, last + 1):
        _look(control, policy, account_id, now=due_at + timedelta(days=day), day=day, say=say)
    paid_at = due_at + timedelta(days=last + PAYS_AFTER_DAYS)
    _pay(control, invoice, now=paid_at)
    say(f"  day {last + PAYS_AFTER_DAYS}: a bank statement tells of the rest")
    _look(control, policy, account_id, now=paid_at, day=last + PAYS_AFTER_DAYS, say=say)
    state = show_account(control, account_id).standing.state
    say(f"  {account_id} is {state} again; the mails it got are in {folder / 'mails'}.")


def _look(control: Control, policy: Policy, account_id: str, *, now: datetime, day: int, say: Say) -> None:
    taken = [line for line in dun(control, policy, account_id, now=now) if line.step != ENTER]
    sent = send_mails(control, now=now)
    if taken or sent.sent:
        work(control, now=now)
        steps = ", ".join(line.step if line.result == "taken" else line.result for line in taken)
        state = show_account(control, account_id).standing.state
        say(f"  day {day}: {steps} (account {state}, {sent.sent} mails)")


def _pay(control: Control, invoice: IssuedInvoice, *, now: datetime) -> None:
    from control.testing.bank_statement import Transfer, write_statement  # noqa: PLC0415 - plays the bank

    transfer = Transfer(
        amount=invoice.open,
        text=f"rest of invoice {creditor_reference(invoice.invoice_number)}",
        payer_name=invoice.buyer.legal_name or invoice.buyer.name,
    )
    statement = write_statement(
        [transfer],
        statement_id=f"DEMO-REST-{invoice.invoice_number}",
        booked_date=now.date(),
        currency_code=invoice.open.currency_code,
    )
    import_statement(control, statement, now=now)
