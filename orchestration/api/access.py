"""What an API key allows, asked of the control store and remembered for a few seconds.

The door asks for each request; the store would not keep up, and a producer must not notice when it is busy.
"""

from __future__ import annotations

import asyncio
import hashlib
import time

from control.bootstrap import Control
from control.services.api_keys import recognise
from ingestion.door.app import Access

# A revoked key is refused after this at the latest.
REMEMBERED_SECONDS = 5.0
# Of different keys that are remembered; whoever guesses keys cannot fill the memory.
_REMEMBERED_KEYS = 10_000


class KeyAccess:
    """Decides for one scope. Call it with the text of a key."""

    def __init__(self, control: Control, scope: str) -> None:
        self._control = control
        self._scope = scope
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
        key = recognise(self._control, token)
        if key is None or key.revoked_at is not None:
            return Access.UNKNOWN
        return Access.GRANTED if key.allows(self._scope) else Access.FORBIDDEN
