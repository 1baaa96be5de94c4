"""`warehouse start|stop|status`, `connect`, `sql`."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.client import Client

from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse, start_and_keep, stop
from warehouse import embedded
from warehouse.client import User, connect, endpoint
from warehouse.errors import SettingsError, WarehouseError
from warehouse.settings import Settings

STATUS_COLUMNS = ("state", "url", "pid", "database_prefix")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="The warehouse alone.", no_args_is_help=True)
    group.command("start")(start)
    group.command("stop")(stop_warehouse)
    group.command("status")(status)
    app.add_typer(group, name="warehouse")
    app.command("connect")(show_connection)
    app.command("sql")(sql)


def start(output: FormatOption = None) -> None:
    """Start the embedded warehouse, or check that the configured one answers, and print its URL."""
    settings = deployment().settings
    if settings.is_embedded:
        start_and_keep(settings)
    with open_warehouse(deployment()):
        emit([_state(settings)], STATUS_COLUMNS, output)


def stop_warehouse(output: FormatOption = None) -> None:
    """Stop the embedded warehouse; nothing happens where it does not run."""
    settings = deployment().settings
    if not settings.is_embedded:
        raise SettingsError("METERHOUSE_CLICKHOUSE_URL names a server that is not ours to stop")
    stop(settings)
    emit([_state(settings)], STATUS_COLUMNS, output)


def status(output: FormatOption = None) -> None:
    """Whether the warehouse runs, and its HTTP URL."""
    emit([_state(deployment().settings)], STATUS_COLUMNS, output)


def show_connection(user: Annotated[User, typer.Argument(help="Who to connect as.")] = "analyst", output: FormatOption = None) -> None:
    """How to connect a SQL tool: URL, user and password. The warehouse must run."""
    target = endpoint(deployment().settings, user=user)
    row = {"url": target.url, "host": target.host, "port": target.port, "user": target.user, "password": target.password}
    emit([row], tuple(row), output)


def sql(
    query: Annotated[str, typer.Argument(help="One statement.")],
    user: Annotated[User, typer.Option("--as", help="Who runs it.")] = "analyst",
    output: FormatOption = None,
) -> None:
    """Run SQL, by default as the analyst: read-only, and only what analysts may see."""
    if not query.strip(" \t\r\n;"):
        raise typer.BadParameter("the query is empty; give one SQL statement in quotes", param_hint="QUERY")
    settings = deployment().settings
    with open_warehouse(deployment()):
        client, options = _client(settings, user)
        with contextlib.closing(client):
            result = client.query(query, settings=options)
    rows = [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]
    emit(rows, result.column_names, output)


def _client(settings: Settings, user: User) -> tuple[Client, dict[str, Any]]:
    """A client and the settings its statements need. A server without an analyst of its own gets read-only statements."""
    if user == "analyst" and not settings.is_embedded and settings.analyst_user is None:
        return connect(settings), {"readonly": 2}
    return connect(settings, user=user), {}


def _state(settings: Settings) -> dict[str, Any]:
    prefix = settings.database_prefix
    if settings.is_embedded:
        running = embedded.running(settings.home)
        if running is None:
            return {"state": "stopped", "url": None, "pid": None, "database_prefix": prefix}
        return {"state": "running", "url": endpoint(settings).url, "pid": running.pid, "database_prefix": prefix}
    try:
        connect(settings).close()
    except WarehouseError:
        return {"state": "unreachable", "url": settings.clickhouse_url, "pid": None, "database_prefix": prefix}
    return {"state": "running", "url": settings.clickhouse_url, "pid": None, "database_prefix": prefix}
