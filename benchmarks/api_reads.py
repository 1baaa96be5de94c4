"""Month-to-date breakdowns through the public API: HTTP, key, rate limit and JSON included, with 20 k accounts in the warehouse.

The product makes its tables by billing a small month. The server fills the charges of all other accounts in: a row a day for
each resource of each account, as the models store them. Then the API, a process of its own, is asked for breakdowns of accounts
by chance, by the clock: latency counts from when a request was due, as in reads.py.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.figures import BenchmarkError, Figure, Tell, percentile
from benchmarks.ground import Ground, ground
from control.domain.accounts import AccountRow
from control.services.accounts import upsert_accounts
from control.services.api_keys import create_key
from orchestration.api import HEALTH_PATH
from orchestration.session import open_warehouse
from warehouse.settings import Settings

ACCOUNTS = 20_000
RESOURCES = 10  # of each account
DAYS = 28
_SEED_EVENTS, _SEED_ACCOUNTS = 2_000, 20
REQUESTS_A_SECOND = 10
SECONDS = 20.0
WANTED_MILLISECONDS = 100.0
_CLIENTS = 8
_MONTH = "2026-03-01"
_START_SECONDS = 60.0
# What is asked of each account: its cost by SKU, by day and service, and its hundred first resources.
QUESTIONS = {
    "by SKU": {"group_by": "sku_id"},
    "by day and service": {"group_by": "service", "granularity": "day"},
    "by resource": {"group_by": "resource_id"},
}


@dataclass(frozen=True, kw_only=True)
class ApiFigures:
    """Milliseconds of each request, by question."""

    accounts: int  # with charges in the month
    rows: int  # of rating.charges_daily in the month
    milliseconds: dict[str, list[float]]

    def figures(self) -> list[Figure]:
        """The table; p99 beside what is wanted."""
        rows = [
            Figure(
                name=f"{name}: p{percent}",
                value=percentile(values, percent),
                unit="ms",
                beside=WANTED_MILLISECONDS if percent == 99 else None,
                beside_name="100 ms",
            )
            for name, values in self.milliseconds.items()
            for percent in (50, 99)
        ]
        counts = {"accounts": self.accounts, "rows of charges_daily": self.rows, "requests": sum(map(len, self.milliseconds.values()))}
        return [*rows, *(Figure(name=name, value=value, unit=name.split()[0]) for name, value in counts.items())]


def bench_api(settings: Settings, *, accounts: int = ACCOUNTS, seconds: float = SECONDS, tell: Tell, keep: bool = False) -> ApiFigures:
    """Ask on a month of so many accounts.

    Raises:
        BenchmarkError: a request was not answered 200, or an account with charges has no cost.
        MeterhouseError: a step failed.
    """
    with ground(settings, keep=keep) as here, open_warehouse(here.deployment):
        given = here.settings.home / "generated"
        here.command("generate", "--events", str(_SEED_EVENTS), "--seed", "1", "--accounts", str(_SEED_ACCOUNTS), "--out", str(given))
        here.apply_catalog(given / "catalog")
        here.command("ingest", str(given / "events"))
        here.command("run")
        with here.deployment.control() as control:
            rows = [AccountRow(account_id=_account(number), name="A", currency_code="USD", country_code="DE") for number in range(accounts)]
            upsert_accounts(control, rows)
            _, key = create_key(control, "benchmark", scopes=["usage:read"], now=here.settings.now())
        _fill(here, accounts)
        here.settle()
        tell(f"{accounts:,} accounts have a month of charges")
        return _asked(here, key, seconds=seconds)


def _account(number: int) -> str:
    return f"bench-{number:06d}"


def _fill(here: Ground, accounts: int) -> None:
    """A month of charges of every account, in the table that the view shows the newest versions of."""
    with here.deployment.warehouse() as client:
        client.command(
            f"""
            INSERT INTO {here.settings.database("rating")}.charges_daily_versions
            (account_id, project_id, resource_id, region, sku_id, service, charge_date, charge_type, price_id, currency_code,
             quantity, unit, list_amount_unrounded, amount_unrounded, _version, _is_deleted)
            SELECT
                concat('bench-', leftPad(toString(intDiv(number, {RESOURCES})), 6, '0')),
                concat('project-', toString(number % 3)),
                concat('resource-', toString(number)),
                'eu-north1',
                concat('sku-', toString(number % {RESOURCES})),
                concat('service-', toString(number % 4)),
                day,
                'usage',
                concat('price-', toString(number % {RESOURCES})),
                'USD',
                toDecimal256(24, 12),
                'hour',
                toDecimal256('0.295', 32),
                toDecimal256('0.265', 32),
                1, 0
            FROM numbers({accounts * RESOURCES})
            ARRAY JOIN arrayMap(each -> toDate('{_MONTH}') + each, range({DAYS})) AS day
            """
        )


def _asked(here: Ground, key: str, *, seconds: float) -> ApiFigures:
    with here.deployment.warehouse() as client:
        month = f"toDate('{_MONTH}') AND charge_date < toDate('{_MONTH}') + {DAYS}"
        (rows,) = client.query(
            f"SELECT count() FROM {here.settings.database('rating')}.charges_daily WHERE charge_date >= {month}"
        ).result_rows[0]
        found = client.query(
            f"SELECT DISTINCT account_id FROM {here.settings.database('rating')}.charges_daily"
            f" WHERE charge_date = '{_MONTH}' AND startsWith(account_id, 'bench-') ORDER BY account_id"
        )
    known = [row[0] for row in found.result_rows]
    random.Random(1).shuffle(known)  # noqa: S311 - the same order in each run
    with _served(here.settings) as port:
        ask = _Asking(port, key, known, f"{_MONTH}T00:00:00Z")
        milliseconds = {name: ask.through(question, seconds) for name, question in QUESTIONS.items()}
    return ApiFigures(accounts=len(known), rows=rows, milliseconds=milliseconds)


class _Asking:
    """Asks by the clock, each thread on a connection of its own."""

    def __init__(self, port: int, key: str, accounts: list[str], month: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {key}"}
        self._accounts = accounts
        self._month = month
        self._own = threading.local()

    def through(self, question: dict[str, str], seconds: float) -> list[float]:
        """Milliseconds of each request of so many seconds, from when it was due."""
        with ThreadPoolExecutor(_CLIENTS) as pool:
            list(pool.map(lambda number: self._ask(question, number), range(20 * _CLIENTS)))  # connections are made, marks are read
            started = time.perf_counter()
            pending = []
            for number in range(int(seconds * REQUESTS_A_SECOND)):
                due = started + number / REQUESTS_A_SECOND
                time.sleep(max(0.0, due - time.perf_counter()))
                pending.append(pool.submit(self._timed, question, number, due))
            return [future.result() for future in pending]

    def _timed(self, question: dict[str, str], number: int, due: float) -> float:
        self._ask(question, number)
        return (time.perf_counter() - due) * 1000

    def _ask(self, question: dict[str, str], number: int) -> None:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        account = self._accounts[number % len(self._accounts)]
        query = urlencode({"account_id": account, "start": self._month, **question})
        self._own.connection.request("GET", f"/v1/costs?{query}", headers=self._headers)
        reply = self._own.connection.getresponse()
        text = reply.read()
        if reply.status != 200 or not json.loads(text)["items"]:
            raise BenchmarkError(f"the API answered {reply.status} for the cost of {account}: {text[:200]!r}")


@contextmanager
def _served(own: Settings) -> Iterator[int]:
    """The API of a deployment in a process of its own; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = {
        "METERHOUSE_HOME": str(own.home),
        "METERHOUSE_DATABASE_PREFIX": own.database_prefix,
        "METERHOUSE_CLICKHOUSE_URL": own.clickhouse_url or "",
        "METERHOUSE_API_REQUESTS_A_MINUTE": "1000000",
    }
    command = ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items())]
    command += [sys.executable, "-m", "orchestration.api", "--port", str(port)]
    with (own.home / "api.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parent.parent)  # noqa: S603 - our own program
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            try:
                connection.request("GET", HEALTH_PATH)
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.05)
    raise BenchmarkError("the API did not start")
