"""Delivery of events to webhook endpoints: signed as Stripe signs, in a thread of its own, tried again when refused."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import logging
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from control.testing.stripe_server.events import wanting
from control.testing.stripe_server.faults import Faults
from control.testing.stripe_server.store import Store, public

_log = logging.getLogger(__name__)

Json = dict[str, Any]

# Stripe tries for three days; a test wants to know sooner. Seconds before each further try.
_RETRY_SECONDS = (0.2, 1.0, 3.0)
_TIMEOUT_SECONDS = 10.0


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header: https://docs.stripe.com/webhooks#verify-manually."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Deliveries:
    """The queue of (due time, event, endpoint). Start it once, close it once; what is undelivered by then is dropped."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._queue: list[tuple[float, int, Json, Json, int]] = []
        self._held: list[tuple[Json, Json]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_busy = False
        self._thread = threading.Thread(target=self._run, name="stripe-test-webhooks", daemon=True)
        self._thread.start()

    def send(self, event: Json) -> None:
        """Queue an event for the endpoints that want it, subject to the planned faults."""
        endpoints = wanting(self._store, event)
        if not endpoints:
            return
        faults = self._faults.for_event(event["type"])
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
            is_taken = _post(event, endpoint)
            with self._changed:
                if not is_taken and tries < len(_RETRY_SECONDS):
                    self._push(_RETRY_SECONDS[tries], event, endpoint, tries + 1)
                elif not is_taken:
                    _log.warning("gave up delivering %s %s to %s", event["type"], event["id"], endpoint["url"])
                self._is_busy = False
                self._changed.notify_all()


def _post(event: Json, endpoint: Json) -> bool:
    """Whether the endpoint took the event (a 2xx answer)."""
    payload = json.dumps(public(event)).encode()
    parts = urlsplit(endpoint["url"])
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (test double)",
        "Stripe-Signature": signature(payload, endpoint["_secret"], int(time.time())),
    }
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("POST", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", body=payload, headers=headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException) as error:
        _log.info("delivery of %s to %s failed: %s", event["id"], endpoint["url"], error)
        return False
    finally:
        connection.close()
