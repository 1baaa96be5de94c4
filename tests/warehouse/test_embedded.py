"""The embedded server: starts once, keeps its data through a kill, stops cleanly, and lets in whom it should."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from pydantic import SecretStr

from tests.conftest import make_settings
from warehouse import embedded
from warehouse.client import connect
from warehouse.errors import WarehouseError
from warehouse.migrate import migrate
from warehouse.secrets import passwords
from warehouse.settings import Settings


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = make_settings(home=tmp_path_factory.mktemp("own"))
    embedded.start(settings.home)
    with contextlib.closing(connect(settings)) as client:
        migrate(client, settings)
    yield settings
    embedded.stop(settings.home)


def test_a_second_start_finds_the_running_server(own: Settings) -> None:
    assert embedded.start(own.home) == embedded.running(own.home)


def test_committed_rows_survive_a_kill(own: Settings) -> None:
    with contextlib.closing(connect(own)) as client:
        client.command("CREATE TABLE IF NOT EXISTS ops.survivors (n UInt64) ENGINE = MergeTree ORDER BY n")
        client.command("INSERT INTO ops.survivors SELECT number FROM numbers(1000)")
    state = embedded.running(own.home)
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    embedded.start(own.home)
    with contextlib.closing(connect(own)) as client:
        assert client.query("SELECT count() FROM ops.survivors").result_rows == [(1000,)]


def test_threads_that_merge_take_only_what_nobody_else_wants_of_the_machine(own: Settings) -> None:
    with contextlib.closing(connect(own)) as client:
        client.command("CREATE TABLE IF NOT EXISTS ops.merged (n UInt64) ENGINE = MergeTree ORDER BY n")
        for _ in range(3):
            client.command("INSERT INTO ops.merged SELECT number FROM numbers(1000)")
        client.command("OPTIMIZE TABLE ops.merged FINAL")
    state = embedded.running(own.home)
    assert state is not None
    deadline = time.monotonic() + 20
    while not (policies := _policies(state.pid, "MergeMutate")) or set(policies) != {os.SCHED_IDLE}:
        assert time.monotonic() < deadline, policies
        time.sleep(0.1)
    assert set(_policies(state.pid, "HTTPHandler")) == {os.SCHED_OTHER}


def _policies(pid: int, name: str) -> list[int]:
    """How the threads of a process that are called so are scheduled."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # ended meanwhile
            if (task / "comm").read_text().strip() == name:
                found.append(os.sched_getscheduler(int(task.name)))
    return found


def test_the_pipeline_compiles_no_functions_and_gives_way_to_readers(own: Settings) -> None:
    compiling = ("compile_expressions", "compile_aggregate_expressions", "compile_sort_description")
    asked = ", ".join(f"getSetting('{name}')" for name in (*compiling, "os_threads_nice_value_query"))
    for user, expected in (("pipeline", (False, False, False, 10)), ("analyst", (True, True, True, 0))):
        with contextlib.closing(connect(own, user=user)) as client:
            assert client.query(f"SELECT {asked}").result_rows == [expected]


def test_a_stop_leaves_no_process_and_a_stale_record_is_ignored(tmp_path: Path) -> None:
    state = embedded.start(tmp_path)
    assert embedded.stop(tmp_path)
    assert not Path(f"/proc/{state.pid}").exists()
    record = embedded.folder(tmp_path) / "server.json"
    record.write_text(f'{{"pid": {os.getpid()}, "http_port": 1, "tcp_port": 1}}')  # a pid that another program has now
    assert embedded.running(tmp_path) is None
    assert not embedded.stop(tmp_path)


def test_a_server_that_another_installation_started_is_found_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = embedded.start(tmp_path)
    monkeypatch.setattr(embedded, "_PROGRAM", Path("/another/installation/warehouse/server_process.py"))
    with monkeypatch.context() as another:
        another.setattr(embedded, "_children", {})  # it did not start the server
        assert embedded.running(tmp_path) == state
    assert embedded.stop(tmp_path)
    assert not Path(f"/proc/{state.pid}").exists()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    base = embedded.folder(tmp_path)
    base.mkdir(parents=True)
    (base / "data").write_text("not a folder")
    with pytest.raises(WarehouseError, match="did not start; the end of"):
        embedded.start(tmp_path)
    assert embedded.running(tmp_path) is None


def test_nobody_without_a_password_runs_anything(own: Settings) -> None:
    state = embedded.running(own.home)
    assert state is not None
    refused = 0
    for query in ("SELECT * FROM file('/etc/passwd', LineAsString)", "SELECT 1", "SELECT * FROM ops.batches", "SHOW DATABASES"):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{state.http_port}/?query={urllib.parse.quote(query)}") as reply:
                answer = reply.read()
            assert b"root" not in answer
        except urllib.error.HTTPError as error:
            refused += 1
            error.close()
    assert refused >= 3


def test_the_analyst_reads_the_layers_and_writes_nothing(own: Settings) -> None:
    with contextlib.closing(connect(own, user="analyst")) as analyst:
        assert analyst.query("SELECT count() FROM ops.batches").result_rows == [(0,)]
        # Without it an ORDER BY over finops.focus_cost_and_usage may be refused: docs/focus.md.
        assert analyst.query("SELECT getSetting('query_plan_execute_functions_after_sorting')").result_rows == [(False,)]
        for statement in (
            "SELECT count() FROM raw.control_accounts",
            "CREATE TABLE ops.mine (n UInt8) ENGINE = Memory",
            "INSERT INTO ops.ticks (tick_id) VALUES (1)",
            "DROP TABLE ops.batches",
        ):
            with pytest.raises(ClickHouseError):
                analyst.command(statement)


def test_passwords_lie_in_one_private_file_and_in_no_other(own: Settings) -> None:
    secret = own.home / "passwords.json"
    assert secret.stat().st_mode & 0o777 == 0o600
    for path in own.home.rglob("*"):
        if path.is_file() and path != secret and path.stat().st_size < 1_000_000:
            content = path.read_bytes()
            assert not any(password.encode() in content for password in passwords(own.home).values()), path


def test_a_wrong_password_and_a_silent_server_are_told_apart(own: Settings) -> None:
    state = embedded.running(own.home)
    assert state is not None
    url = f"http://127.0.0.1:{state.http_port}"
    with pytest.raises(WarehouseError, match="refused user pipeline: wrong user or password"):
        connect(make_settings(clickhouse_url=url, clickhouse_user="pipeline", clickhouse_password=SecretStr("wrong")))
    with pytest.raises(WarehouseError, match="does not answer"):
        connect(make_settings(clickhouse_url="http://127.0.0.1:1"))


def test_any_server_by_url_is_the_same_warehouse(own: Settings) -> None:
    state = embedded.running(own.home)
    assert state is not None
    external = make_settings(
        clickhouse_url=f"http://127.0.0.1:{state.http_port}",
        clickhouse_user="pipeline",
        clickhouse_password=SecretStr(passwords(own.home)["pipeline"]),
        database_prefix="external_",
    )
    with contextlib.closing(connect(external)) as client:
        assert migrate(client, external) == sorted(path.stem for path in (Path("warehouse/migrations")).glob("*.sql"))
        assert migrate(client, external) == []


def test_migrations_change_tables_that_belong_to_dbt_where_they_are(own: Settings) -> None:
    hours, days = "metering.int_metered_hourly_versions", "rating.int_charged_daily_versions"
    replacing = "ENGINE = ReplacingMergeTree(_version, _is_deleted) PARTITION BY toYYYYMM(charge_date)"
    key = "account_id, sku_id, charge_date, charge_type, price_id"
    lives, charges = "metering.int_resource_intervals_versions", "rating.charges_hourly_versions"
    of_lives = (
        "is_open Bool, resource_id String, source String, started_at DateTime64(3, 'UTC'), sequence Int64, kind String, event_id String,"
        " ended_at DateTime64(3, 'UTC'), metrics Map(LowCardinality(String), Decimal(38, 9)), labels Map(LowCardinality(String), String),"
        " _version UInt64, _is_deleted UInt8"
    )
    columns = "account_id String, sku_id String, charge_date Date, charge_type String, price_id String, _version UInt64, _is_deleted UInt8"
    with contextlib.closing(connect(own)) as client:
        client.command(f"CREATE TABLE {hours} (n UInt8, labels Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY n")
        client.command(f"INSERT INTO {hours} VALUES (1, {{'team': 'a'}})")
        client.command(f"CREATE TABLE {days} ({columns}) {replacing} ORDER BY ({key})")
        client.command(f"INSERT INTO {days} SELECT 'a', 's', toDate('2026-01-01') + number, 'usage', 'p', 1, number = 0 FROM numbers(31)")
        client.command(
            f"CREATE TABLE {lives} ({of_lives}) ENGINE = ReplacingMergeTree(_version, _is_deleted) PARTITION BY is_open"
            " ORDER BY (is_open, resource_id, source, started_at, sequence, kind, event_id)"
        )
        for version, end in ((1, "2026-01-20"), (2, "2026-01-03")):  # one interval, whose end came forward
            client.command(
                f"INSERT INTO {lives} VALUES (0, 'vm', '/s', '2026-01-02', 0, 'created', 'e', '{end}', {{}}, {{}}, {version}, 0)"
            )
        client.command(
            f"CREATE TABLE {charges} (hour_at DateTime64(3, 'UTC'), account_id String, sku_id String, project_id String,"
            " resource_id String, region String, charge_type String, price_id String, labels Map(LowCardinality(String), String),"
            " _version UInt64, _is_deleted UInt8) ENGINE ="
            " ReplacingMergeTree(_version, _is_deleted) PARTITION BY toYYYYMM(hour_at)"
            " ORDER BY (toDate(hour_at), account_id, sku_id, hour_at, project_id, resource_id, region, charge_type, price_id)"
        )
        for version in (1, 2):
            client.command(
                f"INSERT INTO {charges} SELECT '2026-01-31 23:00:00', 'a', toString(number), '', 'r', '', 'usage', 'p', map(), {version},"
                f" number = 1 AND {version} = 2 FROM numbers(3)"
            )
        client.command("DELETE FROM ops.schema_migrations WHERE name >= '0019'")

        for _ in range(2):  # again where the first try died before it was written down
            assert migrate(client, own) == ["0019_plain_map_keys", "0020_by_week", "0021_charges_by_hour_of_account"]
            client.command("DELETE FROM ops.schema_migrations WHERE name >= '0019'")
        assert client.query(f"SELECT labels, toTypeName(labels) FROM {hours}").result_rows == [({"team": "a"}, "Map(String, String)")]
        assert client.query(f"SELECT count(), max(charge_date), uniqExact(_partition_id) FROM {days} FINAL").result_rows == [
            (30, date(2026, 1, 31), 5)
        ]
        assert client.query(f"SELECT toDate(ended_at), _partition_id FROM {lives} FINAL").result_rows == [(date(2026, 1, 3), "20251229")]
        assert client.query("SELECT name FROM system.tables WHERE match(name, '_by_(week|hour)$')").result_rows == []
        assert client.query(f"SELECT groupArray(sku_id), any(_version) FROM {charges}").result_rows == [(["0", "2"], 2)]
        assert client.query("SELECT sorting_key FROM system.tables WHERE name = 'charges_hourly_versions'").result_rows == [
            ("toDate(hour_at), account_id, hour_at, sku_id, project_id, resource_id, region, charge_type, price_id",)
        ]
        for table in (hours, days, lives, charges):
            client.command(f"DROP TABLE {table}")
        migrate(client, own)


def test_a_server_is_stopped_at_once_whoever_keeps_a_connection_open_and_however_young_it_is(tmp_path: Path) -> None:
    for idle in (0, 2, 0):
        state = embedded.start(tmp_path)
        with contextlib.ExitStack() as kept:
            for _ in range(idle):
                connection = kept.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", state.http_port)))
                connection.request("GET", "/ping")
                connection.getresponse().read()
            started = time.monotonic()
            embedded.stop(tmp_path)
            assert time.monotonic() - started < 4  # the engine's own patience with connections is 5 seconds
