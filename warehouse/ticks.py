"""The ledger of ticks: which instant, which batches and which catalog the tables of the layers above raw reflect.

A tick is one recompute. `begin` decides its as-of and its input and writes them down; the models read that row, never a
clock; `commit` makes it the state that the next tick starts from. An attempt that fails leaves no commit, so the next
attempt covers everything since the last commit. Callers hold the lease of the pipeline.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from warehouse.settings import Settings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = datetime(2299, 12, 31, tzinfo=UTC)

_STATE = ("tick_id", "as_of", "to_batch_seq", "catalog_version", "seller_country", "control_revision")
_COLUMNS = (
    "tick_id", "previous_tick_id", "status", "as_of", "previous_as_of", "from_batch_seq", "to_batch_seq", "catalog_version",
    "previous_catalog_version", "rebuild_from", "rebuild_to", "seller_country", "previous_seller_country", "control_revision",
    "previous_control_revision", "recorded_at",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tick:
    """One attempt. `previous_*` is the last committed tick; hours of `[rebuild_from, rebuild_to)` are recomputed whatever changed."""

    tick_id: int
    previous_tick_id: int
    as_of: datetime
    previous_as_of: datetime
    from_batch_seq: int
    to_batch_seq: int
    catalog_version: int
    previous_catalog_version: int
    rebuild_from: datetime
    rebuild_to: datetime
    seller_country: str
    previous_seller_country: str
    control_revision: int
    previous_control_revision: int


def begin(
    client: Client,
    settings: Settings,
    *,
    as_of: datetime | None = None,
    rebuild_from: datetime | None = None,
    rebuild_to: datetime | None = None,
    seller_country: str = "",
    control_revision: int = 0,
) -> Tick:
    """Decide what the tick computes and record that it started.

    Args:
        client: of the pipeline user.
        settings: of the deployment; its clock bounds the default as-of.
        as_of: the instant to bill to. Default: the latest accepted event not after the clock (METERHOUSE_CLOCK=event) or
            the clock itself (wall), never before the last committed as-of. An earlier one than before recomputes all.
        rebuild_from: recompute all hours from here, even if nothing touched them.
        rebuild_to: the end of that range; FOREVER where only rebuild_from is given, and the other way round EPOCH.
        seller_country: ISO 3166 country of the issuer.
        control_revision: all changes of the control store up to this one are in raw; 0 where that is not known, then the
            drafts of all accounts are made anew.
    """
    ops, raw = settings.database("ops"), settings.database("raw")
    committed = client.query(
        f"SELECT {', '.join(_STATE)} FROM {ops}.ticks WHERE status = 'committed' ORDER BY tick_id DESC LIMIT 1"
    ).result_rows
    previous = dict(zip(_STATE, committed[0] if committed else (0, EPOCH, 0, 0, "", 0), strict=True))
    last_id, to_batch_seq, catalog_version = client.query(
        f"SELECT (SELECT max(tick_id) FROM {ops}.ticks), (SELECT max(batch_seq) FROM {ops}.batches),"
        f" (SELECT max(catalog_version) FROM {raw}.catalog_versions)"
    ).result_rows[0]
    instant = as_of or _default_as_of(client, settings, previous_as_of=previous["as_of"])
    if instant < previous["as_of"]:
        rebuild_from, rebuild_to = EPOCH, FOREVER
    is_rebuild = rebuild_from is not None or rebuild_to is not None
    tick = Tick(
        tick_id=last_id + 1,
        previous_tick_id=previous["tick_id"],
        as_of=instant,
        previous_as_of=previous["as_of"],
        from_batch_seq=previous["to_batch_seq"],
        to_batch_seq=to_batch_seq,
        catalog_version=catalog_version,
        previous_catalog_version=previous["catalog_version"],
        rebuild_from=(rebuild_from or EPOCH) if is_rebuild else EPOCH,
        rebuild_to=(rebuild_to or FOREVER) if is_rebuild else EPOCH,
        seller_country=seller_country,
        previous_seller_country=previous["seller_country"],
        control_revision=control_revision,
        previous_control_revision=previous["control_revision"],
    )
    _record(client, settings, tick, status="started")
    return tick


def commit(client: Client, settings: Settings, tick: Tick) -> None:
    """Make the tick the state that the tables reflect and the next tick starts from."""
    _record(client, settings, tick, status="committed")


def _record(client: Client, settings: Settings, tick: Tick, *, status: str) -> None:
    values = asdict(tick) | {"status": status, "recorded_at": settings.now()}
    client.insert(f"{settings.database('ops')}.ticks", [[values[name] for name in _COLUMNS]], column_names=_COLUMNS)


def _default_as_of(client: Client, settings: Settings, *, previous_as_of: datetime) -> datetime:
    clock = settings.now()
    if settings.clock == "wall":
        return max(clock, previous_as_of)
    ops, raw = settings.database("ops"), settings.database("raw")
    bounds = {"clock": clock, "previous": previous_as_of}
    latest, is_ahead = client.query(
        f"SELECT maxIf(last_event_at, last_event_at <= {{clock:DateTime64(3, 'UTC')}}),"
        f" countIf(last_event_at > {{clock:DateTime64(3, 'UTC')}}) FROM {ops}.batches",
        parameters=bounds,
    ).result_rows[0]
    if is_ahead:  # a batch that reaches past the clock may also hold the latest event before it
        for table in ("usage_events", "lifecycle_events"):
            found = client.query(
                f"SELECT max(event_at) FROM {raw}.{table}"
                f" WHERE event_at > {{previous:DateTime64(3, 'UTC')}} AND event_at <= {{clock:DateTime64(3, 'UTC')}}",
                parameters=bounds,
            ).result_rows[0][0]
            latest = max(latest, found)
    as_of: datetime = max(latest, previous_as_of)
    return as_of
