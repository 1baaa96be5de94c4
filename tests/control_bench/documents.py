"""Documents to print: a seeded variety of everything that can be issued, and one with defaults."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from control.documents.content import Corrected, Document, of_issued
from control.domain.documents import Draft, IssuedInvoice, Kind, Line, issue, problems
from control.domain.money import Money
from control.domain.particulars import Particulars, TaxPart
from control.domain.parties import Buyer, Seller
from control.domain.refunds import Refunded, refund_note
from control.domain.taxes import REVERSE_CHARGE
from tests.control_bench.builders import NOW, a_draft

# Two and no decimals.
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "SEK", "PLN", "CZK", "INR", "BRL", "JPY", "KRW", "CLP")

SELLER = Seller(legal_name="Cloud AG", address="Hauptstraße 1", postal_code="10115", city="Berlin", country_code="DE", tax_id="DE136695976")
BUYER = Buyer(name="Acme", legal_name="Acme GmbH", address="Weg 2", postal_code="80331", city="München", country_code="DE", tax_id="")
IBAN = "DE89370400440532013000"
CORRECTED = Corrected(invoice_number="INV-000007", issued_on=date(2026, 1, 3))

# Legal name, street, place, country, tax id.
_BUYERS = (
    ("Acme GmbH", "Weg 2", "München", "DE", "DE123456788"),
    ("Société Générale d'Essai & Fils", "12 rue de l'Été", "Paris", "FR", "40303265045"),
    ("Фирма «Облачные технологии»", "ул. Ленина, д. 5", "Москва", "RU", "7707083893"),
    ("شركة الأمثلة المحدودة", "شارع الملك فهد ١٢", "الرياض", "SA", "300000000000003"),
    ("株式会社サンプル", "千代田区丸の内1-2-3", "東京都", "JP", "T1234567890123"),
    ("Ελληνική Εταιρεία", "Οδός 1", "Αθήνα", "GR", "094259216"),
    ("Example Inc.", "1 Main St <Suite> \x0b5", "New York", "US", "12-3456789"),
    ("Nobody in particular", "", "", "GB", ""),
)
_ITEMS = ("Virtual CPU, shared", "GPU NVIDIA H100 80 GB, on demand", "Хранилище объектов", "オブジェクト ストレージ", "")
_UNITS = ("hour", "GiB-hour", "request", "GB", "million tokens", "")
_RATES = ("19", "20", "8.1", "7.7", "0.5", "8.875", "18", "25.5")


def a_document(
    draft: Draft | None = None,
    *,
    seller: Seller = SELLER,
    buyer: Buyer = BUYER,
    particulars: Particulars | None = None,
    corrected: Corrected | None = None,
) -> Document:
    """An issued document."""
    return of_issued(_issued(draft or a_draft(percent="19"), seller=seller, buyer=buyer), particulars, corrected)


def documents(count: int, *, seed: int = 1) -> Iterator[Document]:
    """So many documents: all kinds, currencies, tax treatments; credits, negative lines, zero and 24-digit quantities."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable variety, not a secret
    for place in range(count):
        yield _any_document(chance, CURRENCIES[place % len(CURRENCIES)])


def _any_document(chance: random.Random, currency: str) -> Document:
    kind = chance.choice([Kind.INVOICE] * 4 + [Kind.DEBIT_NOTE, Kind.CREDIT_NOTE, Kind.REFUND_NOTE])
    treatment = chance.choice(["standard"] * 4 + ["reverse_charge", "exempt", "untaxed"])
    percent = chance.choice(_RATES) if treatment == "standard" else "0"
    name, street, place, country, tax_id = chance.choice(_BUYERS)
    draft = _draft(chance, kind, currency, percent)
    if treatment == "reverse_charge" and tax_id:
        draft = replace(draft, tax_note=REVERSE_CHARGE)
    buyer = Buyer(name="account", legal_name=name, address=street, postal_code="", city=place, country_code=country, tax_id=tax_id)
    if kind is Kind.REFUND_NOTE:
        draft = _refund(chance, _issued(draft, buyer=buyer))
    assert problems(draft) == []
    halves = (TaxPart(name="Federal", percent=Decimal(percent) - 1), TaxPart(name="State", percent=Decimal(1)))
    particulars = Particulars(
        item_names={line.sku_id: chance.choice(_ITEMS) for line in draft.lines},
        taxes=halves if percent == "18" else (),
        is_tax_exempt=treatment == "exempt",
        gateway=chance.choice(("", "stripe", "bank_transfer")),
        seller_iban=chance.choice((IBAN, "")),
    )
    return a_document(draft, buyer=buyer, particulars=particulars, corrected=None if kind is Kind.INVOICE else CORRECTED)


def _draft(chance: random.Random, kind: Kind, currency: str, percent: str) -> Draft:
    top = chance.choice((100, 10_000, 10**7, 10**12))
    amounts = [chance.randint(-top // 4, top) for _ in range(chance.randint(1, 8))]
    amounts[0] = abs(sum(amounts)) + chance.randint(1, top)
    if kind is Kind.CREDIT_NOTE:
        amounts = [-amount for amount in amounts]
    credit = chance.choice((0, 0, chance.randint(1, abs(sum(amounts)))))
    sign = -1 if kind is Kind.CREDIT_NOTE else 1
    uses = [("promo-2026", sign * credit)] if credit else []
    if credit > 1:
        uses = [("promo-2026", sign), ("trial & more", sign * (credit - 1))]
    is_adjusting = kind in (Kind.DEBIT_NOTE, Kind.CREDIT_NOTE)
    draft = a_draft(
        amounts=amounts,
        currency=currency,
        percent=percent,
        kind=kind if is_adjusting else Kind.INVOICE,
        adjusted_period="2025-12" if is_adjusting else "",
        uses=uses,
    )
    return replace(draft, lines=tuple(_with_quantity(chance, line) for line in draft.lines))


def _with_quantity(chance: random.Random, line: Line) -> Line:
    quantities = (Decimal(0), Decimal(744), Decimal("-2.5"), Decimal("0.000000000001"), Decimal("123456789012.123456789012"))
    return replace(line, quantity=chance.choice(quantities), unit=chance.choice(_UNITS))


def _refund(chance: random.Random, invoice: IssuedInvoice) -> Draft:
    nothing = Money(0, invoice.content.total.currency_code)
    if invoice.content.total.minor <= 0:
        return replace(invoice.content)
    amount = Money(chance.randint(1, invoice.content.total.minor), nothing.currency_code)
    return refund_note(invoice, note_id="refund", amount=amount, before=Refunded(net=nothing, gross=nothing), period="2026-02")


def _issued(draft: Draft, *, seller: Seller = SELLER, buyer: Buyer = BUYER) -> IssuedInvoice:
    due_date = NOW.date() + timedelta(days=14)
    return issue(draft, invoice_number="INV-000042", seller=seller, buyer=buyer, issued_at=NOW, due_date=due_date)
