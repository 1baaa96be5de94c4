"""What history costs: the same slice, an empty tick and one late event on thirty days of events, beside none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from benchmarks.figures import BenchmarkError, Figure, Tell, gibibytes
from benchmarks.ground import Ground, ground
from benchmarks.history import History, on_history
from benchmarks.run import SliceRun, run_slice, written_slice
from benchmarks.slice import Slice, resource_texts
from benchmarks.slice_catalog import METERS, account_id
from benchmarks.statements import CommandRun
from orchestration.session import open_warehouse
from warehouse.settings import Settings

LATE_DAYS = 20

# All that is stored of an account's month. A tick need not read raw, whose events of other hours have not changed, so the
# figure is also given without it.
_RAW = "SELECT count() FROM {{raw}}.{table} WHERE account_id = '{account}' AND toYYYYMM(event_at) = {month}"
_DERIVED = "SELECT count() FROM {{{layer}}}.{table} WHERE account_id = '{account}' AND toYYYYMM({column}) = {month}"
_DERIVED_TABLES = (
    ("metering", "int_metered_hourly", "hour_at"),
    ("rating", "charges_hourly", "hour_at"),
    ("rating", "charges_daily", "charge_date"),
    ("rating", "int_charged_daily", "charge_date"),
)


@dataclass(frozen=True, kw_only=True)
class TickReading:
    """A tick, and the rows that the server read for it (system.events, so nothing is left out)."""

    command: CommandRun
    read_rows: int
    read_bytes: int


@dataclass(frozen=True, kw_only=True)
class LateFigures:
    """One late event on a history."""

    history_events: int
    empty: TickReading
    late: TickReading
    raw_rows: int  # of the account's month
    derived_rows: int  # of the account's month in metering and rating

    def figures(self) -> list[Figure]:
        """The table."""
        stored = self.raw_rows + self.derived_rows
        return [
            Figure(name="events of history", value=self.history_events, unit="events"),
            Figure(name="empty tick on history", value=self.empty.command.seconds),
            Figure(
                name="late event tick",
                value=self.late.command.seconds,
                beside=self.empty.command.seconds,
                beside_name="empty tick on history",
            ),
            Figure(name="rows read by an empty tick", value=self.empty.read_rows, unit="rows"),
            Figure(
                name="rows read by the late tick",
                value=self.late.read_rows,
                unit="rows",
                beside=stored,
                beside_name="rows of the account's month",
            ),
            Figure(name="bytes read by the late tick", value=self.late.read_bytes / 1e6, unit="MB"),
            Figure(name="rows of the account's month", value=stored, unit="rows"),
            Figure(name="of these raw", value=self.raw_rows, unit="rows"),
        ]

    def runs(self) -> list[CommandRun]:
        """The commands, for their statements."""
        return [self.empty.command, self.late.command]


@dataclass(frozen=True, kw_only=True)
class HistoryFigures:
    """The same slice without and with history."""

    empty: SliceRun
    empty_tick: CommandRun  # of an empty deployment
    filled: SliceRun
    late: LateFigures

    def figures(self) -> list[Figure]:
        """The table."""
        pairs = (
            ("files to raw", self.empty.load.seconds, self.filled.load.seconds),
            ("raw to drafts", self.empty.tick.seconds, self.filled.tick.seconds),
            ("files to drafts", self.empty.seconds, self.filled.seconds),
            ("empty tick", self.empty_tick.seconds, self.late.empty.command.seconds),
        )
        rows = [Figure(name=f"{name}, no history", value=empty) for name, empty, _ in pairs]
        rows += [Figure(name=f"{name}, on history", value=filled, beside=empty, beside_name="no history") for name, empty, filled in pairs]
        rows += [
            Figure(name="events of the slice", value=self.empty.events, unit="events"),
            Figure(name="peak memory, no history", value=gibibytes(self.empty.peak_bytes), unit="GiB"),
            Figure(
                name="peak memory, on history",
                value=gibibytes(self.filled.peak_bytes),
                unit="GiB",
                beside=gibibytes(self.empty.peak_bytes),
                beside_name="no history",
            ),
        ]
        return rows + [figure for figure in self.late.figures() if figure.name != "empty tick on history"]

    def runs(self) -> list[CommandRun]:
        """The commands, for their statements."""
        named = {"no history": self.empty, "on history": self.filled}
        return [
            CommandRun(name=f"{run.name}, {where}", seconds=run.seconds, output="", statements=run.statements)
            for where, figures in named.items()
            for run in (figures.load, figures.tick)
        ] + self.late.runs()


def bench_history(settings: Settings, *, events: int, history: int, tell: Tell, again: bool = False, keep: bool = False) -> HistoryFigures:
    """Measure a slice on an empty deployment, then a late event and the same slice on history.

    Raises:
        BenchmarkError: a count or a draft is not what the input must give.
        MeterhouseError: a step failed.
    """
    before = History(events=history, shape=Slice.scaled(events))
    written = written_slice(settings, before.shape)
    with ground(settings) as here, open_warehouse(here.deployment):
        here.apply_catalog(written.catalog)
        here.command("run")  # makes tables and views, which are there on history
        empty_tick = here.command("run")
        empty = run_slice(here, written)
        tell(f"slice without history: {empty.seconds:.1f} s")
    with on_history(settings, before, tell=tell, again=again, keep=keep) as here, open_warehouse(here.deployment):
        late = _late(here, before)
        here.settle()
        filled = run_slice(here, written)
    return HistoryFigures(empty=empty, empty_tick=empty_tick, filled=filled, late=late)


def bench_late(settings: Settings, *, events: int, history: int, tell: Tell, again: bool = False, keep: bool = False) -> LateFigures:
    """Measure a late event alone; for whoever works on just that.

    Raises:
        BenchmarkError: the event is not in the charges of its day.
        MeterhouseError: a step failed.
    """
    before = History(events=history, shape=Slice.scaled(events))
    with on_history(settings, before, tell=tell, again=again, keep=keep) as here, open_warehouse(here.deployment):
        return _late(here, before)


def _late(here: Ground, history: History) -> LateFigures:
    here.command("run")  # the version that runs may have other views than the one that made the history
    here.settle()
    empty = _reading(here, "empty tick")
    at = history.shape.start - timedelta(days=LATE_DAYS)
    texts = resource_texts(history.shape)
    meter = METERS[0]
    event = (
        f'{{"specversion":"1.0","id":"late","type":"usage.recorded",{texts.source[0]}"time":"{at:%Y-%m-%dT%H:%M:%SZ}",'
        f'"data":{{{texts.owner[0]}"metric":"{meter.metric}","quantity":"{meter.divisor * 1000}"}}}}'
    )
    (here.landing / "late.jsonl").write_text(event + "\n")
    account, month = account_id(0), f"{at:%Y%m}"
    charged = (
        f"SELECT toUInt64(sum(quantity)) FROM {{rating}}.charges_daily WHERE account_id = '{account}' AND charge_date = '{at:%Y-%m-%d}'"
    )
    quantity_before = here.value(charged)
    late = _reading(here, "late tick")
    if here.value(charged) - quantity_before not in (1000, 1001):  # the whole units of two sums
        raise BenchmarkError("the late event is not in the charges of its day")
    return LateFigures(
        history_events=history.written,
        empty=empty,
        late=late,
        raw_rows=sum(here.value(_RAW.format(table=table, account=account, month=month)) for table in ("usage_events", "lifecycle_events")),
        derived_rows=sum(
            here.value(_DERIVED.format(layer=layer, table=table, account=account, column=column, month=month))
            for layer, table, column in _DERIVED_TABLES
        ),
    )


def _reading(here: Ground, name: str) -> TickReading:
    """Run a tick and look at the server's counters before and after. Merges and other background work count nothing there."""
    counters = ("SelectedRows", "SelectedBytes")
    asked = "SELECT sum(value) FROM system.events WHERE event = '{counter}'"
    before = [here.value(asked.format(counter=counter)) for counter in counters]
    command = here.command("run", name=name)
    rows, read_bytes = (here.value(asked.format(counter=counter)) - value for counter, value in zip(counters, before, strict=True))
    return TickReading(command=command, read_rows=rows, read_bytes=read_bytes)
