"""Credit limits and prepayment: restricts who used more than may be, frees who paid, and draws invoices from what was paid in.

What was paid in is the ledger's customer_balance, filled by bank transfers (`prepay`) and credit notes. A gateway that keeps
invoices keeps balances itself; accounts there have credit limits only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from clickhouse_connect.driver.client import Client
from sqlalchemy import Connection, select, update

from control.bootstrap import Control
from control.domain.dunning import Policy
from control.domain.ledger import Entry, Source, postings_of_application
from control.domain.money import Money
from control.domain.payments import BANK_TRANSFER
from control.domain.prepayment import Exposure, Limits, exposure, judge
from control.services import push
from control.services.customers import load_account
from control.services.looks import RESOLUTION
from control.services.mail import write_mail
from control.services.restrictions import impose, letter, lift
from control.store import agreements, debt, journal, mails, revisions
from control.store.agreements import CREDIT_LIMIT, PREPAID, DebtTerms
from control.store.tables import bank_receipts
from warehouse.errors import InputError, RefusedError
from warehouse.settings import Settings

ABOUT_LIMIT, ABOUT_PREPAID = "credit_limit:", "prepaid:"


@dataclass(frozen=True, kw_only=True)
class LimitLine:
    """How an account stands against its limits, and what a look did about it; `step` is empty where nothing."""

    account_id: str
    limit: str  # credit_limit or prepaid
    used: Money
    left: Money
    step: str


def month_to_date(client: Client, settings: Settings) -> dict[str, Money]:
    """The sum of each account's drafts, as the warehouse has them: tax included, credits used."""
    table = f"{settings.database('invoicing')}.invoices"
    sums = "SELECT account_id, currency_code, toString(sum(total_amount))"
    query = f"{sums} FROM {table} WHERE status = 'draft' GROUP BY account_id, currency_code"
    return {account_id: Money.from_decimal(Decimal(total), currency) for account_id, currency, total in client.query(query).result_rows}


def check_limits(control: Control, policy: Policy, drafts: Mapping[str, Money], *, now: datetime) -> list[LimitLine]:
    """Look at all accounts with limits. Repeating it changes nothing.

    Args:
        control: whose accounts they are.
        policy: names the mails.
        drafts: what `month_to_date` answered.
        now: the instant of the look.

    Raises:
        RefusedError: a push goes on, which would draw the same invoices.
    """
    with control.store.reading() as connection:
        terms = agreements.all_terms(connection)
        restricted = agreements.active_restrictions(connection)
    by_limit = {one for one, causes in restricted.items() if {CREDIT_LIMIT, PREPAID} & set(causes)}
    lines = []
    for account_id in sorted(set(terms) | by_limit):
        own = terms.get(account_id, DebtTerms(account_id=account_id))
        if own.prepaid_minimum is not None:
            _draw(control, account_id, now=now)
        lines += _check(control, policy, own, drafts.get(account_id), now=now)
    return lines


def prepay(control: Control, receipt_id: str, account_id: str, *, now: datetime) -> Money:
    """Say that money on our bank account was paid before: it becomes what the account has in its favour. Returns its amount.

    Raises:
        InputError: no such receipt or account.
        RefusedError: the receipt is applied already, knows its document, or is in another currency.
    """

    def work(connection: Connection) -> Money:
        (revision,) = revisions.take(connection, 1)
        account = load_account(connection, account_id)
        row = connection.execute(select(bank_receipts).where(bank_receipts.c.receipt_id == receipt_id)).one_or_none()
        if row is None:
            raise InputError(f"no bank receipt {receipt_id!r}; `meterhouse statement list` shows those that wait")
        if row.invoice_id or row.applied_minor or row.surplus_minor:
            raise RefusedError(f"receipt {receipt_id} is applied already")
        if row.currency_code != account.currency_code:
            raise RefusedError(f"receipt {receipt_id} is in {row.currency_code}, account {account_id} pays in {account.currency_code}")
        amount = Money(row.amount_minor, row.currency_code)
        mine = update(bank_receipts).where(bank_receipts.c.receipt_id == receipt_id)
        connection.execute(mine.values(surplus_minor=amount.minor, revision=revision))
        entry = Entry(
            source=Source.APPLICATION,
            source_id=receipt_id,
            posted_at=now,
            description="paid before",
            postings=postings_of_application(bank=BANK_TRANSFER, applied=Money(0, amount.currency_code), surplus=amount),
            account_id=account_id,
        )
        journal.post(connection, [entry])
        return amount

    return control.store.transact(work)


def _draw(control: Control, account_id: str, *, now: datetime) -> None:
    """Pay open invoices from what was paid in, the oldest first."""
    with control.store.reading() as connection:
        found = debt.load_debts(connection, account_id)[account_id]
        balance = journal.balance_of_customer(connection, account_id, found.currency_code)
    if balance.minor <= 0:
        return
    push.draw(control, {invoice_id for invoice_id, document in found.documents.items() if document.is_claim}, now=now)


def _check(control: Control, policy: Policy, terms: DebtTerms, drafts: Money | None, *, now: datetime) -> list[LimitLine]:
    account_id = terms.account_id

    def look(connection: Connection) -> tuple[Exposure, Limits]:
        found = debt.load_debts(connection, account_id)[account_id]
        position = found.position(before=now + RESOLUTION, today=now.astimezone(UTC).date())
        stands = exposure(position, drafts or Money(0, found.currency_code))
        return stands, judge(stands, credit_limit=terms.credit_limit, prepaid_minimum=terms.prepaid_minimum)

    def work(connection: Connection) -> list[LimitLine]:
        revisions.take(connection, 0)
        stands, limits = look(connection)
        steps = {
            "credit_limit": _set(connection, control, policy, terms, stands=stands, cause=CREDIT_LIMIT, reason=limits.over_credit, now=now),
            "prepaid": _set(connection, control, policy, terms, stands=stands, cause=PREPAID, reason=limits.prepaid_used_up, now=now),
        }
        if limits.prepaid_is_low and _remind(connection, control, policy, terms, stands=stands, now=now):
            steps["prepaid"] = steps["prepaid"] or "mail:prepaid_low"
        if not limits.prepaid_is_low:
            mails.withdraw(connection, account_id, kind=f"{ABOUT_PREPAID}low")
        has = {"credit_limit": terms.credit_limit is not None, "prepaid": terms.prepaid_minimum is not None}
        return [
            LimitLine(account_id=account_id, limit=limit, used=stands.used, left=stands.left, step=step)
            for limit, step in steps.items()
            if has[limit] or step
        ]

    return control.store.transact(work)


def _set(
    connection: Connection, control: Control, policy: Policy, terms: DebtTerms, *, stands: Exposure, cause: str, reason: str, now: datetime
) -> str:
    """Restrict for a cause where there is a reason, free where there is none; what was done."""
    account_id = terms.account_id
    if not reason:
        return "unrestrict" if lift(connection, account_id, cause, reason="within the limit", now=now) else ""
    number = impose(connection, account_id, cause, reason=reason, now=now)
    if not number:
        return ""
    is_credit = cause == CREDIT_LIMIT
    template = policy.limits.limit_template if is_credit else policy.limits.prepaid_empty_template
    if template:
        values = letter(connection, control, account_id, (), stands.used if is_credit else stands.left) | {"limit": str(terms.credit_limit)}
        about = f"{ABOUT_LIMIT if is_credit else ABOUT_PREPAID}{number}"
        write_mail(connection, account_id, template, language=terms.language, about=about, values=values, now=now)
    return "restrict"


def _remind(connection: Connection, control: Control, policy: Policy, terms: DebtTerms, *, stands: Exposure, now: datetime) -> bool:
    """Remind once a month that what was paid before runs low."""
    if not policy.limits.prepaid_low_template:
        return False
    values = letter(connection, control, terms.account_id, (), stands.left) | {"limit": str(terms.prepaid_minimum)}
    mail = write_mail(
        connection,
        terms.account_id,
        policy.limits.prepaid_low_template,
        language=terms.language,
        about=f"{ABOUT_PREPAID}low:{now:%Y-%m}",
        values=values,
        now=now,
    )
    return mail is not None
