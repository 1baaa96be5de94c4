"""The world that schedules are played in: customers of every kind, their documents, two gateways, a bank, a receiver of events."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, insert

from control.bootstrap import Control
from control.domain.accounts import AccountRow
from control.domain.documents import Draft, IssuedInvoice, Kind, Line
from control.domain.money import Money
from control.domain.payouts import Payout
from control.domain.receipts import Receipt
from control.domain.signatures import HEADER, is_signed
from control.services.accounts import upsert_accounts
from control.services.issue import issue_documents
from control.services.payouts import Export
from control.settings import ControlSettings
from control.store import migrate, revisions
from control.store.engine import Store, open_engine, sqlite_url
from control.store.tables import closed_periods
from control.testing.bank_statement import Transfer, write_statement
from control.testing.crashes.process import Machine, engine_of
from control.testing.memory_gateway import (
    DECLINES_WHEN_CHARGED,
    DISPUTED,
    NEEDS_HOLDER,
    PAYS,
    ChargingFake,
    FakeGateway,
)

STARTS_AT = datetime(2026, 2, 3, 9, tzinfo=UTC)
MONTH = "2026-01"
# Account to its gateway and its first card. `billing` keeps invoices, `charging` does not.
CUSTOMERS = {
    "pays": ("billing", PAYS),
    "declines": ("billing", DECLINES_WHEN_CHARGED),
    "authenticates": ("billing", NEEDS_HOLDER),
    "disputes": ("billing", DISPUTED),
    "charged": ("charging", PAYS),
    "refused": ("charging", DECLINES_WHEN_CHARGED),
    "transfers": ("", ""),
    "wires": ("billing", DECLINES_WHEN_CHARGED),  # and pays by bank after the card was declined
}
INVOICED, CREDITED = 11_900, -3_000


@dataclass(kw_only=True)
class Receiver:
    """Somebody who follows our events: checks signatures, takes each event once, sometimes is down."""

    secret: str
    is_down: Callable[[], bool] = lambda: False
    taken: dict[str, dict[str, object]] = field(default_factory=dict)
    posts: int = 0

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:  # noqa: ARG002 - of a Post
        """Take one message."""
        self.posts += 1
        if self.is_down():
            raise ConnectionError("down")
        timestamp = int(headers[HEADER].partition("t=")[2].partition(",")[0])
        if not is_signed(body, headers[HEADER], self.secret, now=timestamp):
            return 400
        event = json.loads(body)
        self.taken[event["id"]] = event
        return 204


@dataclass(kw_only=True)
class Bank:
    """Executes our transfers: each message once, as banks do, and shows them in its statement."""

    messages: set[str] = field(default_factory=set)
    executed: list[Payout] = field(default_factory=list)

    def take(self, export: Export) -> None:
        """Take a message; one that it had already is refused."""
        if export.export_id not in self.messages:
            self.messages.add(export.export_id)
            self.executed += export.payouts

    def statement(self) -> bytes:
        """All that went out so far."""
        out = [
            Transfer(amount=-payout.amount, end_to_end_id=payout.payout_id, bank_reference=f"out-{payout.payout_id}")
            for payout in self.executed
        ]
        return write_statement(out, currency_code="USD")


@dataclass(kw_only=True)
class World:
    """One world. Its clock moves with each thing that happens."""

    machine: Machine
    billing: FakeGateway
    charging: ChargingFake
    receiver: Receiver
    bank: Bank = field(default_factory=Bank)
    now: datetime = STARTS_AT

    def later(self, **time: int) -> datetime:
        """Let time pass."""
        self.now += timedelta(**time)
        return self.now

    def receipts(self) -> list[Receipt]:
        """The bank statement: the transfer that pays its invoice, and one that nobody can place."""
        amounts = {"statement-1": (INVOICED, "transfers"), "statement-2": (7_700, "thank you"), "statement-3": (INVOICED + 5, "wires")}
        return [
            Receipt(
                receipt_id=receipt_id,
                bank_account="DE89370400440532013000",
                booked_date=date(2026, 2, 5),
                amount=Money(minor, "USD"),
                payer="Transfers Ltd",
                payer_account="DE02120300000000202051",
                remittance=remittance,
            )
            for receipt_id, (minor, remittance) in amounts.items()
        ]


def match(receipt: Receipt, open_invoices: Sequence[IssuedInvoice]) -> IssuedInvoice | None:
    """The document of the account that the payer wrote."""
    return next((invoice for invoice in open_invoices if invoice.content.account_id in receipt.remittance), None)


def settings() -> ControlSettings:
    """Of the crash test's own deployment; nothing of the environment."""
    values = {
        "seller_legal_name": "Crash Test AG",
        "seller_country_code": "DE",
        "events_url": "https://receiver.invalid/events",
        "events_secret": "not a secret",
    }
    return ControlSettings(_env_file=None, **values)  # type: ignore[arg-type]  # pydantic checks the values


def fresh(folder: Path) -> World:
    """A world with gateways that know nobody yet, in a database that takes the place of the one before it in the folder."""
    path = folder / "world.db"
    engine_of(sqlite_url(path)).dispose()
    for old in folder.glob("world.db*"):
        old.unlink()
    path.write_bytes(_template())
    return over(sqlite_url(path))


def over(url: str) -> World:
    """A world over a store that `prepare` filled."""
    own = settings()
    receiver = Receiver(secret=own.events_secret.get_secret_value())
    billing, charging = FakeGateway(name="billing"), ChargingFake(name="charging")
    machine = Machine(url=url, settings=own, gateways={"billing": billing, "charging": charging})
    world = World(machine=machine, billing=billing, charging=charging, receiver=receiver)
    for gateway in (billing, charging):
        gateway._now = lambda: world.now  # the gateways live by the world's clock
    return world


def prepare(url: str) -> None:
    """Customers, a closed month and its documents, in a store that is empty yet."""
    store = Store(open_engine(url))
    migrate.upgrade(store)

    def no_gateway(name: str) -> FakeGateway:
        raise AssertionError(name)

    control = Control(store=store, settings=settings(), gateway=no_gateway)
    rows = [
        AccountRow(account_id=name, name=name.title(), currency_code="USD", country_code="DE", gateway=gateway, payment_terms_days=14)
        for name, (gateway, _) in CUSTOMERS.items()
    ]
    upsert_accounts(control, rows, now=STARTS_AT)
    store.transact(lambda connection: _issue(connection, control, {row.account_id: row for row in rows}))
    store.close()


@cache
def _template() -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="meterhouse-crash-test-"))
    path = folder / "template.db"
    prepare(sqlite_url(path))
    content = path.read_bytes()
    shutil.rmtree(folder)
    return content


def _issue(connection: Connection, control: Control, buyers: dict[str, AccountRow]) -> None:
    (revision,) = revisions.take(connection, 1)
    for month in (MONTH, f"{STARTS_AT:%Y-%m}"):
        row = {"period": month, "closed_at": STARTS_AT, "as_of": STARTS_AT, "revision": revision}
        connection.execute(insert(closed_periods), row)
        (revision,) = revisions.take(connection, 1)
    drafts = [_draft(account_id, INVOICED, Kind.INVOICE) for account_id in CUSTOMERS]
    drafts += [_draft(account_id, CREDITED, Kind.CREDIT_NOTE) for account_id in ("pays", "charged")]
    services = {"vcpu": "compute", "disk": "storage"}
    issue_documents(connection, control.settings, drafts, buyers=buyers, services=services, issued_at=STARTS_AT)


def _draft(account_id: str, total: int, kind: Kind) -> Draft:
    """19 % of tax, two lines of two services."""
    net = total * 100 // 119
    tax = Money(net, "USD").percent(Decimal(19))
    lines = tuple(
        Line(
            line_number=number,
            line_type="usage" if kind is Kind.INVOICE else "adjustment",
            sku_id=sku_id,
            price_id=f"price-{sku_id}",
            quantity=Decimal(1),
            unit="hour",
            amount=Money(minor, "USD"),
        )
        for number, (sku_id, minor) in enumerate((("vcpu", net - net // 3), ("disk", net // 3)), start=1)
    )
    return Draft(
        invoice_id=f"{account_id}:{kind}",
        kind=kind,
        account_id=account_id,
        period=MONTH,
        adjusted_period="" if kind is Kind.INVOICE else "2025-12",
        subtotal=Money(net, "USD"),
        credit=Money(0, "USD"),
        tax_percent=Decimal(19),
        tax=tax,
        total=Money(net, "USD") + tax,
        tax_note="",
        lines=lines,
        credit_uses=(),
    )
