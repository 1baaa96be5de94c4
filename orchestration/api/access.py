"""What an API key or access token allows, asked of the control store and remembered for a few seconds.

The door asks for each request; the store would not keep up, and a producer must not notice when it is busy.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

from control.bootstrap import Control
from control.services.oauth import grant_of
from ingestion.door.app import Access

# A revoked key is refused after this at the latest.
REMEMBERED_SECONDS = 5.0
# Of different keys that are remembered; whoever guesses keys cannot fill the memory.
_REMEMBERED_KEYS = 10_000


def _wall() -> datetime:
    return datetime.now(UTC)


class KeyAccess:
    """Decides for one scope. Call it with the text of a key or access token."""

    def __init__(self, control: Control, scope: str, *, clock: Callable[[], datetime] = _wall) -> None:
        self._control = control
        self._scope = scope
        self._clock = clock
        self._known: dict[bytes, tuple[float, Access]] = {}

    async def __call__(self, token: str) -> Access:
        """Whether the key allows the scope."""
        name = hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._known.get(name)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        access = await asyncio.to_thread(self._ask, token)
        if len(self._known) >= _REMEMBERED_KEYS:
            self._known.clear()
        self._known[name] = (time.monotonic(), access)
        return access

    def _ask(self, token: str) -> Access:
        grant = grant_of(self._control, token, now=self._clock())
        if grant is None:
            return Access.UNKNOWN
        return Access.GRANTED if self._scope in grant.scopes else Access.FORBIDDEN
