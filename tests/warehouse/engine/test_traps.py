"""The traps that bit other billing systems, each as an account of one deployment; amounts worked out by hand.

The numbers in the names are those of the list in docs/traps.md, which says what bit whom and where the other traps are tested.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest
from pydantic import SecretStr

from ingestion.loader import load_file
from orchestration import dbt
from orchestration.catalog import apply_folder
from orchestration.comparison import TABLES, compare
from tests.conftest import make_settings
from tests.reference.instants import parse_instant
from tests.warehouse.engine.stage import Stage, open_stage
from warehouse.client import connect
from warehouse.migrate import migrate
from warehouse.settings import LAYERS, Settings

AS_OF = parse_instant("2026-02-01T12:00:00Z")

DOLLARS = ("once", "bad", "ties", "open", "resize", "tiny", "midnight", "late", "change", "short", "mover", "taker")
ACCOUNTS = dict.fromkeys(DOLLARS, "USD") | {"yen": "JPY", "dinar": "KWD"}

CATALOG = {
    "accounts": ["account_id,currency_code", *(f"{name},{currency}" for name, currency in ACCOUNTS.items())],
    "skus": [
        "sku_id,service,metric,unit,aggregation",
        "vm,Compute,vcpu,vCPU-hour,time_weighted",
        "net,Network,bytes,GB,sum",
        "tiered,Network,tiered,GB,sum",
        "changing,Network,changing,GB,sum",
    ],
    "prices": [
        "price_id,sku_id,currency_code,model,unit_price,valid_from,valid_to",
        "vm-usd,vm,USD,per_unit,1,,",
        "net-usd,net,USD,per_unit,0.001,,",
        "net-jpy,net,JPY,per_unit,0.5,,",
        "net-kwd,net,KWD,per_unit,0.0005,,",
        "tiered-usd,tiered,USD,graduated,,,",
        "old,changing,USD,per_unit,1,,2026-01-10T12:00:00Z",
        "new,changing,USD,per_unit,2,2026-01-10T12:00:00Z,",
    ],
    "price_tiers": ["price_id,tier,up_to,unit_price,flat_fee", "tiered-usd,1,10,1,0", "tiered-usd,2,,0.5,3"],
}


def usage(event_id: str, account: str, time: str, quantity: object, *, metric: str = "bytes") -> dict[str, object]:
    data = {"account_id": account, "metric": metric, "quantity": quantity}
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/t",
        "type": "usage.recorded",
        "subject": f"{account}-r",
        "time": time,
        "data": data,
    }


def state(event_id: str, account: str, kind: str, time: str, vcpu: str, *, subject: str = "", sequence: int = 0) -> dict[str, object]:
    data = {"account_id": account, "metrics": {"vcpu": vcpu}, "state": "stopped" if kind == "stopped" else "running", "sequence": sequence}
    subject = subject or f"{account}-vm"
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/t",
        "type": f"resource.{kind}",
        "subject": subject,
        "time": time,
        "data": data,
    }


FIRST = [
    usage("once-1", "once", "2026-01-05T10:00:00Z", "1000"),
    usage("once-1", "once", "2026-01-05T10:00:00Z", "1000"),
    usage("once-1", "once", "2026-01-09T10:00:00Z", "5000"),
    usage("bad-1", "bad", "2026-01-05T10:00:00Z", "12,5"),
    usage("bad-2", "bad", "2026-01-05T10:00:00Z", "-5"),
    usage("bad-3", "bad", "2026-01-05T10:00:00Z", "2000"),
    # Delivered in the wrong order; at 11:00 the resize counts first, the stop after it.
    state("ties-3", "ties", "stopped", "2026-01-05T11:00:00Z", "4", sequence=2),
    state("ties-2", "ties", "updated", "2026-01-05T11:00:00Z", "8", sequence=1),
    state("ties-1", "ties", "started", "2026-01-05T10:00:00Z", "4"),
    state("open-1", "open", "started", "2026-02-01T10:00:00Z", "1"),
    state("resize-1", "resize", "started", "2026-01-05T10:00:00Z", "2"),
    state("resize-2", "resize", "updated", "2026-01-05T10:20:00Z", "2"),
    state("resize-3", "resize", "updated", "2026-01-05T10:30:00Z", "4"),
    state("resize-4", "resize", "deleted", "2026-01-05T11:00:00Z", "4"),
    *(usage(f"tiny-{number}", "tiny", f"2026-01-05T{number % 24:02d}:00:00Z", "1") for number in range(400)),
    usage("midnight-1", "midnight", "2026-02-01T00:00:00Z", "1000"),
    usage("late-2", "late", "2026-01-20T00:00:00Z", "8", metric="tiered"),
    usage("change-1", "change", "2026-01-10T11:59:59.999Z", "1", metric="changing"),
    usage("change-2", "change", "2026-01-10T12:00:00Z", "1", metric="changing"),
    usage("yen-1", "yen", "2026-01-05T10:00:00Z", "101"),
    usage("dinar-1", "dinar", "2026-01-05T10:00:00Z", "101"),
    state("short-1", "short", "started", "2026-01-05T10:15:00Z", "9"),
    state("short-2", "short", "deleted", "2026-01-05T10:15:20Z", "9"),
    state("mover-1", "mover", "started", "2026-01-05T10:00:00Z", "4", subject="moving"),
    state("mover-2", "taker", "updated", "2026-01-05T10:15:00Z", "4", subject="moving"),
    state("mover-3", "taker", "deleted", "2026-01-05T11:00:00Z", "4", subject="moving"),
]
LATER = [usage("late-1", "late", "2026-01-02T00:00:00Z", "5", metric="tiered"), usage("once-1", "once", "2026-01-30T10:00:00Z", "9000")]


@pytest.fixture(scope="module")
def billed(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything loaded in two ticks, the second with what came late."""
    folder = tmp_path_factory.mktemp("traps")
    settings = make_settings(
        home=server.home, database_prefix=f"t{uuid.uuid4().hex[:12]}_", control_url=SecretStr(f"sqlite:///{folder}/c.db")
    )
    catalog = folder / "catalog"
    catalog.mkdir()
    for name, lines in CATALOG.items():
        (catalog / f"{name}.csv").write_text("".join(f"{line}\n" for line in lines))
    with contextlib.closing(connect(settings)) as client:
        migrate(client, settings)
        with open_stage(settings, client, folder) as stage:
            apply_folder(stage.control, client, settings, catalog)
            for name, events in (("first", FIRST), ("later", LATER)):
                path = folder / f"{name}.jsonl"
                path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
                load_file(client, settings, path)
                stage.tick(AS_OF, scope="all")
            yield stage
        for layer in LAYERS:
            client.command(f"DROP DATABASE IF EXISTS {settings.database(layer)} SYNC")


def total(stage: Stage, account: str, period: str = "2026-01") -> Decimal:
    """The account's lines of a month."""
    lines = f"{stage.settings.database('invoicing')}.invoice_lines"
    found = stage.client.query(f"SELECT sum(amount) FROM {lines} WHERE account_id = '{account}' AND period = '{period}'").result_rows
    return Decimal(found[0][0])


def test_trap_1_and_2_an_identity_counts_once_whatever_its_copies_say_and_however_late(billed: Stage) -> None:
    assert total(billed, "once") == Decimal(1)
    conflicts = billed.client.query(f"SELECT count() FROM {billed.settings.database('ops')}.event_conflicts").result_rows
    assert conflicts == [(2,)]


def test_trap_3_a_bad_value_is_rejected_and_never_becomes_zero(billed: Stage) -> None:
    assert total(billed, "bad") == Decimal(2)
    ops = billed.settings.database("ops")
    assert billed.client.query(f"SELECT reason_code, count() FROM {ops}.rejected_events GROUP BY 1").result_rows == [
        ("invalid_quantity", 2)
    ]
    accounting = f"SELECT sum(lines), sum(blank + accepted + duplicates + conflicts + rejected) FROM {ops}.event_accounting"
    lines, buckets = billed.client.query(accounting).result_rows[0]
    assert lines == buckets == len(FIRST) + len(LATER)


def test_trap_4_events_out_of_order_and_at_equal_times_give_the_same_intervals(billed: Stage) -> None:
    assert total(billed, "ties") == Decimal(4)


def test_trap_5_an_open_interval_ends_at_as_of(billed: Stage) -> None:
    assert total(billed, "open", "2026-02") == Decimal(2)


def test_trap_6_a_resize_within_the_hour_bills_each_part(billed: Stage) -> None:
    assert total(billed, "resize") == Decimal(3)


def test_trap_6_a_move_within_the_hour_bills_each_owner_its_part(billed: Stage) -> None:
    assert (total(billed, "mover"), total(billed, "taker")) == (Decimal(1), Decimal(3))


def test_trap_7_four_hundred_tiny_charges_round_once(billed: Stage) -> None:
    assert total(billed, "tiny") == Decimal("0.40")


def test_trap_8_an_event_at_midnight_belongs_to_the_new_month_once(billed: Stage) -> None:
    assert (total(billed, "midnight"), total(billed, "midnight", "2026-02")) == (Decimal(0), Decimal(1))


def test_trap_9_a_late_event_rates_the_whole_month_anew(billed: Stage) -> None:
    # 5 units, then 8: ten at 1, three at 0.5, the fee of the second tier once.
    assert total(billed, "late") == Decimal("14.50")


def test_trap_10_a_price_change_cuts_at_its_hour(billed: Stage) -> None:
    assert total(billed, "change") == Decimal(3)


def test_trap_12_minor_units_are_those_of_the_currency(billed: Stage) -> None:
    assert total(billed, "yen") == Decimal(51)  # 50.5
    assert total(billed, "dinar") == Decimal("0.051")  # 0.0505


def test_trap_25_twenty_seconds_are_twenty_seconds(billed: Stage) -> None:
    assert total(billed, "short") == Decimal("0.05")


def test_a_last_digit_that_moved_between_accounts_and_a_row_that_repeats_are_found(billed: Stage) -> None:
    settings, client = billed.settings, billed.client
    rating, metering = settings.database("rating"), settings.database("metering")
    damaged = {
        "consumption_is_rated_or_unrated": (f"{metering}.int_metered_hourly_versions", "quantity", 12),
        "days_add_up_the_hours": (f"{rating}.charges_hourly_versions", "list_amount_unrounded", 32),
        "days_of_lines_add_up_the_resources": (f"{rating}.int_charged_daily_versions", "amount_unrounded", 32),
        "lines_add_up_the_days": (f"{rating}.int_charged_daily_versions", "amount_unrounded", 32),
    }

    def checks(scope: dbt.Scope) -> list[dbt.NodeResult]:
        results = dbt.build(settings, scope=scope, select=["test_type:generic", "test_type:singular"])
        return [result for result in results if result.unique_id.startswith("test.")]

    def move(giver: str, taker: str) -> None:
        for table, column, scale in set(damaged.values()):
            digit = f"toDecimal256('{Decimal(1).scaleb(-scale):f}', {scale})"
            client.command(
                f"ALTER TABLE {table} UPDATE {column} = {column} + if(account_id = '{taker}', {digit}, -{digit})"
                f" WHERE account_id IN ('{giver}', '{taker}') SETTINGS mutations_sync = 2"
            )

    views = f"FROM system.tables WHERE database = '{rating}' AND name IN ('charges_hourly', 'charges_daily')"
    definitions = dict(client.query(f"SELECT name, create_table_query {views}").result_rows)
    move("late", "bad")
    for name in definitions:
        twice = f"SELECT * FROM {rating}.{name}_versions FINAL ARRAY JOIN range(if(account_id = 'late', 2, 1)) AS number"
        client.command(f"CREATE OR REPLACE VIEW {rating}.{name} AS SELECT * EXCEPT (number) FROM ({twice})")
    # The last tick touched one of the two accounts.
    for scope, accounts in (("touched", {"late"}), ("all", {"late", "bad"})):
        found = {result.unique_id.split(".")[2]: result for result in checks(scope)}
        repeated = {name for name in found if name.startswith(("grain_charges_hourly_", "grain_charges_daily_"))}
        assert {
            name: {row["account_id"] for row in client.query(result.sql).named_results()}
            for name, result in found.items()
            if result.status == "fail"
        } == dict.fromkeys(damaged, accounts) | {name: {"late"} for name in repeated}
    for definition in definitions.values():
        client.command(definition.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
    move("bad", "late")
    assert {result.status for result in checks("all")} == {"pass"}


def test_a_line_that_is_rounded_wrongly_and_one_that_is_missing_are_found(billed: Stage) -> None:
    client, lines = billed.client, f"{billed.settings.database('invoicing')}.int_recomputed_lines_versions"

    def found() -> set[str]:
        results = dbt.build(billed.settings, scope="touched", select=["lines_add_up_the_days"])
        (check,) = (result for result in results if "lines_add_up_the_days" in result.unique_id)
        return {row["account_id"] for row in client.query(check.sql).named_results()}

    def damage(change: str) -> None:
        client.command(f"ALTER TABLE {lines} {change} WHERE account_id = 'late' SETTINGS mutations_sync = 2")

    assert found() == set()
    damage("UPDATE amount = amount + 0.01")
    assert found() == {"late"}
    damage("UPDATE amount = amount - 0.01")
    assert found() == set()
    damage("UPDATE _is_deleted = 1")
    assert found() == {"late"}
    damage("UPDATE _is_deleted = 0")
    assert found() == set()


def test_trap_11_a_rebuild_from_raw_alone_gives_the_same_tables_and_a_difference_is_shown(billed: Stage) -> None:
    found = compare(billed.client, billed.settings)
    assert [comparison.table for comparison in found] == list(TABLES)
    assert [comparison.first_difference for comparison in found] == [""] * len(TABLES)
    assert all(comparison.row_count for comparison in found if comparison.table in ("metering.consumption_hourly", "invoicing.invoices"))

    rating = billed.settings.database("rating")
    billed.client.command(f"ALTER TABLE {rating}.charges_daily_versions DELETE WHERE account_id = 'once' SETTINGS mutations_sync = 2")
    broken = {comparison.table: comparison for comparison in compare(billed.client, billed.settings)}["rating.charges_daily"]
    assert (broken.missing_count, broken.extra_count) == (1, 0)
    assert '"account_id":"once"' in broken.first_difference
