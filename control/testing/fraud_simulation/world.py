"""Writes the population into an empty deployment: its rows in the control store, its charges in the warehouse.

All of its past and future is there from the beginning: rules look at nothing later than their as-of, and what depends on a
decision (states, verdicts) comes about in run.py by the services themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client
from sqlalchemy import Connection, insert

from control.bootstrap import Control
from control.domain.lifecycle import AccountState, AccountType
from control.store import lifecycle, revisions
from control.store.lifecycle import Beginning
from control.store.tables import accounts, credits_, disputes, invoices, payment_methods, payments
from control.testing.fraud_simulation.population import DAYS_OF_MONTH, START, Person
from warehouse.settings import Settings

GATEWAY = "stripe"
CURRENCY = "EUR"
_EUR_PER_GPU_HOUR = 3
# Hours are kept for an account's first days alone: no rule looks at the hours of later ones.
_DAYS_WITH_HOURS = 16
_CHUNK_ROWS = 5_000

Row = dict[str, Any]


def write_control(control: Control, people: Sequence[Person], *, months: int) -> None:
    """Accounts, trials, saved cards, and what became of their charges."""

    def work(connection: Connection) -> None:
        _put(connection, accounts, map(_account, people), has_revision=True)
        for person in people:
            state = AccountState.TRIAL if person.is_trial else AccountState.ACTIVE
            beginning = Beginning(account_id=person.account_id, account_type=AccountType.COMPANY, state=state)
            lifecycle.begin(connection, [beginning], reason="registered", actor="simulation", now=person.registered_at)
        _put(connection, credits_, (_trial(person) for person in people if person.is_trial), has_revision=True)
        _put(connection, payment_methods, _cards(people))
        documents = list(_documents(people, months))
        _put(connection, invoices, (document for document, _, _ in documents), has_revision=True)
        _put(connection, payments, (payment for _, payment, _ in documents), has_revision=True)
        _put(connection, disputes, (dispute for _, _, dispute in documents if dispute), has_revision=True)

    control.store.transact(work)


def write_charges(client: Client, settings: Settings, people: Sequence[Person]) -> None:
    """A catalog with GPUs, and the charges of all spells, by day and, of first days, by hour. The engine spreads them over the days."""
    raw, rating, ops = (settings.database(layer) for layer in ("raw", "rating", "ops"))
    client.command(f"INSERT INTO {raw}.catalog_versions SELECT 1, 'simulation', now64(3)")
    client.command(
        f"INSERT INTO {raw}.catalog_skus (catalog_version, sku_id, service, metric, unit) VALUES"
        " (1, 'gpu', 'GPU', 'compute.gpu_h100', 'GPU-hour'), (1, 'vcpu', 'Compute', 'compute.vcpu', 'vCPU-hour'),"
        " (1, 'data', 'Storage', 'storage.stored_bytes', 'GiB-hour')"
    )
    spells = f"{ops}.fraud_simulation_spells"
    client.command(
        f"CREATE TABLE {spells} (account_id String, first_date Date, days UInt32, base Float64, growth Float64, noise Float64,"
        " gpu_share Float64, data_share Float64, resources UInt32, young_until Date) ENGINE = MergeTree ORDER BY account_id"
    )
    lines = "\n".join(json.dumps(row) for row in _spell_rows(people))
    client.raw_insert(spells, insert_block=lines.encode(), fmt="JSONEachRow")
    client.command(f"""
        INSERT INTO {rating}.charges_daily
            (account_id, resource_id, sku_id, service, charge_date, charge_type, currency_code, quantity, unit, amount_unrounded)
        SELECT
            account_id, concat('res-', toString(resources)), part.1, part.2, day, 'usage', '{CURRENCY}',
            toDecimal256(round(day_amount * part.3 / {_EUR_PER_GPU_HOUR}, 6), 12), part.4, toDecimal256(round(day_amount * part.3, 6), 32)
        FROM (
            SELECT
                *, first_date + step AS day,
                base * pow(growth, step) * (1 + noise * (cityHash64(account_id, step) % 2001 / 1000 - 1)) AS day_amount
            FROM {spells} ARRAY JOIN range(days) AS step
        )
        ARRAY JOIN [
            ('gpu', 'GPU', gpu_share, 'GPU-hour'), ('vcpu', 'Compute', 1 - gpu_share - data_share, 'vCPU-hour'),
            ('data', 'Storage', data_share, 'GiB-hour')
        ] AS part
        WHERE part.3 > 0
        """)
    client.command(f"""
        INSERT INTO {rating}.charges_hourly
            (account_id, resource_id, sku_id, service, hour_at, charge_type, currency_code, quantity, unit, amount_unrounded)
        SELECT
            account_id, resource_id, sku_id, service, toDateTime64(charge_date, 3, 'UTC') + toIntervalHour(hour), charge_type,
            currency_code, quantity / 24, unit, amount_unrounded / 24
        FROM {rating}.charges_daily ARRAY JOIN range(24) AS hour
        WHERE (account_id, charge_date) IN (
            SELECT account_id, first_date + step FROM {spells} ARRAY JOIN range(days) AS step WHERE first_date + step < young_until
        ) AND sku_id = 'gpu'
        """)


def spent(client: Client, settings: Settings) -> dict[str, list[tuple[datetime, Decimal]]]:
    """What each account's days cost, in their order."""
    rows = client.query(
        f"SELECT account_id, toDateTime64(charge_date, 3, 'UTC'), toDecimal128(sum(amount_unrounded), 4)"
        f" FROM {settings.database('rating')}.charges_daily GROUP BY account_id, charge_date ORDER BY account_id, charge_date"
    ).result_rows
    found: dict[str, list[tuple[datetime, Decimal]]] = {}
    for account_id, day, amount in rows:
        found.setdefault(account_id, []).append((day, amount))
    return found


def _account(person: Person) -> Row:
    empty = dict.fromkeys(("tax_id", "legal_name", "address", "postal_code", "city"), "")
    return empty | {
        "account_id": person.account_id,
        "name": person.account_id,
        "currency_code": CURRENCY,
        "country_code": person.country,
        "is_tax_exempt": False,
        "email": person.email,
        "gateway": GATEWAY,
        "payment_terms_days": 14,
    }


def _trial(person: Person) -> Row:
    return {
        "credit_id": f"trial-{person.account_id}",
        "account_id": person.account_id,
        "amount_minor": 20_000,
        "used_minor": 0,
        "currency_code": CURRENCY,
        "valid_from": person.registered_at,
        "valid_to": person.registered_at + timedelta(days=DAYS_OF_MONTH),
    }


def _cards(people: Iterable[Person]) -> Iterator[Row]:
    for person in people:
        for place, card in enumerate(person.tries):
            if not card.code:
                yield {
                    "account_id": person.account_id,
                    "gateway": GATEWAY,
                    "payment_method_id": f"pm-{person.account_id}-{place}",
                    "brand": "visa",
                    "last4": "4242",
                    "expires": "2031-12",
                    "status": "saved",
                    "reminded_for": "",
                    "saved_at": card.at,
                    "fingerprint": card.fingerprint,
                    "funding": card.funding,
                    "country_code": card.country,
                }


def _documents(people: Iterable[Person], months: int) -> Iterator[tuple[Row, Row, Row | None]]:
    """Each month's invoice with its charge, and its dispute where its holder disputed it. A month has thirty days."""
    number = 0
    for person in people:
        if not person.pays and not person.refusal:
            continue
        first = (person.registered_at - START).days // DAYS_OF_MONTH + 1
        last = max((spell.start + timedelta(days=spell.days) for spell in person.spells), default=person.registered_at)
        for month in range(first, months + 1):
            charged_at = START + timedelta(days=month * DAYS_OF_MONTH, hours=9)
            if charged_at - timedelta(days=DAYS_OF_MONTH) >= last:
                break
            number += 1
            following = charged_at + timedelta(days=DAYS_OF_MONTH)
            is_disputed = person.disputed_at is not None and charged_at < person.disputed_at <= following
            yield (
                _invoice(person, number, charged_at),
                _payment(person, number, charged_at),
                _dispute(person, number) if is_disputed else None,
            )


def _invoice(person: Person, number: int, at: datetime) -> Row:
    seller = dict.fromkeys((f"seller_{name}" for name in ("legal_name", "address", "postal_code", "city", "country_code", "tax_id")), "")
    buyer = dict.fromkeys((f"buyer_{name}" for name in ("name", "legal_name", "address", "postal_code", "city", "tax_id")), "")
    paid = 10_000 if person.pays else 0
    return seller | buyer | {
        "invoice_id": f"inv-{number}",
        "invoice_number": f"SIM-{number:06d}",
        "seller_key": "simulation",
        "series_number": number,
        "kind": "invoice",
        "account_id": person.account_id,
        "period": f"{at.year}-{at.month:02d}",
        "adjusted_period": f"{number}",
        "status": "paid" if person.pays else "issued",
        "currency_code": CURRENCY,
        "subtotal_minor": 10_000,
        "credit_minor": 0,
        "tax_percent": Decimal(0),
        "tax_minor": 0,
        "total_minor": 10_000,
        "paid_minor": paid,
        "tax_note": "",
        "issued_at": at,
        "due_date": at.date(),
        "buyer_country_code": person.country,
        "content_hash": "",
    }  # fmt: skip


def _payment(person: Person, number: int, at: datetime) -> Row:
    return {
        "payment_id": f"pay-{number}",
        "invoice_id": f"inv-{number}",
        "attempt": 1,
        "gateway": GATEWAY,
        "gateway_customer_id": "",
        "payment_method_id": "",
        "currency_code": CURRENCY,
        "amount_minor": 10_000,
        "charged_minor": 10_000 if person.pays else 0,
        "balance_minor": 0,
        "status": "paid" if person.pays else "declined",
        "gateway_payment_id": f"pi-{number}",
        "reason_code": person.refusal,
        "message": "",
        "started_at": at,
        "updated_at": at,
    }


def _dispute(person: Person, number: int) -> Row:
    return {
        "gateway": GATEWAY,
        "gateway_dispute_id": f"dp-{number}",
        "gateway_payment_id": f"pi-{number}",
        "invoice_id": f"inv-{number}",
        "currency_code": CURRENCY,
        "amount_minor": 10_000,
        "status": "open",
        "reason": "fraudulent",
        "occurred_at": person.disputed_at,
    }


def _spell_rows(people: Iterable[Person]) -> Iterator[Row]:
    for person in people:
        young_until = person.registered_at.date() + timedelta(days=_DAYS_WITH_HOURS)
        for spell in person.spells:
            yield {
                "account_id": person.account_id,
                "first_date": spell.start.date().isoformat(),
                "days": spell.days,
                "base": spell.base,
                "growth": spell.growth,
                "noise": spell.noise,
                "gpu_share": spell.gpu_share,
                "data_share": spell.data_share,
                "resources": spell.resources,
                "young_until": young_until.isoformat(),
            }


def _put(connection: Connection, table: Any, rows: Iterable[Row], *, has_revision: bool = False) -> None:  # noqa: ANN401 - any table
    listed = list(rows)
    if has_revision:
        for row, revision in zip(listed, revisions.take(connection, len(listed)), strict=True):
            row["revision"] = revision
    for first in range(0, len(listed), _CHUNK_ROWS):
        connection.execute(insert(table), listed[first : first + _CHUNK_ROWS])
