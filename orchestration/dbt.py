"""Runs the dbt project inside this process: parsed once per version of its files, connected through the environment.

The models and their tests are in dbt_project/; how they become Dagster assets is in assets/models.py. A dbt process of its
own would import for longer than an empty tick computes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from clickhouse_connect.driver.client import Client

from ingestion.sql.literals import text
from warehouse.client import connect, endpoint
from warehouse.errors import MeterhouseError
from warehouse.settings import Settings

PROJECT = Path(__file__).parent.parent
PROFILES = PROJECT / "dbt_project"
# The parsed project depends on the checkout alone and lies there, as bytecode does, for all homes.
TARGET = PROJECT / "target"

FINGERPRINTS = "int_fingerprints"
"""The model that tests of other models read."""

Scope = Literal["touched", "all"]
"""What tests look at: the days that the tick touched, or everything."""

_NOT_VIEWS = (
    "config.materialized:keyed", "config.materialized:touched", "config.materialized:scratch", "test_type:generic", "test_type:singular",
)  # fmt: skip

# An address with all settings of a statement in it, which a driver shows where the server does not answer.
_ADDRESS = re.compile(r" with url: \S+")

_INSTANT = "%Y-%m-%d %H:%M:%S.%f"

# The environment is one per process, so two calls must not overlap.
_environment_lock = threading.Lock()


class DbtError(MeterhouseError):
    """dbt could not do what it was asked: a model failed, or the project does not parse."""


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """What became of one model or test."""

    unique_id: str
    status: str  # success, error, skipped; of tests: pass, warn, fail, error, skipped
    message: str
    failure_count: int  # rows a test found
    seconds: float
    sql: str  # as sent, empty where it was not


def target_folder(home: Path) -> Path:
    """Where everything that dbt writes for a home goes."""
    return home / "dbt"


def manifest(settings: Settings) -> dict[str, Any]:
    """The parsed project as JSON. Connects to nothing; parses only when a file of the project or a version changed.

    Raises:
        DbtError: the project does not parse.
    """
    content: dict[str, Any] = json.loads((_parsed(settings) / "manifest.json").read_text())
    return content


def build(settings: Settings, *, scope: Scope = "touched", select: Sequence[str] = ()) -> list[NodeResult]:
    """Run models and tests in the order of the graph; a test that fails keeps what stands on its model from running.

    Args:
        settings: of the deployment; dbt connects as its pipeline user.
        scope: what the tests look at.
        select: dbt node names, whose tests run as well; default: all.

    Raises:
        DbtError: dbt itself failed, or left something out. Models and tests that failed are in the result.
    """
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - seconds to import; most commands need no model
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415

    folder = _parsed(settings)
    project = Manifest.from_msgpack((folder / "partial_parse.msgpack").read_bytes())
    _put_prefix(project, settings.database_prefix)
    # What macros see of other models (inlined); dbt's own copy of the whole graph takes longer than an empty tick's statements.
    project.flat_graph = {"nodes": {name: {"raw_code": node.raw_code} for name, node in project.nodes.items()}}
    target = target_folder(settings.home) / f"{settings.database_prefix}run"  # two environments of a home may tick at once
    arguments = ["build", *_flags(target), "--no-write-json"]
    unchanged: list[str] = []
    with contextlib.closing(connect(settings)) as client:
        is_unchanged = _built_version(client, settings) == _key()
        tick = _tick_literals(client, settings)
        if not is_unchanged:
            _record_version(client, settings, "")  # until all is made: a mixture that a failure leaves is of no version
    if select:
        # What tests compare has to be of this run.
        arguments += ["--select", *select, FINGERPRINTS]
    elif is_unchanged:
        # Views of this version exist: making them anew is half of an empty tick.
        unchanged = [name for name, node in project.nodes.items() if node.config.materialized == "view"]
        # Not --exclude: it would leave out the tests of the views as well.
        arguments += ["--select", *_NOT_VIEWS]
    run = {
        "METERHOUSE_DBT_SCOPE": scope,
        "METERHOUSE_DBT_TICK": json.dumps(tick),
        "METERHOUSE_DBT_UNCHANGED": "yes" if is_unchanged else "",
    }
    with _environment(_connection(settings) | run):
        outcome = dbtRunner(manifest=project).invoke(arguments)
    if outcome.exception is not None:
        raise DbtError(f"dbt failed: {first_line(str(outcome.exception))}") from outcome.exception
    results: Sequence[Any] = getattr(outcome.result, "results", ())
    if outcome.success and not select and not unchanged:
        with contextlib.closing(connect(settings)) as client:
            _record_version(client, settings, _key())
    made = [
        NodeResult(
            unique_id=result.node.unique_id,
            status=str(result.status),
            message=result.message or "",
            failure_count=result.failures or 0,
            seconds=result.execution_time,
            sql=getattr(result.node, "compiled_code", None) or "",
        )
        for result in results
    ]
    made += [NodeResult(unique_id=name, status="no-op", message="unchanged", failure_count=0, seconds=0.0, sql="") for name in unchanged]
    if not select:
        require_all(project.nodes, made)
    return _in_order_of_the_graph(made, project)


def require_all(nodes: Collection[str], results: Sequence[NodeResult]) -> None:
    """A build that leaves out a model or a check is no build: what was not looked at must never pass for right.

    Raises:
        DbtError: naming what has no result.
    """
    left_out = sorted(set(nodes).difference(result.unique_id for result in results))
    if left_out:
        raise DbtError(f"dbt left out {', '.join(left_out)}; the tick was not committed, please report this")


def _in_order_of_the_graph(results: Sequence[NodeResult], project: Any) -> list[NodeResult]:  # noqa: ANN401 - dbt's manifest
    """Each node after what it stands on, as Dagster wants to hear of them."""
    by_id = {result.unique_id: result for result in results}
    graph = {name: {parent for parent in project.nodes[name].depends_on.nodes if parent in by_id} for name in by_id}
    return [by_id[name] for name in TopologicalSorter(graph).static_order()]


def _put_prefix(project: Any, prefix: str) -> None:  # noqa: ANN401 - dbt's manifest, which is imported late
    """Point a project that was parsed without a prefix at the databases of one. Parsing takes longer than an empty tick."""
    if not prefix:
        return
    for node in (*project.nodes.values(), *project.sources.values()):
        if node.relation_name:
            node.relation_name = node.relation_name.replace(node.schema, f"{prefix}{node.schema}", 1)
        node.schema = f"{prefix}{node.schema}"


def _built_version(client: Client, settings: Settings) -> str:
    """The version of the project whose views and tables exist, or nothing."""
    ops = settings.database("ops")
    known = client.query(
        "SELECT count() FROM system.tables WHERE database = {ops:String} AND name = 'int_project_version'", parameters={"ops": ops}
    ).result_rows[0][0]
    return str(client.query(f"SELECT version FROM {ops}.int_project_version").result_rows[0][0]) if known else ""


def _tick_literals(client: Client, settings: Settings) -> dict[str, str]:
    """The columns of the tick that runs, or of the last one that ran, as SQL; nothing before the first. See macros/tick.sql."""
    found = client.query(f"SELECT * FROM {settings.database('ops')}.ticks ORDER BY tick_id DESC, status ASC LIMIT 1")
    return {
        name: f"CAST({text(f'{value:{_INSTANT}}' if isinstance(value, datetime) else str(value))} AS {kind.name})"
        for row in found.result_rows
        for name, kind, value in zip(found.column_names, found.column_types, row, strict=True)
    }


def _record_version(client: Client, settings: Settings, version_key: str) -> None:
    client.command(f"CREATE OR REPLACE VIEW {settings.database('ops')}.int_project_version AS SELECT '{version_key}' AS version")


def first_line(message: str) -> str:
    """What a person needs of an error of dbt or ClickHouse: where and why, on one line."""
    lines = [_ADDRESS.sub("", line).strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines[:2])[:500] if lines else "no message"


def _parsed(settings: Settings) -> Path:
    """The folder of this version's parsed project. Folders are named by their content, so processes share them safely."""
    key = _key()
    places = [place / "parsed" for place in (TARGET, target_folder(settings.home))]
    for place in places:
        if (place / key / "manifest.json").exists():
            return place / key
    with contextlib.suppress(OSError):  # a checkout that may only be read
        return _parse(places[0] / key)
    return _parse(places[1] / key)


def _parse(folder: Path) -> Path:
    """Parse the project into a folder, which exists only once all is in it.

    Raises:
        DbtError: the project does not parse.
        OSError: the folder cannot be made.
    """
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    fresh.chmod(0o755)  # as the files it comes from: nothing of a deployment is in it
    try:
        with _environment({"METERHOUSE_DBT_PREFIX": ""}):
            outcome = dbtRunner().invoke(["parse", *_flags(fresh)])
        if not outcome.success:
            raise DbtError(f"the dbt project does not parse: {first_line(str(outcome.exception))}") from outcome.exception
        try:
            fresh.rename(folder)
        except OSError:  # another process parsed the same files meanwhile
            if not (folder / "manifest.json").exists():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


@lru_cache(maxsize=1)
def _key() -> str:
    """Changes with everything that parsing reads. Computed once a process: it works with the files it started with."""
    digest = hashlib.sha256()
    for part in (version("dbt-core"), version("dbt-clickhouse"), str(PROJECT)):
        digest.update(part.encode() + b"\0")
    for path in [PROJECT / "dbt_project.yml", *sorted(path for path in PROFILES.rglob("*") if path.is_file())]:
        digest.update(str(path.relative_to(PROJECT)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _flags(target: Path) -> list[str]:
    """Quiet, without telemetry, and writing nowhere but below `target`."""
    return [
        *("--project-dir", str(PROJECT)),
        *("--profiles-dir", str(PROFILES)),
        *("--target-path", str(target)),
        *("--log-path", str(target / "logs")),
        *("--log-level", "none"),
        *("--log-level-file", "error"),
        "--no-send-anonymous-usage-stats",
        "--no-version-check",
        "--no-use-colors",
    ]


def _connection(settings: Settings) -> dict[str, str]:
    """What dbt_project/profiles.yml reads."""
    target = endpoint(settings)
    return {
        "METERHOUSE_DBT_HOST": target.host,
        "METERHOUSE_DBT_PORT": str(target.port),
        "METERHOUSE_DBT_USER": target.user,
        "METERHOUSE_DBT_PASSWORD": target.password,
        "METERHOUSE_DBT_SECURE": str(target.secure),
        "METERHOUSE_DBT_PREFIX": settings.database_prefix,
    }


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for one call. dbt reads its connection from the environment and nowhere else."""
    environment = os.environ  # noqa: TID251 - written for dbt, not read as our own setting
    with _environment_lock:
        before = {name: environment.get(name) for name in values}
        environment.update(values)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del environment[name]
                else:
                    environment[name] = value
