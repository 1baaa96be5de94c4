"""The entry point: puts the verbs together and turns every end into an exit code.

0 done, 1 failed (one sentence on stderr, no traceback), 2 wrong usage.
"""

from __future__ import annotations

import decimal
import gc
import select
import signal
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError

from orchestration.cli import (
    accounts,
    backup,
    bench,
    billing,
    catalog,
    debt,
    demo,
    export,
    fraud,
    jobs,
    kafka,
    keys,
    ledger,
    loading,
    payments,
    payouts,
    services,
    warehouse_verbs,
)
from warehouse.errors import MeterhouseError
from warehouse.settings import load_settings

FAILED = 1
DECIMAL_DIGITS = 77  # of ClickHouse's widest Decimal
# New objects between two looks for garbage. Python's own 700 make a tenth of a tick: what it imports and builds is no garbage.
OBJECTS_PER_COLLECTION = 50_000

app = typer.Typer(
    name="meterhouse",
    help="The billing system of a cloud, built on its data warehouse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (
    demo, services, warehouse_verbs, catalog, loading, billing, accounts, payments, payouts, debt, fraud, ledger, jobs, keys, kafka,
    backup, bench, export,
):  # fmt: skip
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    # The driver makes Decimals in this context; Python's own 28 digits would cut unrounded amounts.
    decimal.getcontext().prec = DECIMAL_DIGITS
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(args=arguments, prog_name="meterhouse")
    except MeterhouseError as error:
        _fail(str(error))
    except ClickHouseError as error:
        _fail(f"the warehouse refused a statement: {clickhouse_reason(error)}")
    except BrokenPipeError as error:
        if not _is_reader_gone():
            _fail(f"internal error, {type(error).__name__}: {error}{_kept_trace()}")
        sys.stderr.close()  # Python would complain once more while it flushes
        sys.exit(FAILED)
    except Exception as error:  # noqa: BLE001 - the last resort: a user never sees a traceback, but a developer needs it
        _fail(f"internal error, {type(error).__name__}: {first_line(str(error))}{_kept_trace()}")
    sys.exit(0)


def clickhouse_reason(error: ClickHouseError) -> str:
    """The server's own sentence, without the driver's frame around it."""
    text = first_line(str(error))
    start = text.find("DB::Exception: ")
    return text[start + len("DB::Exception: ") :].partition(" (for url ")[0] if start >= 0 else text


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "no message")


def _is_reader_gone() -> bool:
    """Whether nobody reads what we print any more; a pipe to a process of ours breaks with the same exception."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        poll.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _fail(sentence: str) -> NoReturn:
    print(f"meterhouse: {sentence}", file=sys.stderr)
    sys.exit(FAILED)


def _kept_trace() -> str:
    """Write the traceback where a developer finds it, and say where."""
    try:
        log = load_settings().home / "logs" / "errors.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat()} {' '.join(sys.argv[1:2])}\n{traceback.format_exc()}\n")
    except (OSError, MeterhouseError):
        return ""
    return f"; the traceback is in {log}"


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End as after Ctrl-C, so that servers this command started are stopped and its lease is given back."""
    sys.exit(FAILED)
