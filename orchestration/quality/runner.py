"""The program of the checks' process: asks Great Expectations, prints what it found.

It runs by its path and imports nothing of ours: it starts with the tick and imports for as long as the models compute.
A line of JSON on stdin for each request, a line on stdout for each answer:

    {"connection": {...}, "expectations": [{"name", "slice", "unexpected"}], "shown_rows": 3}
    {"results": [{"name", "count", "rows": [{column: text}], "error"}]}

The password comes through stdin and goes to the driver alone, so that it is in no URL, argument or log.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar, TextIO

# Great Expectations imports them for charts and distributions, which no check of ours has: a third of what this process computes.
POSTPONED = ("altair", "scipy.stats")


def _postpone(name: str) -> None:
    """Let the module be imported when something of it is first used, and not before."""

    def attribute(wanted: str) -> object:
        if wanted.startswith("__"):  # who asks every module for its file uses nothing of it
            raise AttributeError(wanted)
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(import_module(name), wanted)

    stand_in = ModuleType(name)
    vars(stand_in)["__getattr__"] = attribute
    sys.modules[name] = stand_in


# As in cli/main.py: what an import makes is no garbage.
gc.set_threshold(50_000)
for _name in POSTPONED:
    _postpone(_name)

import great_expectations as gx  # noqa: E402 - see above
from great_expectations.core.batch_definition import BatchDefinition  # noqa: E402
from great_expectations.data_context.types.base import (  # noqa: E402
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.execution_engine.execution_engine import ExecutionEngine  # noqa: E402
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation  # noqa: E402

# As in warehouse/client.py: without it, checks on a server whose disk is full find nothing, and pass.
_ANSWER_BYTES = 256 << 20


# Columns of an answer: how many rows a query finds, and the first of them, each as JSON.
_COUNT, _ROWS = "row_count", "first_rows"


class ExpectNoRows(UnexpectedRowsExpectation):
    """Asks once how many rows there are and for the first. What it is made from asks for all of them and then counts them anew."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002 - given by the caller
        execution_engine: ExecutionEngine[Any] | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        (answer,) = (dict(row) for row in metrics["unexpected_rows_query.table"])
        rows = [json.loads(row, parse_int=str, parse_float=str) for row in answer[_ROWS]]
        return {
            "success": answer[_COUNT] == 0,
            "result": {"observed_value": answer[_COUNT], "unexpected_rows": rows},
        }


def _counted(query: str, *, shown_rows: int) -> str:
    """One row, also where there is none: of an answer without rows the driver asks the statement anew for its columns."""
    return f"SELECT count() AS {_COUNT}, groupArray({shown_rows})(toValidUTF8(formatRow('JSONEachRow', *))) AS {_ROWS} FROM ({query})"


def main() -> None:
    """Answer requests until the other side goes away."""
    answers = _only_for_answers()
    logging.disable(logging.CRITICAL)  # what matters is in the answer; a driver's log could show a connection
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        answers.write(json.dumps({"results": validate(json.loads(line))}) + "\n")
        answers.flush()
    os._exit(0)  # the command waits for our end, and taking apart what was imported takes a second


def validate(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Run all expectations, those of one slice together."""
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
            store_backend_defaults=InMemoryStoreBackendDefaults(),
        ),
    )
    at = request["connection"]
    source = context.data_sources.add_sql(
        "warehouse",
        connection_string=f"clickhousedb://{at['user']}@{at['host']}:{at['port']}/{at['database']}",
        create_temp_table=False,
        # Arguments of SQLAlchemy's create_engine; the type stub does not know them.
        kwargs={"connect_args": {"password": at["password"], "secure": at["secure"], "buffer_size": _ANSWER_BYTES}},  # type: ignore[call-arg]
    )
    slices: dict[str, list[dict[str, str]]] = {}
    for item in request["expectations"]:
        slices.setdefault(item["slice"], []).append(item)
    results = []
    for number, (query, items) in enumerate(slices.items()):
        batch = source.add_query_asset(f"slice_{number}", query=query).add_batch_definition_whole_table("all")
        results += _look(batch, items, shown_rows=request["shown_rows"])
    return results


def _look(definition: BatchDefinition[Any], items: Sequence[dict[str, str]], *, shown_rows: int) -> list[dict[str, Any]]:
    suite = gx.ExpectationSuite(
        name=definition.data_asset.name,
        expectations=[
            ExpectNoRows(unexpected_rows_query=_counted(item["unexpected"], shown_rows=shown_rows), meta={"name": item["name"]})
            for item in items
        ],
    )
    validation = definition.get_batch().validate(suite, result_format="COMPLETE")
    found = []
    for result in validation.results:
        expectation = result.expectation_config
        if expectation is None:
            raise ValueError("Great Expectations gave a result without its expectation")
        errors = [info for info in _exceptions(result.exception_info) if info.get("raised_exception")]
        found.append(
            {
                "name": expectation.meta["name"],
                "count": int(result.result.get("observed_value") or 0),
                "rows": [{name: str(value) for name, value in row.items()} for row in result.result.get("unexpected_rows", [])],
                "error": str(errors[0]["exception_message"]).splitlines()[0] if errors else "",
            }
        )
    return found


def _exceptions(info: dict[str, Any]) -> list[dict[str, Any]]:
    """One exception, or one by metric: Great Expectations has both forms."""
    return [info] if "raised_exception" in info else list(info.values())


def _only_for_answers() -> TextIO:
    """The stdout we were started with; whatever a library prints goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


if __name__ == "__main__":
    main()
