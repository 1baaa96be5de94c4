"""What a catalog folder would change, in money, before it is applied: `catalog diff`, and the refusal of `catalog apply`.

The answer comes from the engine itself: a copy of the warehouse gets the new catalog and a tick, then both are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from ingestion.catalog.catalog import Catalog
from ingestion.catalog.load import apply_catalog
from orchestration import dbt
from warehouse import ticks
from warehouse.clone import cloned
from warehouse.errors import WarehouseError
from warehouse.settings import Settings

PURPOSE = "preview"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a catalog makes of an account's month of a SKU. `is_issued`: the month is closed, the difference would be a note."""

    account_id: str
    period: str
    sku_id: str
    currency_code: str
    is_issued: bool
    amount_before: Decimal
    amount_after: Decimal
    # The part of the difference that alters what was rated and issued; the rest was unrated until now.
    altered_amount_unrounded: Decimal
    is_altered: bool


def preview(client: Client, settings: Settings, catalog: Catalog, *, seller_country: str = "") -> list[Change]:
    """Every (account, month, SKU) whose lines the catalog would change, as of the last tick. Callers hold the pipeline's lease.

    Raises:
        WarehouseError: the engine failed on the copy, with the model's name.
    """
    with cloned(client, settings, purpose=PURPOSE) as copy:
        _insert_accounts(client, copy, catalog)
        apply_catalog(client, copy, catalog)
        as_of = client.query(
            f"SELECT as_of FROM {copy.database('ops')}.ticks WHERE status = 'committed' ORDER BY tick_id DESC LIMIT 1"
        ).result_rows
        if not as_of:
            return []  # no tick has ever run, so nothing has an amount yet
        ticks.begin(client, copy, as_of=as_of[0][0], seller_country=seller_country)
        failed = [result for result in dbt.build(copy) if result.status in ("error", "fail")]
        if failed:
            raise WarehouseError(f"the catalog cannot be previewed: {failed[0].unique_id}: {dbt.first_line(failed[0].message)}")
        return _changes(client, settings, copy)


def _insert_accounts(client: Client, copy: Settings, catalog: Catalog) -> None:
    """Accounts and credits as applying would leave them in the control store. Newest revision wins."""
    raw = copy.database("raw")
    for table, rows in (("control_accounts", catalog.accounts), ("control_credits", catalog.credits)):
        if not rows:
            continue
        revision = client.query(f"SELECT max(revision) + 1 FROM {raw}.{table}").result_rows[0][0]
        names = [*asdict(rows[0]), "revision"]
        client.insert(f"{raw}.{table}", [[*asdict(row).values(), revision] for row in rows], column_names=names)


def _changes(client: Client, settings: Settings, copy: Settings) -> list[Change]:
    names = {"now": settings, "then": copy}
    databases = {f"{which}_{layer}": of.database(layer) for which, of in names.items() for layer in ("metering", "rating", "invoicing")}
    rows: Sequence[Sequence[Any]] = client.query(_CHANGES.format(**databases, now_raw=settings.database("raw"))).result_rows
    return [
        Change(
            account_id=account_id,
            period=period,
            sku_id=sku_id,
            currency_code=currency,
            is_issued=bool(is_issued),
            amount_before=Decimal(before),
            amount_after=Decimal(after),
            altered_amount_unrounded=Decimal(altered),
            is_altered=bool(is_altered),
        )
        for account_id, period, sku_id, currency, is_issued, before, after, altered, is_altered in rows
    ]


# Only sets that the copy's tick touched can differ. A charge counts as altered where a rated row changed or vanished, or
# where one appeared for something that was not waiting as unrated; new charges for unrated usage alter nothing issued.
_CHANGES = """
WITH
sets AS (SELECT DISTINCT account_id, sku_id, month, formatDateTime(month, '%Y-%m') AS period FROM {then_rating}.int_touched_days),
rated AS
(
    SELECT *
    FROM
    (
        SELECT account_id, sku_id, hour_at, project_id, resource_id, region, charge_type, price_id, amount_unrounded, 0 AS is_new
        FROM {now_rating}.charges_hourly
        WHERE (account_id, sku_id, toStartOfMonth(toDate(hour_at))) IN (SELECT account_id, sku_id, month FROM sets)
        UNION ALL
        SELECT account_id, sku_id, hour_at, project_id, resource_id, region, charge_type, price_id, amount_unrounded, 1 AS is_new
        FROM {then_rating}.charges_hourly
        WHERE (account_id, sku_id, toStartOfMonth(toDate(hour_at))) IN (SELECT account_id, sku_id, month FROM sets)
    )
),
differing AS
(
    SELECT
        account_id, sku_id, hour_at, project_id, resource_id, region, charge_type, price_id,
        sum(if(rated.is_new = 1, rated.amount_unrounded, -rated.amount_unrounded)) AS difference,
        countIf(rated.is_new = 0) AS count_before
    FROM rated
    GROUP BY account_id, sku_id, hour_at, project_id, resource_id, region, charge_type, price_id
    HAVING difference != 0 OR count(DISTINCT rated.is_new) = 1
),
altered AS
(
    SELECT account_id, sku_id, formatDateTime(hour_at, '%Y-%m') AS period, sum(differing.difference) AS difference
    FROM differing
    WHERE count_before > 0
        OR (account_id, hour_at, resource_id, project_id, region) NOT IN
            (SELECT account_id, hour_at, resource_id, project_id, region FROM {now_rating}.unrated_consumption)
    GROUP BY account_id, sku_id, period
),
lines AS
(
    SELECT account_id, sku_id, period, any(both.currency_code) AS currency_code,
        sumIf(both.amount, both.is_new = 0) AS amount_before, sumIf(both.amount, both.is_new = 1) AS amount_after
    FROM
    (
        SELECT account_id, sku_id, period, currency_code, amount, 0 AS is_new
        FROM {now_invoicing}.int_recomputed_lines
        WHERE (account_id, sku_id, period) IN (SELECT account_id, sku_id, period FROM sets)
        UNION ALL
        SELECT account_id, sku_id, period, currency_code, amount, 1 AS is_new
        FROM {then_invoicing}.int_recomputed_lines
        WHERE (account_id, sku_id, period) IN (SELECT account_id, sku_id, period FROM sets)
    ) AS both
    GROUP BY account_id, sku_id, period
)
SELECT
    lines.account_id, lines.period, lines.sku_id, lines.currency_code,
    lines.period IN (SELECT period FROM {now_raw}.control_closed_periods FINAL) AS is_issued,
    toString(lines.amount_before), toString(lines.amount_after), toString(altered.difference), altered.account_id != '' AS is_altered
FROM lines
LEFT ANY JOIN altered ON lines.account_id = altered.account_id AND lines.sku_id = altered.sku_id AND lines.period = altered.period
WHERE lines.amount_before != lines.amount_after OR altered.account_id != ''
ORDER BY lines.account_id, lines.period, lines.sku_id
"""
