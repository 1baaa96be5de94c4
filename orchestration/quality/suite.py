"""What raw and consumption must satisfy, as SQL: a slice of rows to look at, and the rows of it that should not be there.

A slice is what the tick touched, so that a check costs what the tick costs; `close` and the daily job look at everything.
Every expectation is one statement for the warehouse. Expectations of whole columns that Great Expectations brings along
would each read the slice again, and their regular expressions do not work on ClickHouse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestration.dbt import Scope
from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One check. `unexpected` selects the bad rows from `{batch}`, which stands for the slice."""

    name: str
    layer: str
    table: str
    description: str
    is_blocking: bool
    slice: Callable[[Settings, Scope], str]
    unexpected: str


def _ledger(settings: Settings, _scope: Scope) -> str:
    """A row a batch, so small that every run looks at all of them."""
    return f"SELECT * FROM {settings.database('ops')}.event_accounting"


def _stored(settings: Settings, scope: Scope) -> str:
    """Beside what each batch says it stored, what is there. New batches find their rows by the windows they touched."""
    raw, ops = settings.database("raw"), settings.database("ops")
    new = f"batch_seq > (SELECT max(to_batch_seq) FROM {ops}.ticks WHERE status = 'committed')"
    is_touched = scope == "touched"
    usage = f"{new} AND toStartOfHour(event_at) IN (SELECT hour_at FROM {raw}.usage_windows WHERE {new})" if is_touched else "1"
    lifecycle = f"{new} AND resource_id IN (SELECT resource_id FROM {raw}.lifecycle_windows WHERE {new})" if is_touched else "1"
    others = new if is_touched else "1"
    return f"""
        SELECT
            batch_seq,
            sum(said_accepted) AS said_accepted, sum(stored_accepted) AS stored_accepted,
            sum(said_rejected) AS said_rejected, sum(stored_rejected) AS stored_rejected,
            sum(said_conflicts) AS said_conflicts, sum(stored_conflicts) AS stored_conflicts
        FROM (
            SELECT
                batch_seq, toInt64(rows_accepted) AS said_accepted, toInt64(rows_rejected) AS said_rejected,
                toInt64(rows_conflict) AS said_conflicts, 0 AS stored_accepted, 0 AS stored_rejected, 0 AS stored_conflicts
            FROM {ops}.batches WHERE {others}
            UNION ALL
            SELECT batch_seq, 0, 0, 0, toInt64(count()), 0, 0 FROM {raw}.usage_events WHERE {usage} GROUP BY batch_seq
            UNION ALL
            SELECT batch_seq, 0, 0, 0, toInt64(count()), 0, 0 FROM {raw}.lifecycle_events WHERE {lifecycle} GROUP BY batch_seq
            UNION ALL
            SELECT batch_seq, 0, 0, 0, 0, toInt64(count()), 0 FROM {ops}.rejected_events WHERE {others} GROUP BY batch_seq
            UNION ALL
            SELECT batch_seq, 0, 0, 0, 0, 0, toInt64(count()) FROM {ops}.event_conflicts WHERE {others} GROUP BY batch_seq
        )
        GROUP BY batch_seq
        HAVING batch_seq IN (SELECT batch_seq FROM {ops}.batches)"""


def _consumption(settings: Settings, scope: Scope) -> str:
    metering = settings.database("metering")
    touched = (
        "(toDate(hour_at), account_id, hour_at, resource_id)"
        f" IN (SELECT toDate(hour_at), account_id, hour_at, resource_id FROM {metering}.int_touched_windows)"
    )
    return (
        "SELECT account_id, project_id, resource_id, region, sku_id, hour_at, quantity"
        f" FROM {metering}.consumption_hourly WHERE {touched if scope == 'touched' else '1'}"
    )


def _unrated(settings: Settings, scope: Scope) -> str:
    """Unpriced usage is a small table of its own; usage without a SKU lies among the consumption, so a tick looks where it wrote."""
    metering, rating = settings.database("metering"), settings.database("rating")
    if scope == "all":
        return f"SELECT reason_code, account_id, metric, quantity FROM {rating}.unrated_consumption"
    return f"""
        SELECT reason_code, account_id, metric, quantity FROM {rating}.int_unrated_hourly
        UNION ALL
        SELECT reason_code, account_id, metric, quantity FROM {metering}.int_metered_hourly
        WHERE reason_code != '' AND (toDate(hour_at), account_id, hour_at, resource_id)
            IN (SELECT toDate(hour_at), account_id, hour_at, resource_id FROM {metering}.int_touched_windows)"""


SUITE: tuple[Expectation, ...] = (
    Expectation(
        name="event_accounting_adds_up",
        layer="ops",
        table="batches",
        description="Each line of a batch is in exactly one bucket: blank, accepted, duplicate, conflict or rejected.",
        is_blocking=True,
        slice=_ledger,
        unexpected="SELECT * FROM {batch} WHERE lines != blank + accepted + duplicates + conflicts + rejected",
    ),
    Expectation(
        name="batch_is_loaded_once",
        layer="ops",
        table="batches",
        description="Grain: one row per batch_id. A batch that committed twice would count its events twice.",
        is_blocking=True,
        slice=_ledger,
        unexpected="SELECT batch_id, count() AS row_count FROM {batch} GROUP BY batch_id HAVING row_count > 1",
    ),
    Expectation(
        name="raw_holds_what_batches_accepted",
        layer="raw",
        table="usage_events",
        description="Rows in raw, rejected lines and conflicts are as many as the ledger of batches says.",
        is_blocking=True,
        slice=_stored,
        unexpected=(
            "SELECT * FROM {batch} WHERE said_accepted != stored_accepted"
            " OR said_rejected != stored_rejected OR said_conflicts != stored_conflicts"
        ),
    ),
    Expectation(
        name="consumption_is_plausible",
        layer="metering",
        table="consumption_hourly",
        description="No quantity is negative, every row has an account, a resource and a SKU, and hours are whole.",
        is_blocking=True,
        slice=_consumption,
        unexpected=(
            "SELECT * FROM {batch} WHERE quantity < 0 OR account_id = '' OR resource_id = '' OR sku_id = ''"
            " OR hour_at != toStartOfHour(hour_at)"
        ),
    ),
    Expectation(
        name="usage_is_rated",
        layer="rating",
        table="unrated_consumption",
        description="All consumption has a price. What has none waits in rating.unrated_consumption until the catalog knows it.",
        is_blocking=False,
        slice=_unrated,
        unexpected=(
            "SELECT reason_code, count() AS row_count, uniqExact(account_id) AS account_count,"
            " arrayStringConcat(arraySort(groupUniqArray(5)(metric)), ' ') AS metrics"
            " FROM {batch} GROUP BY reason_code ORDER BY reason_code"
        ),
    ),
)
