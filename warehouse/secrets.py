"""Passwords generated for the embedded server's users. They lie in one file of mode 0600 in the home, nowhere else."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

USERS = ("admin", "pipeline", "analyst")
FILE_NAME = "passwords.json"


def passwords(home: Path) -> dict[str, str]:
    """User → password of the embedded server under `home`; generated on first use.

    The file is created whole under another name and linked into place, so that of two processes that start at once
    both read the same passwords.
    """
    path = home / FILE_NAME
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        fresh = home / f".{FILE_NAME}.{os.getpid()}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({user: secrets.token_urlsafe(24) for user in USERS}, file)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    content: dict[str, str] = json.loads(path.read_text())
    return content
