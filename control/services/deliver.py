"""Delivers the outbox: each message is posted, signed, until its receiver takes it. At least once; receivers know it by its id.

Messages of one account carry a number that rises, so a receiver that gets an older one after a newer one drops it.
"""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from control.bootstrap import Control
from control.domain.signatures import HEADER, sign
from control.store import outbox
from control.store.outbox import Waiting

TIMEOUT_SECONDS = 10.0
AT_ONCE = 500
# 10, 20, 40 … seconds, at most an hour apart: the 80th try comes after three days, and nobody listens any more.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, MAX_TRIES = 10, 3600, 80
# A receiver that fails this often in a row is down: the rest waits for the next round.
MAX_FAILURES = 3

# Posts a body to a URL; the status, or an OSError where there was no answer.
Post = Callable[[str, bytes, Mapping[str, str]], int]


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What one round did."""

    sent: int
    put_off: int
    given_up: int


def deliver(control: Control, *, now: datetime, post: Post | None = None) -> Delivered:
    """Post what is due to `METERHOUSE_EVENTS_URL`. Nothing happens, and everything waits, where none is set.

    Args:
        control: whose outbox it is.
        now: decides what is due.
        post: default: over HTTP.
    """
    url = control.settings.events_url
    if not url:
        return Delivered(sent=0, put_off=0, given_up=0)
    with control.store.reading() as connection:
        waiting = outbox.due(connection, now=now, limit=AT_ONCE)
    counts: Counter[str] = Counter()
    failures = 0
    for message in waiting:
        reason = _send(control, url, message, post or post_over_http)
        control.reached("deliver.send")
        counts[_record(control, message, reason, now=now)] += 1
        control.reached("deliver.record")
        failures = failures + 1 if reason else 0
        if failures >= MAX_FAILURES:
            break
    return Delivered(**{name: counts[name] for name in ("sent", "put_off", "given_up")})


def _record(control: Control, message: Waiting, reason: str, *, now: datetime) -> str:
    """Write down how it went; the word that a round counts it under."""
    if not reason:
        control.store.transact(lambda connection: outbox.delivered(connection, message, now=now))
        return "sent"
    due_at = None if message.tries + 1 >= MAX_TRIES else now + _pause(message.tries)
    control.store.transact(lambda connection: outbox.put_off(connection, message, reason=reason, due_at=due_at))
    return "put_off" if due_at else "given_up"


def _send(control: Control, url: str, message: Waiting, post: Post) -> str:
    """Why nobody took the message; empty where somebody did."""
    body = message.body.encode()
    secret = control.settings.events_secret.get_secret_value()
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "Meterhouse-Event-Id": message.event_id,
        "Meterhouse-Event-Type": message.event_type,
        HEADER: sign(body, secret, timestamp=int(time.time())),
    }
    try:
        status = post(url, body, headers)
    except OSError as error:
        return f"no answer: {type(error).__name__}"
    return "" if 200 <= status < 300 else f"answered {status}"


def post_over_http(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """One request; redirects are not followed, since the body is for this receiver only.

    Raises:
        OSError: there was no answer.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("POST", path, body=body, headers=dict(headers))
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from error
    finally:
        connection.close()


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** min(tries, 20), LONGEST_PAUSE_SECONDS))
