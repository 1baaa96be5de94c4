"""The command that serves the dashboards. Whoever runs it owns the process; settings reach it through the environment."""

from __future__ import annotations

import sys
from pathlib import Path

APP = Path(__file__).parent / "streamlit_app.py"


def command(port: int) -> list[str]:
    """Program and arguments that serve the dashboards on this machine's port until SIGTERM or SIGINT.

    The flags repeat what .streamlit/config.toml says where a file in the user's home or the environment could say otherwise.
    """
    flags = {
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
    }
    return [sys.executable, "-m", "streamlit", "run", str(APP), *(part for name, value in flags.items() for part in (f"--{name}", value))]
