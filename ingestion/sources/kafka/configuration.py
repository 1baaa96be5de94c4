"""What librdkafka is told: the brokers and how to prove who we are, from settings; how we read, from here."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from warehouse.errors import SettingsError
from warehouse.settings import Settings

# What it would log are states of connections; what matters of them ends in an error of ours.
_SILENT = logging.getLogger("meterhouse.kafka")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False

_OURS: dict[str, str | int | bool] = {
    "group.id": "meterhouse",  # asked for, never used: partitions are assigned, nothing is committed at the broker
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,  # the only sure sign of an end: watermarks may lag
    "auto.offset.reset": "error",  # an offset that is not there must never become another one in silence
    "isolation.level": "read_committed",
}
# Starting points that a properties file may change.
_DEFAULTS: dict[str, str | int | bool] = {
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 65_536,  # read ahead while the warehouse loads
    # How long a full queue is left before it is looked at again. The library's second would idle four fifths of the time.
    "fetch.queue.backoff.ms": 5,
    "max.poll.interval.ms": 86_400_000,
}


def topics(settings: Settings) -> list[str]:
    """The topics to read, sorted; none where no broker is configured.

    Raises:
        SettingsError: brokers without topics.
    """
    if not settings.kafka_brokers:
        return []
    found = sorted({name.strip() for name in settings.kafka_topics.split(",") if name.strip()})
    if not found:
        raise SettingsError("METERHOUSE_KAFKA_BROKERS is set and METERHOUSE_KAFKA_TOPICS is not; name the topics to read")
    return found


def configuration(settings: Settings) -> dict[str, Any]:
    """The properties of a client. They hold the password: never print them.

    Raises:
        SettingsError: the properties file cannot be read, or sets what must not be.
    """
    own: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_brokers or "",
        "security.protocol": settings.kafka_security_protocol or "",
        "sasl.mechanism": settings.kafka_sasl_mechanism or "",
        "sasl.username": settings.kafka_sasl_username or "",
        "sasl.password": settings.kafka_sasl_password.get_secret_value(),
    }
    named = {name: value for name, value in own.items() if value}
    return {**_DEFAULTS, **_file(settings.kafka_properties), **named, **_OURS, "logger": _SILENT}


def _file(path: Path | None) -> dict[str, Any]:
    """`name=value` lines; empty ones and those that begin with # say nothing."""
    if path is None:
        return {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"METERHOUSE_KAFKA_PROPERTIES names {path}, which cannot be read ({type(error).__name__})") from None
    found: dict[str, Any] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip():
            raise SettingsError(f"METERHOUSE_KAFKA_PROPERTIES: line {number} is not name=value")
        if name.strip() in _OURS:
            raise SettingsError(f"METERHOUSE_KAFKA_PROPERTIES: line {number} sets {name.strip()}, on which exact reading rests; remove it")
        found[name.strip()] = value.strip()
    return found
