"""The program of the service `api`: `python -m orchestration.api --port PORT`."""

from __future__ import annotations

import argparse

import uvicorn

from orchestration.api.app import create_app
from warehouse.settings import load_settings

# Connections that wait to be accepted: producers that all come back at once after a restart.
_BACKLOG = 2048
# Longer than any Retry-After of ours: who was told to wait finds the connection open.
_KEEP_ALIVE_SECONDS = 75


def main() -> None:
    """Serve until SIGTERM; requests that are being received are answered first."""
    parser = argparse.ArgumentParser(prog="orchestration.api")
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    uvicorn.run(
        create_app(),
        host=load_settings().api_host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
