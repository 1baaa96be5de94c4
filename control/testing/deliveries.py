"""Delivery of a double's events to those who listen: in a thread of its own, with the planned faults, tried again when refused.

How a message looks and is signed is the double's business: it gives a Message for an event and an endpoint.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from control.testing.faults import Faults

_log = logging.getLogger(__name__)

Json = dict[str, Any]

# Stripe tries for three days; a test wants to know sooner. Seconds before each further try.
_RETRY_SECONDS = (0.2, 1.0, 3.0)
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is posted to whom."""

    url: str
    body: bytes
    headers: Mapping[str, str]


class Deliveries:
    """The queue of (due time, event, endpoint). Start it once, close it once; what is undelivered by then is dropped."""

    def __init__(self, faults: Faults, *, wanting: Callable[[Json], list[Json]], message: Callable[[Json, Json], Message]) -> None:
        """`wanting` tells who listens to an event, `message` what is posted to one of them."""
        self._faults = faults
        self._wanting = wanting
        self._message = message
        self._queue: list[tuple[float, int, Json, Json, int]] = []
        self._held: list[tuple[Json, Json]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_busy = False
        self._thread = threading.Thread(target=self._run, name="test-webhooks", daemon=True)
        self._thread.start()

    def send(self, event: Json, kind: str) -> None:
        """Queue an event of this kind for those who want it, subject to the planned faults."""
        endpoints = self._wanting(event)
        if not endpoints:
            return
        faults = self._faults.for_event(kind)
        if "webhook_lost" in faults:
            return
        with self._changed:
            for endpoint in endpoints:
                if reversed_ := faults.get("webhook_reversed"):
                    self._held.append((event, endpoint))
                    if reversed_.times > 1:
                        continue
                    for held_event, held_endpoint in reversed(self._held):
                        self._push(0.0, held_event, held_endpoint, 0)
                    self._held.clear()
                    continue
                delay = faults["webhook_late"].seconds if "webhook_late" in faults else 0.0
                for _ in range(2 if "webhook_twice" in faults else 1):
                    self._push(delay, event, endpoint, 0)
            self._changed.notify_all()

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Whether everything queued was delivered or given up within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._is_busy, timeout_seconds)

    def close(self) -> None:
        """Stop after the delivery under way."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def _push(self, delay: float, event: Json, endpoint: Json, tries: int) -> None:
        heapq.heappush(self._queue, (time.monotonic() + delay, next(self._order), event, endpoint, tries))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._is_closed and (not self._queue or self._queue[0][0] > time.monotonic()):
                    self._changed.wait(self._queue[0][0] - time.monotonic() if self._queue else None)
                if self._is_closed:
                    return
                _, _, event, endpoint, tries = heapq.heappop(self._queue)
                self._is_busy = True
            message = self._message(event, endpoint)
            is_taken = _post(message)
            with self._changed:
                if not is_taken and tries < len(_RETRY_SECONDS):
                    self._push(_RETRY_SECONDS[tries], event, endpoint, tries + 1)
                elif not is_taken:
                    _log.warning("gave up delivering an event to %s", message.url)
                self._is_busy = False
                self._changed.notify_all()


def _post(message: Message) -> bool:
    """Whether the listener took it (a 2xx answer)."""
    parts = urlsplit(message.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_TIMEOUT_SECONDS)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    headers = {"Content-Type": "application/json; charset=utf-8"} | dict(message.headers)
    try:
        connection.request("POST", path, body=message.body, headers=headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException) as error:
        _log.info("delivery to %s failed: %s", message.url, error)
        return False
    finally:
        connection.close()
