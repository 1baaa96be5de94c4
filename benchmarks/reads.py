"""Month-to-date cost of one account, asked fifty times a second while a slice is loaded and billed.

Two questions can be asked, of accounts by chance: the account's cost by SKU, as an API would, or the whole cost page
(dashboards/queries.py). Requests start by the clock, whether or not earlier ones have ended, and latency counts from when
a request was due: a stall shows in all requests it holds up. One that would start ten seconds late is given up and
counts as that late, so that a server which cannot keep up is not buried.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from clickhouse_connect.driver.client import Client

from benchmarks.figures import BenchmarkError, Figure, Tell, percentile
from benchmarks.history import History, on_history
from benchmarks.run import written_slice
from benchmarks.slice import Slice
from dashboards.formatting import period_bounds
from dashboards.queries import CostFilter, cost_report
from orchestration.session import open_warehouse
from warehouse.client import connect
from warehouse.settings import Settings

REQUESTS_A_SECOND = 50
_CLIENTS = 16
_IDLE_SECONDS = 10.0
_GIVEN_UP_SECONDS = 10.0
# No longer than this a phase is asked through: what goes on beside it may take ten times as long while it is.
_LONGEST_SECONDS = 120.0
_BY_SKU = """
SELECT sku_id, currency_code, sum(quantity), sum(amount_unrounded) FROM {rating}.int_charged_daily
WHERE account_id = {{account:String}} AND charge_date >= {{start:Date}} AND charge_date < {{end:Date}}
GROUP BY sku_id, currency_code
"""


Question = Literal["account", "page"]
"""What is asked of an account."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Requests while something else went on."""

    name: str
    seconds: tuple[float, ...]  # of each request, from when it was due
    wall_seconds: float
    given_up: int  # of them, those that never started

    def figures(self, beside: Phase | None) -> list[Figure]:
        """p50 and p99, and how many requests a second were answered."""
        rows = [
            Figure(
                name=f"{self.name}: p{percent}",
                value=percentile(self.seconds, percent) * 1000,
                unit="ms",
                beside=percentile(beside.seconds, percent) * 1000 if beside else None,
                beside_name=beside.name if beside else "",
            )
            for percent in (50, 99)
        ]
        return [
            *rows,
            Figure(name=f"{self.name}: answered", value=(len(self.seconds) - self.given_up) / self.wall_seconds, unit="requests/s"),
            Figure(name=f"{self.name}: given up", value=self.given_up, unit="requests"),
        ]


def figures(phases: list[Phase]) -> list[Figure]:
    """The table: each phase beside the idle one."""
    return [figure for place, phase in enumerate(phases) for figure in phase.figures(phases[0] if place else None)]


def bench_reads(
    settings: Settings, *, events: int, history: int, question: Question, tell: Tell, again: bool = False, keep: bool = False
) -> list[Phase]:
    """Ask on history: nothing else going on, while a slice is loaded, and while it is billed.

    Raises:
        BenchmarkError: a request failed or found no cost.
        MeterhouseError: a step failed.
    """
    before = History(events=history, shape=Slice.scaled(events))
    written = written_slice(settings, before.shape)
    with on_history(settings, before, tell=tell, again=again, keep=keep) as here, open_warehouse(here.deployment):
        here.command("run")
        here.settle()
        period = f"{before.shape.start:%Y-%m}"
        phases: list[Phase] = []
        steps: dict[str, Callable[[], object]] = {
            "idle": lambda: time.sleep(_IDLE_SECONDS),
            "while a slice loads": lambda: here.command("ingest", str(written.events)),
            "while it is billed": lambda: here.command("run"),
        }
        with _asking(here.settings, question, period) as ask:
            for name, work in steps.items():
                phases.append(_phase(name, work, ask))
                tell(f"{name}: {len(phases[-1].seconds):,} requests")
    return phases


@contextmanager
def _asking(settings: Settings, question: Question, period: str) -> Iterator[Callable[[int], None]]:
    """A function that asks for the cost of the account that a number chooses, on a connection of its thread."""
    here = threading.local()
    statement = f"SELECT DISTINCT account_id FROM {settings.database('rating')}.charges_daily ORDER BY account_id"
    with contextlib.ExitStack() as clients:

        def open_client() -> Client:
            # The dashboards' user; a configured server need not have one.
            return clients.enter_context(contextlib.closing(connect(settings, user="analyst" if settings.is_embedded else "pipeline")))

        accounts = [row[0] for row in open_client().query(statement).result_rows]
        random.Random(1).shuffle(accounts)  # noqa: S311 - the same order in each run

        start, end = period_bounds(period)

        def ask(number: int) -> None:
            if not hasattr(here, "client"):
                here.client = open_client()
            account = accounts[number % len(accounts)]
            if question == "page":
                found: Sized = cost_report(here.client, settings, CostFilter(period=period, accounts=(account,))).totals
            else:
                asked = {"account": account, "start": start, "end": end}
                found = here.client.query(_BY_SKU.format(rating=settings.database("rating")), parameters=asked).result_rows
            if not found:
                raise BenchmarkError(f"account {account} has charges, and no cost was found")

        yield ask


def _phase(name: str, work: Callable[[], object], ask: Callable[[int], None]) -> Phase:
    """Ask by the clock for as long as the work takes."""
    done = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asks
            failed.append(error)
        finally:
            done.set()

    latencies: list[float] = []
    given_up: list[int] = []

    def request(number: int, due: float) -> None:
        if time.perf_counter() - due > _GIVEN_UP_SECONDS:
            given_up.append(number)
        else:
            ask(number)
        latencies.append(time.perf_counter() - due)

    worker = threading.Thread(target=run, name=name)
    pool = ThreadPoolExecutor(_CLIENTS)
    try:
        for future in [pool.submit(ask, number) for number in range(_CLIENTS)]:
            future.result()  # connections are made before the clock starts
        started = time.perf_counter()
        worker.start()
        pending: list[Future[None]] = []
        while not done.is_set() and time.perf_counter() - started < _LONGEST_SECONDS:
            due = started + len(pending) / REQUESTS_A_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            pending.append(pool.submit(request, len(pending), due))
        for future in pending:
            future.result()
        wall = time.perf_counter() - started
        worker.join()
    finally:
        pool.shutdown(cancel_futures=True)
    if failed:
        raise failed[0]
    return Phase(name=name, seconds=tuple(latencies), wall_seconds=wall, given_up=len(given_up))
