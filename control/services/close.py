"""Closes a month: its drafts become numbered, immutable documents, all of them or none, exactly once.

Whether the warehouse's drafts are fresh and its checks passed is the caller's business. Charging is push.py's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client
from sqlalchemy import Connection, Row, insert, select, update

from control.bootstrap import Control
from control.domain.accounts import AccountRow
from control.domain.documents import Draft, IssuedInvoice, Kind, problems
from control.domain.money import Money
from control.domain.particulars import NO_TEXTS, CatalogTexts
from control.domain.periods import Period
from control.domain.taxes import AccountTax, TaxRates, tax_of
from control.services.drafts import periods_with_drafts_before, read_drafts
from control.services.issue import issue_documents
from control.services.publish import publish
from control.services.skus import read_names, read_services
from control.services.taxes import read_tax_parts, read_tax_rates
from control.settings import ControlSettings
from control.store import revisions
from control.store.documents import load_documents
from control.store.tables import accounts, closed_periods, closed_taxes, credits_, invoices
from warehouse.errors import RefusedError
from warehouse.settings import Settings

SHOWN_PROBLEMS = 5  # of a refused close; the count says how many there are


@dataclass(frozen=True, kw_only=True)
class _Closing:
    """One close: what it issues, and the instants that are written on it."""

    period: str
    as_of: datetime
    issued_at: datetime
    drafts: Sequence[Draft]
    rates: TaxRates
    services: Mapping[str, str]  # SKU to service
    settings: ControlSettings
    texts: CatalogTexts = NO_TEXTS


def close_period(
    control: Control, client: Client, settings: Settings, period: str, *, as_of: datetime, now: datetime
) -> list[IssuedInvoice]:
    """Issue all drafts of a month, in the order (account_id, kind, adjusted_period), and publish them to the warehouse.

    A month that is closed already stays as it is and is published again as far as the warehouse lacks it. A month without
    drafts closes empty.

    Args:
        control: decides and keeps the documents.
        client: of the pipeline user.
        settings: of the deployment.
        period: `YYYY-MM`.
        as_of: what the drafts were computed to.
        now: becomes issued_at, cut to milliseconds; due_date is its UTC day plus the account's payment terms.

    Returns:
        The period's documents in the order of their numbers.

    Raises:
        InputError: the period is no month.
        RefusedError: the month is not over at `as_of`; an earlier month has drafts and is open; a draft breaks an identity,
            names an unknown account or another currency, or overspends a credit. Nothing was frozen.
    """
    closing = _prepare(control, client, settings, period, as_of=as_of, now=now)
    issued = control.store.transact(lambda connection: _close(connection, closing))
    publish(control, client, settings)
    return issued


def rehearse_close(
    control: Control, client: Client, settings: Settings, period: str, *, as_of: datetime, now: datetime
) -> list[IssuedInvoice]:
    """What close_period would issue, without issuing it: the same transaction, given up at its end. Others wait for it meanwhile.

    Raises:
        InputError, RefusedError: as close_period.
    """
    closing = _prepare(control, client, settings, period, as_of=as_of, now=now)
    issued: list[IssuedInvoice] = []

    def work(connection: Connection) -> None:
        issued[:] = _close(connection, closing)
        raise _RehearsedError

    with suppress(_RehearsedError):
        control.store.transact(work)
    return issued


class _RehearsedError(Exception):
    """Gives up the transaction of a rehearsal. Never leaves this module."""


def open_periods(control: Control, client: Client, settings: Settings, *, before: str) -> list[str]:
    """Months with drafts before a month that are not closed, oldest first: they are closed one after the other."""
    with control.store.reading() as connection:
        closed = _closed_periods(connection)
    return [found for found in periods_with_drafts_before(client, settings, before) if found not in closed]


def last_closed(control: Control) -> str | None:
    """The latest month that is closed; None before the first."""
    with control.store.reading() as connection:
        return max(_closed_periods(connection), default=None)


def _prepare(control: Control, client: Client, settings: Settings, period: str, *, as_of: datetime, now: datetime) -> _Closing:
    """Read what a close issues, and refuse what does not need the store to be refused."""
    month = Period.parse(period)
    if month.end_at > as_of:
        raise RefusedError(f"{month} ends after the as-of {as_of:%Y-%m-%dT%H:%M:%SZ}; close it at an as-of from {month.end_at:%Y-%m-%d} on")
    with control.store.reading() as connection:
        closed = _closed_periods(connection)
    last_hour_at = month.end_at - timedelta(hours=1)
    if period in closed:
        drafts: list[Draft] = []
    else:
        earlier = open_periods(control, client, settings, before=period)
        if earlier:
            raise RefusedError(f"{earlier[0]} has drafts and is not closed; close it before {period}")
        drafts = read_drafts(client, settings, period)
        _check_identities(period, drafts)
    return _Closing(
        period=period,
        as_of=as_of,
        issued_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        drafts=drafts,
        rates=read_tax_rates(client, settings, at=last_hour_at),
        services=read_services(client, settings),
        texts=CatalogTexts(item_names=read_names(client, settings), taxes=read_tax_parts(client, settings, at=last_hour_at)),
        settings=control.settings,
    )


def _check_identities(period: str, drafts: Sequence[Draft]) -> None:
    found = [f"draft {draft.invoice_id} of account {draft.account_id}: {problem}" for draft in drafts for problem in problems(draft)]
    _refuse_if_any(period, found)


def _close(connection: Connection, closing: _Closing) -> list[IssuedInvoice]:
    """The issuing transaction. It begins at the revision counter, where closes wait for each other: the second finds the month closed."""
    (revision,) = revisions.take(connection, 1)
    if closing.period in _closed_periods(connection):
        return load_documents(connection, invoices.c.period == closing.period)
    row = {"period": closing.period, "closed_at": closing.issued_at, "as_of": closing.as_of, "revision": revision}
    connection.execute(insert(closed_periods), row)
    buyers = _accounts(connection)
    _check_accounts(closing, buyers)
    _freeze_taxes(connection, closing, buyers)
    _use_credits(connection, closing)
    return issue_documents(
        connection,
        closing.settings,
        closing.drafts,
        buyers=buyers,
        services=closing.services,
        issued_at=closing.issued_at,
        texts=closing.texts,
    )


def _closed_periods(connection: Connection) -> frozenset[str]:
    return frozenset(connection.execute(select(closed_periods.c.period)).scalars())


def _accounts(connection: Connection) -> dict[str, AccountRow]:
    columns = [column for column in accounts.c if column.name != "revision"]
    return {row["account_id"]: AccountRow(**row) for row in connection.execute(select(*columns)).mappings()}


def _check_accounts(closing: _Closing, buyers: dict[str, AccountRow]) -> None:
    found = []
    for draft in closing.drafts:
        buyer, currency = buyers.get(draft.account_id), draft.total.currency_code
        if buyer is None:
            found.append(f"draft {draft.invoice_id} names account {draft.account_id!r}, which the control store does not know")
        elif buyer.currency_code != currency:
            found.append(f"draft {draft.invoice_id} is in {currency}, its account {draft.account_id} in {buyer.currency_code}")
    _refuse_if_any(closing.period, found)


def _freeze_taxes(connection: Connection, closing: _Closing, buyers: dict[str, AccountRow]) -> None:
    """Write every account's tax of the month, whether it has an invoice or not: a note for the month may come for any."""
    taxes = {account_id: tax_of(buyer, closing.rates) for account_id, buyer in buyers.items()}
    for draft in closing.drafts:
        if draft.kind is Kind.INVOICE:
            taxes[draft.account_id] = AccountTax(percent=draft.tax_percent, note=draft.tax_note)
    rows = [
        {"period": closing.period, "account_id": account_id, "tax_percent": tax.percent, "tax_note": tax.note, "revision": revision}
        for (account_id, tax), revision in zip(taxes.items(), revisions.take(connection, len(taxes)), strict=True)
    ]
    if rows:
        connection.execute(insert(closed_taxes), rows)


def _use_credits(connection: Connection, closing: _Closing) -> None:
    """Take what the drafts use from the credits, refusing to overspend: 0 <= used <= amount holds after every close."""
    wanted: dict[str, list[tuple[Draft, Money]]] = defaultdict(list)
    for draft in closing.drafts:
        for use in draft.credit_uses:
            wanted[use.credit_id].append((draft, use.amount))
    stored = {row.credit_id: row for row in connection.execute(select(credits_))} if wanted else {}
    found = [complaint for credit_id, uses in wanted.items() if (complaint := _misuse(credit_id, stored.get(credit_id), uses))]
    _refuse_if_any(closing.period, found)
    for credit_id, uses in wanted.items():
        before = stored[credit_id].used_minor
        used = before + sum(amount.minor for _, amount in uses)
        # Compare and set: even without a serializable transaction, two spenders could not both succeed.
        mine = update(credits_).where(credits_.c.credit_id == credit_id, credits_.c.used_minor == before)
        if connection.execute(mine.values(used_minor=used)).rowcount != 1:
            raise RefusedError(f"{closing.period} is not closed: somebody else used credit {credit_id} meanwhile; close again")


def _misuse(credit_id: str, credit: Row[Any] | None, uses: Sequence[tuple[Draft, Money]]) -> str | None:
    """What is wrong with the use of one credit, in words; None where nothing is."""
    if credit is None:
        return f"draft {uses[0][0].invoice_id} uses credit {credit_id!r}, which the control store does not know"
    owner = (credit.account_id, credit.currency_code)
    for draft, amount in uses:
        if (draft.account_id, amount.currency_code) != owner:
            return f"draft {draft.invoice_id} uses credit {credit_id}, which is of account {owner[0]} in {owner[1]}"
    used = credit.used_minor + sum(amount.minor for _, amount in uses)
    if not 0 <= used <= credit.amount_minor:
        granted, total = Money(credit.amount_minor, credit.currency_code), Money(used, credit.currency_code)
        return f"credit {credit_id} of {granted} would have {total} used; run the pipeline again and close then"
    return None


def _refuse_if_any(period: str, found: Sequence[str]) -> None:
    if found:
        shown = "; ".join(found[:SHOWN_PROBLEMS])
        more = f"; and {len(found) - SHOWN_PROBLEMS} more" if len(found) > SHOWN_PROBLEMS else ""
        raise RefusedError(f"{period} is not closed: {shown}{more}")
