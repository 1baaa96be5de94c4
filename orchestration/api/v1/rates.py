"""How often a key may ask: a token bucket each, and the headers that tell a caller what is left.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 60
# Buckets that are full again say nothing; they are dropped when this many are kept.
_KEPT = 10_000


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a caller may do now. `wait_seconds` is 0 where the request may go on."""

    limit: int
    left: int
    wait_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        reset = self.wait_seconds or math.ceil((self.limit - self.left) * WINDOW_SECONDS / self.limit)
        own = {"RateLimit-Policy": f'"key";q={self.limit};w={WINDOW_SECONDS}', "RateLimit": f'"key";r={self.left};t={reset}'}
        return own | ({"Retry-After": str(self.wait_seconds)} if self.wait_seconds else {})


class Buckets:
    """A bucket a key, of this process. Full, it holds the requests of a minute, and it fills within one."""

    def __init__(self, requests_a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = requests_a_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}  # key -> level, and when it was so

    def take(self, key_id: str) -> Allowance:
        """One request of a key."""
        with self._lock:
            now = self._clock()
            level = self._level(key_id, now)
            if level < 1:
                wait = math.ceil((1 - level) * WINDOW_SECONDS / self._limit)
                return Allowance(limit=self._limit, left=0, wait_seconds=max(wait, 1))
            if len(self._levels) >= _KEPT:
                self._levels = {known: kept for known, kept in self._levels.items() if self._level(known, now) < self._limit}
            self._levels[key_id] = (level - 1, now)
            return Allowance(limit=self._limit, left=int(level - 1), wait_seconds=0)

    def _level(self, key_id: str, now: float) -> float:
        level, at = self._levels.get(key_id, (float(self._limit), now))
        return min(float(self._limit), level + (now - at) * self._limit / WINDOW_SECONDS)
