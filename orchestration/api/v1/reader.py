"""The one way from the API to the warehouse: a read-only user, and a predicate that every statement carries.

What a caller may see is decided by `reach` alone. A statement names the place of the predicate as `$reach`, right where it
reads a table with the column account_id; one that does not is refused before it is sent. Values are bound, never written in.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from string import Template
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from control.services.oauth import Grant
from warehouse.client import connect
from warehouse.settings import LAYERS, Settings

Row = dict[str, Any]

PLACE = "$reach"
_REACHED = "reached_account_id"
# ClickHouse's numbers for: unknown table, unknown database. Before the first tick nothing has cost anything.
_NOT_BUILT = (60, 81)


class UnboundStatementError(Exception):
    """A statement that does not say where it is bound to what its caller may see: a defect of ours."""


def reach(grant: Grant) -> tuple[str, dict[str, str]]:
    """The predicate over account_id, and its values."""
    if grant.is_staff:
        return "1", {}
    return f"account_id = {{{_REACHED}:String}}", {_REACHED: grant.account_id}


class Reader:
    """Reads public tables for callers. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._layers = {layer: settings.database(layer) for layer in LAYERS}
        self._idle: list[Client] = []
        self._lock = threading.Lock()

    def rows(self, grant: Grant, statement: str, parameters: Mapping[str, Any] | None = None, *, is_narrow: bool = False) -> list[Row]:
        """The rows of a statement, as far as the caller may see them; none where nothing is built yet.

        Args:
            grant: of the caller.
            statement: with `$reach`, and a layer's database as `${layer}`.
            parameters: its values.
            is_narrow: whether it reads few rows, such as those of one account: several threads would only wait for each other.

        Raises:
            UnboundStatementError: it has no `$reach`.
            WarehouseError, ClickHouseError: the warehouse cannot answer.
        """
        if PLACE not in statement:
            raise UnboundStatementError(statement)
        condition, bound = reach(grant)
        text = Template(statement).substitute(self._layers, reach=f"({condition})")
        with self.client() as client:
            try:
                values = _bindable({**(parameters or {}), **bound})
                result = client.query(text, parameters=values, settings=_one_thread(client) if is_narrow or not grant.is_staff else None)
            except DatabaseError as error:
                if error.code in _NOT_BUILT:
                    return []
                raise
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """A read-only client for one use. One that broke is not used again: the server may be at another port."""
        with self._lock:
            client = self._idle.pop() if self._idle else None
        client = client or connect(self.settings, user="analyst")
        try:
            yield client
        except ClickHouseError as error:
            if not isinstance(error, DatabaseError) or error.code is None:
                client.close()
                self.close()
                raise
            self._keep(client)
            raise
        except BaseException:
            client.close()
            raise
        self._keep(client)

    def close(self) -> None:
        """Close all connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _keep(self, client: Client) -> None:
        with self._lock:
            self._idle.append(client)


def _one_thread(client: Client) -> dict[str, Any]:
    """For a user that may choose; one of a server of somebody else's may not."""
    setting = client.server_settings.get("max_threads")
    return {"max_threads": 1} if setting is not None and not setting.readonly else {}


def _bindable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Instants as the texts that the server reads in UTC, whatever the driver thinks of time zones."""
    return {
        name: value.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
        if isinstance(value, datetime)
        else value
        for name, value in parameters.items()
    }
