"""Reads the tax rates that a month's documents are computed with from the catalog in the warehouse."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from control.domain.particulars import TaxPart
from control.domain.taxes import TaxRates
from warehouse.settings import Settings

# The catalog and the seller's country that the drafts were computed with; (0, '') before the first committed tick.
_TICK = "SELECT catalog_version, seller_country FROM {ops}.ticks WHERE status = 'committed' ORDER BY tick_id DESC LIMIT 1"
_RATES = """
    SELECT country_code, toString(sum(percent))
    FROM {raw}.catalog_taxes
    WHERE catalog_version = {{version:UInt64}}
        AND valid_from <= {{at:DateTime64(3, 'UTC')}} AND valid_to > {{at:DateTime64(3, 'UTC')}}
    GROUP BY country_code
"""
_PARTS = """
    SELECT country_code, tax_name, toString(percent)
    FROM {raw}.catalog_taxes
    WHERE catalog_version = {{version:UInt64}}
        AND valid_from <= {{at:DateTime64(3, 'UTC')}} AND valid_to > {{at:DateTime64(3, 'UTC')}}
    ORDER BY country_code, percent DESC, tax_name
"""


def read_tax_rates(client: Client, settings: Settings, *, at: datetime) -> TaxRates:
    """The rates valid at an instant, of the catalog of the last committed tick."""
    tick = client.query(_TICK.format(ops=settings.database("ops"))).result_rows
    version, seller_country = tick[0] if tick else (0, "")
    rows = client.query(_RATES.format(raw=settings.database("raw")), parameters={"version": version, "at": at}).result_rows
    return TaxRates(percents={country: Decimal(percent) for country, percent in rows}, seller_country=seller_country)


def read_tax_parts(client: Client, settings: Settings, *, at: datetime) -> dict[str, tuple[TaxPart, ...]]:
    """Country to its taxes at an instant by name, largest first, of the catalog of the last committed tick."""
    tick = client.query(_TICK.format(ops=settings.database("ops"))).result_rows
    version = tick[0][0] if tick else 0
    parts: dict[str, list[TaxPart]] = defaultdict(list)
    rows = client.query(_PARTS.format(raw=settings.database("raw")), parameters={"version": version, "at": at}).result_rows
    for country, name, percent in rows:
        parts[country].append(TaxPart(name=name, percent=Decimal(percent)))
    return {country: tuple(found) for country, found in parts.items()}
