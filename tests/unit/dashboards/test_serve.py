"""The command that serves the dashboards."""

from __future__ import annotations

import tomllib
from pathlib import Path

from dashboards.serve import APP, command


def test_the_command_serves_our_app_on_the_port_and_opens_no_browser() -> None:
    words = command(8601)
    assert words[1:5] == ["-m", "streamlit", "run", str(APP)]
    assert APP.is_file()
    flags = dict(zip(words[5::2], words[6::2], strict=True))
    assert flags["--server.port"] == "8601"
    assert flags["--server.address"] == "127.0.0.1"
    assert flags["--server.headless"] == "true"


def test_usage_statistics_are_off_by_command_and_by_configuration() -> None:
    words = command(8601)
    assert words[words.index("--browser.gatherUsageStats") + 1] == "false"
    configuration = tomllib.loads((Path(APP).parent / ".streamlit" / "config.toml").read_text())
    assert configuration["browser"]["gatherUsageStats"] is False
    assert configuration["client"]["showErrorDetails"] == "none"
