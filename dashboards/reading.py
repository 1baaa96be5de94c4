"""How a page gets at the warehouse: as the analyst, briefly cached, with errors a reader understands.

The SQL is in queries.py. Nothing here knows a page.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import streamlit as st
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from warehouse.client import connect
from warehouse.errors import MeterhouseError, SettingsError, WarehouseError
from warehouse.settings import Settings

# A tick comes every few minutes, so a minute adds little to the age of a number, and twenty people who look at the same
# month, or one who plays with the filters, cost the warehouse one read a minute. Longer would hide a tick that just ended.
CACHE_SECONDS = 60

# ClickHouse's numbers for: unknown table, unknown database, no privilege.
_UNKNOWN = (60, 81)
_FORBIDDEN = 497

P = ParamSpec("P")
R = TypeVar("R")


class NothingBuiltError(WarehouseError):
    """The warehouse answers, but the public tables are not there yet."""


@contextlib.contextmanager
def analyst(settings: Settings) -> Iterator[Client]:
    """A read-only client for the length of a block.

    Raises:
        NothingBuiltError: a public table does not exist yet.
        WarehouseError: the warehouse is down, refuses the analyst, or fails a statement.
        SettingsError: no analyst is configured for the server of METERHOUSE_CLICKHOUSE_URL.
    """
    with contextlib.closing(connect(settings, user="analyst")) as client:
        try:
            yield client
        except ClickHouseError as error:
            raise _explained(error) from error


def cached(function: Callable[P, R]) -> Callable[P, R]:
    """Keep what a function of (settings, filters) read for `CACHE_SECONDS`, for all viewers. Errors are not kept."""
    keep = st.cache_data(ttl=CACHE_SECONDS, max_entries=200, show_spinner="Reading the warehouse …", hash_funcs={Settings: _deployment})
    return keep(function)


@contextlib.contextmanager
def explained_errors() -> Iterator[None]:
    """Show an error of ours on the page, as the sentence it is, instead of a traceback."""
    try:
        yield
    except NothingBuiltError as error:
        st.info(_sentence(error), icon=":material/hourglass_empty:")
    except SettingsError as error:
        st.error(f"The dashboards are not configured: {error}", icon=":material/settings:")
    except MeterhouseError as error:
        st.error(_sentence(error), icon=":material/cloud_off:")


def _explained(error: ClickHouseError) -> WarehouseError:
    code = error.code if isinstance(error, DatabaseError) else None
    if code is None:  # no answer of the server, so the connection broke
        return WarehouseError(f"the warehouse stopped answering ({type(error).__name__}); look at it with `meterhouse status`")
    if code in _UNKNOWN:
        return NothingBuiltError("nothing is built yet: load events with `meterhouse ingest`, then build the bills with `meterhouse run`")
    if code == _FORBIDDEN:
        return WarehouseError(
            "the analyst may not read the public tables; grant it SELECT on the databases"
            " staging, metering, rating, invoicing, finops and ops (with the prefix, if one is set)"
        )
    return WarehouseError(f"the warehouse could not answer: {str(error).splitlines()[0][:300]}")


def _deployment(settings: Settings) -> tuple[str, str, str]:
    """What tells two deployments apart, without a secret in it."""
    return str(settings.home), settings.clickhouse_url or "", settings.database_prefix


def _sentence(error: MeterhouseError) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
