"""The key that this deployment signs with: access tokens, and through secrets derived from it, webhooks.

METERHOUSE_SERVER_KEY where it is set, which all machines of a deployment must share; else a file of mode 0600 in the home.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from warehouse.errors import SettingsError

FILE_NAME = "server.key"


def read_server_key(home: Path, configured: str) -> bytes:
    """The key's bytes, made on first use.

    Raises:
        SettingsError: the file cannot be read or made.
    """
    if configured:
        return hashlib.sha256(configured.encode()).digest()
    path = home / FILE_NAME
    try:
        if not path.exists():
            _make(path)
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read or made: {error.strerror}; or set METERHOUSE_SERVER_KEY") from error


def derived(server_key: bytes, *purpose: str) -> bytes:
    """A secret for one purpose; who knows it knows neither the server's key nor a secret for another purpose."""
    return hmac.new(server_key, "\0".join(purpose).encode(), hashlib.sha256).digest()


def _make(path: Path) -> None:
    """Created whole under another name and linked into place: two that start at once read the same key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    finally:
        fresh.unlink()
