"""Settings refuse what cannot be meant, name the variable, and never repeat a secret."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from tests.conftest import make_settings
from warehouse.errors import SettingsError
from warehouse.migrate import statements
from warehouse.settings import load_settings


def test_a_prefix_stands_before_every_database() -> None:
    assert make_settings(database_prefix="dev_").database("raw") == "dev_raw"
    assert make_settings().database("ops") == "ops"
    with pytest.raises(ValueError, match="no layer"):
        make_settings().database("raws")


@pytest.mark.parametrize("prefix", ["a-b", "1a", "a.b", "a`b", "a b"])
def test_a_prefix_that_is_no_identifier_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError):
        make_settings(database_prefix=prefix)


def test_a_url_that_carries_a_password_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERHOUSE_CLICKHOUSE_URL", "http://user:hunter2@host:8123")
    load_settings.cache_clear()
    with pytest.raises(SettingsError, match="METERHOUSE_CLICKHOUSE_URL") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    load_settings.cache_clear()


def test_now_is_an_instant_with_an_offset_cut_to_milliseconds() -> None:
    assert make_settings(METERHOUSE_NOW="2026-02-01T03:00:00.123456+03:00").now() == datetime(2026, 2, 1, 0, 0, 0, 123000, tzinfo=UTC)
    for wrong in ("2026-02-01T00:00:00", "yesterday"):
        with pytest.raises(SettingsError, match="METERHOUSE_NOW"):
            make_settings(METERHOUSE_NOW=wrong).now()


def test_a_statement_ends_at_a_semicolon_that_ends_its_line() -> None:
    assert statements("SELECT ';';\nSELECT 2;\n") == ["SELECT ';'", "SELECT 2"]
