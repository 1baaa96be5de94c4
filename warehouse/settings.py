"""Settings of the warehouse and of the deployment, from the environment or a `.env` file in the working directory.

This is the only module here that reads the environment. Settings of the control plane (seller, gateways) live in
control/settings.py. Add a setting here only when code below orchestration/ needs it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from warehouse.errors import SettingsError

# Folder = dbt layer = database = Dagster asset group.
LAYERS = ("raw", "staging", "metering", "rating", "invoicing", "finops", "ops")


class Settings(BaseSettings):
    """One deployment. Two values of `home` never share anything; two prefixes share a server and nothing else."""

    model_config = SettingsConfigDict(env_prefix="METERHOUSE_", env_file=".env", extra="ignore", frozen=True)

    home: Path = Field(default=Path(".meterhouse"), description="Everything the embedded mode keeps.")
    clickhouse_url: str | None = Field(default=None, description="http(s)://host:port of a ClickHouse server.")
    clickhouse_user: str = Field(default="default", description="User of clickhouse_url.")
    clickhouse_password: SecretStr = Field(default=SecretStr(""), description="Password of clickhouse_user.")
    analyst_user: str | None = Field(default=None, description="Read-only user of clickhouse_url, if one exists.")
    analyst_password: SecretStr = Field(default=SecretStr(""), description="Password of analyst_user.")
    database_prefix: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    control_url: SecretStr | None = Field(default=None, description="SQLAlchemy URL of the control store.")
    landing: str | None = Field(default=None, description="Folder or s3://bucket/prefix that `run` watches for event files.")
    landing_is_ordered: bool = Field(default=False, description="Whether new objects sort after all that are older than a day.")
    s3_endpoint: str | None = Field(default=None, description="URL of an object store that is not AWS; keys come from AWS_*.")
    kafka_brokers: str | None = Field(default=None, description="host:port,host:port of the brokers that `run` reads.")
    kafka_topics: str = Field(default="", description="Topics of events, separated by commas.")
    kafka_security_protocol: str | None = Field(default=None, description="plaintext, ssl, sasl_plaintext or sasl_ssl.")
    kafka_sasl_mechanism: str | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr = SecretStr("")
    kafka_properties: Path | None = Field(default=None, description="File of further librdkafka properties, name=value a line.")
    kafka_batch_messages: int = Field(default=2_000_000, ge=1, description="Of one batch; more cost memory, fewer cost commits.")
    api_host: str = Field(default="127.0.0.1", description="Address that the HTTP doors listen on.")
    api_port: int | None = Field(default=None, ge=1, le=65_535, description="Their port; a free one where not set.")
    api_requests_a_minute: int = Field(default=600, ge=1, description="Of one API key, but for events; beyond it 429.")
    spool_limit_bytes: int = Field(default=8 << 30, ge=1 << 20, description="Events received and not loaded yet; beyond it 429.")
    request_limit_bytes: int = Field(default=32 << 20, ge=1 << 10, description="Of one request's body, unpacked; beyond it 413.")
    schedules: Literal["off", "on"] = Field(default="off", description="Whether jobs such as reconcile start by themselves.")
    clock: Literal["event", "wall"] = "event"
    now_text: str | None = Field(default=None, alias="METERHOUSE_NOW", description="Instant that tests use as now.")

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("clickhouse_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be http(s)://host:port")
        if parts.username or parts.password:
            raise ValueError("must not carry a user or password; use METERHOUSE_CLICKHOUSE_USER and _PASSWORD")
        return value.rstrip("/")

    @property
    def is_embedded(self) -> bool:
        """Whether the warehouse is the embedded server under `home`."""
        return self.clickhouse_url is None

    def database(self, layer: str) -> str:
        """Name of a layer's database, e.g. `raw` or, with a prefix, `staging_raw`."""
        if layer not in LAYERS:
            raise ValueError(f"no layer {layer!r}; layers are {', '.join(LAYERS)}")
        return f"{self.database_prefix}{layer}"

    def now(self) -> datetime:
        """The deployment's clock: METERHOUSE_NOW where set, else the wall clock. UTC, milliseconds."""
        if self.now_text:
            try:
                instant = datetime.fromisoformat(self.now_text)
            except ValueError as error:
                raise SettingsError("METERHOUSE_NOW must be an RFC 3339 instant such as 2026-02-01T00:00:00Z") from error
            if instant.tzinfo is None:
                raise SettingsError("METERHOUSE_NOW needs an offset, such as the Z in 2026-02-01T00:00:00Z")
            instant = instant.astimezone(UTC)
        else:
            instant = datetime.now(UTC)
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: naming each variable that is wrong, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(_problem(item["loc"], item["msg"]) for item in error.errors(include_input=False))
        raise SettingsError(problems) from None


def _problem(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else "settings"
    name = name if name.startswith("METERHOUSE_") else f"METERHOUSE_{name.upper()}"
    return f"{name}: {message.removeprefix('Value error, ')}"
