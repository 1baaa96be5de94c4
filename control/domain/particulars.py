"""What a document says beside its amounts and parties, as it was when it was issued: names of items and taxes, the way to pay.

Frozen beside the document and not in its hash: no amount follows from it, and documents issued before it existed have none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from control.domain.accounts import AccountRow
from control.domain.documents import Draft
from control.domain.money import plain


@dataclass(frozen=True, kw_only=True)
class TaxPart:
    """One tax of the country; a document's percent is the sum of its parts."""

    name: str
    percent: Decimal


@dataclass(frozen=True, kw_only=True)
class CatalogTexts:
    """What the catalog calls things at one moment: SKU to name, country to its taxes."""

    item_names: Mapping[str, str] = field(default_factory=dict)
    taxes: Mapping[str, tuple[TaxPart, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Particulars:
    """Of one document. `gateway` and `seller_iban` empty: pay as the seller said otherwise."""

    item_names: Mapping[str, str] = field(default_factory=dict)
    taxes: tuple[TaxPart, ...] = ()
    is_tax_exempt: bool = False
    gateway: str = ""
    seller_iban: str = ""


def particulars_of(
    draft: Draft, account: AccountRow, *, texts: CatalogTexts, seller_iban: str, corrected: Particulars | None = None
) -> Particulars:
    """What a document issued now says.

    Args:
        draft: whose items and percent it is about.
        account: that is billed.
        texts: of the catalog.
        seller_iban: where to pay; empty where not set.
        corrected: of the document that this one corrects, whose taxes hold for it too.
    """
    known = {**(corrected.item_names if corrected else {}), **texts.item_names}
    skus = sorted({line.sku_id for line in draft.lines})
    candidates = [corrected.taxes if corrected else (), texts.taxes.get(account.country_code, ())]
    return Particulars(
        item_names={sku: known[sku] for sku in skus if known.get(sku)},
        taxes=next((parts for parts in candidates if parts and _sum(parts) == draft.tax_percent), ()),
        is_tax_exempt=draft.tax_percent == 0 and (corrected.is_tax_exempt if corrected else account.is_tax_exempt),
        gateway=account.gateway,
        seller_iban=seller_iban,
    )


def to_text(particulars: Particulars) -> str:
    """Canonical JSON: keys sorted, percents as plain texts."""
    content = {
        "item_names": dict(particulars.item_names),
        "taxes": [{"name": part.name, "percent": plain(part.percent)} for part in particulars.taxes],
        "is_tax_exempt": particulars.is_tax_exempt,
        "gateway": particulars.gateway,
        "seller_iban": particulars.seller_iban,
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> Particulars:
    """What `to_text` wrote."""
    content = json.loads(text)
    return Particulars(
        item_names=content["item_names"],
        taxes=tuple(TaxPart(name=part["name"], percent=Decimal(part["percent"])) for part in content["taxes"]),
        is_tax_exempt=content["is_tax_exempt"],
        gateway=content["gateway"],
        seller_iban=content["seller_iban"],
    )


def _sum(parts: Iterable[TaxPart]) -> Decimal:
    return sum((part.percent for part in parts), start=Decimal(0))
