"""The one way to talk to the warehouse: clickhouse-connect over HTTP, embedded or not."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver import options as driver_options
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError

from warehouse import embedded
from warehouse.errors import SettingsError, WarehouseError
from warehouse.secrets import USERS, passwords
from warehouse.settings import Settings

# What it would log stands in the exceptions that we explain.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())

# We insert rows. To see that they are no data frame the driver would import pandas, half a second of each command that writes.
vars(driver_options).update(pd=None, pd_time_test=None)

# A statement of a tick may run this long before the client gives up; a lost connection is noticed by TCP long before.
STATEMENT_SECONDS = 3600

# Answers up to this size never touch the server's disk. Beyond the default of nothing, one whose disk is full answers a query
# with no row and no error, and whoever asked takes that for the truth.
ANSWER_BYTES = 256 << 20

_SILENT = "the warehouse at {url} does not answer; is the server up and the URL right?"

User = Literal["admin", "pipeline", "analyst"]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where and as whom to connect. `password` is for the client only; never print it."""

    host: str
    port: int
    secure: bool
    user: str
    password: str

    @property
    def url(self) -> str:
        """`http://host:port`, without user or password."""
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Endpoint({self.url}, user={self.user})"


def endpoint(settings: Settings, *, user: User = "pipeline") -> Endpoint:
    """The warehouse of this deployment as one of its users.

    A configured server has one user of ours (METERHOUSE_CLICKHOUSE_USER) for admin and pipeline, and the analyst named
    by METERHOUSE_ANALYST_USER.

    Raises:
        WarehouseError: the embedded server is not running.
        SettingsError: no analyst is configured for the server.
    """
    if settings.clickhouse_url is None:
        port = embedded.http_port(settings.home)
        if port is None:
            raise WarehouseError("the warehouse is not running; start it with `meterhouse warehouse start`")
        return Endpoint(host="127.0.0.1", port=port, secure=False, user=user, password=passwords(settings.home)[user])
    parts = urlsplit(settings.clickhouse_url)
    secure = parts.scheme == "https"
    name, secret = settings.clickhouse_user, settings.clickhouse_password
    if user == "analyst":
        if settings.analyst_user is None:
            raise SettingsError("set METERHOUSE_ANALYST_USER and METERHOUSE_ANALYST_PASSWORD to a read-only user of the server")
        name, secret = settings.analyst_user, settings.analyst_password
    return Endpoint(
        host=parts.hostname or "",
        port=parts.port or (8443 if secure else 8123),
        secure=secure,
        user=name,
        password=secret.get_secret_value(),
    )


def connect(settings: Settings, *, user: User = "pipeline") -> Client:
    """A client of the warehouse. Close it, or use `with contextlib.closing(...)`.

    Instants come back as aware datetimes in UTC, Decimals as `decimal.Decimal`.

    Raises:
        WarehouseError: the server does not answer or refuses the user, in one sentence without the password.
    """
    if user not in USERS:
        raise ValueError(f"no user {user!r}; users are {', '.join(USERS)}")
    target = endpoint(settings, user=user)
    try:
        return clickhouse_connect.get_client(
            host=target.host,
            port=target.port,
            secure=target.secure,
            username=target.user,
            password=target.password,
            tz_mode="aware",
            autogenerate_session_id=False,
            send_receive_timeout=STATEMENT_SECONDS,
            settings={"buffer_size": ANSWER_BYTES},
        )
    except OperationalError as error:  # also a DatabaseError, but the server never answered
        raise WarehouseError(_SILENT.format(url=target.url)) from error
    except DatabaseError as error:
        reason = "wrong user or password" if "AUTHENTICATION_FAILED" in str(error) else str(error).splitlines()[0][:300]
        raise WarehouseError(f"the warehouse at {target.url} refused user {target.user}: {reason}") from None
    except ClickHouseError as error:
        raise WarehouseError(_SILENT.format(url=target.url)) from error
