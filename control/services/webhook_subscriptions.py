"""Customers' own receivers of events: subscribed, delivered to until they take an event, and delivered to again when asked.

At least once and in no order, as for METERHOUSE_EVENTS_URL (deliver.py). A receiver that is down holds up no other.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import Connection, true

from control.bootstrap import Control
from control.domain.api_keys import WHOLE_DEPLOYMENT
from control.domain.signatures import HEADER, sign
from control.domain.webhook_subscriptions import Subscription, checked_types, checked_url, is_public
from control.services.customers import load_account
from control.services.deliver import AT_ONCE, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, MAX_FAILURES, MAX_TRIES, TIMEOUT_SECONDS, Post
from control.store import paging
from control.store import webhook_subscriptions as rows
from control.store.tables import webhook_deliveries, webhook_subscriptions
from control.store.webhook_subscriptions import Delivery
from warehouse.errors import InputError, RefusedError

# Of one account: each event costs a delivery for each of them.
MOST_SUBSCRIPTIONS = 20


class PrivateAddressError(OSError):
    """The name of a receiver leads into a private network."""


def subscribe(control: Control, account_id: str, url: str, event_types: Collection[str], *, now: datetime) -> tuple[Subscription, str]:
    """Add a receiver; returns it and its secret, which is shown by nothing else but a rotation.

    Raises:
        InputError: no such account, or the URL or a type is not allowed.
        RefusedError: the account has too many.
    """
    subscription = Subscription(
        subscription_id=uuid.uuid4().hex,
        account_id=account_id,
        url=checked_url(url, allow_private=control.settings.webhooks_allow_private),
        event_types=checked_types(event_types),
        is_active=True,
        secret_version=1,
        created_at=now,
    )

    def work(connection: Connection) -> None:
        if account_id != WHOLE_DEPLOYMENT:
            load_account(connection, account_id)
        if len(rows.find(connection, webhook_subscriptions.c.account_id == account_id)) >= MOST_SUBSCRIPTIONS:
            raise RefusedError(f"there are {MOST_SUBSCRIPTIONS} webhook subscriptions already; remove one first")
        rows.add(connection, subscription)

    control.store.transact(work)
    return subscription, subscription.secret(control.server_key())


def list_subscriptions(control: Control, account_id: str) -> list[Subscription]:
    """The receivers of an account, or with an empty id all receivers there are, oldest first."""
    wanted = true() if account_id == WHOLE_DEPLOYMENT else webhook_subscriptions.c.account_id == account_id
    with control.store.reading() as connection:
        return rows.find(connection, wanted)


def find_subscription(control: Control, subscription_id: str) -> Subscription:
    """One receiver.

    Raises:
        InputError: there is none of that id.
    """
    with control.store.reading() as connection:
        return _load(connection, subscription_id)


def change_subscription(
    control: Control,
    subscription_id: str,
    *,
    url: str | None = None,
    event_types: Collection[str] | None = None,
    is_active: bool | None = None,
) -> Subscription:
    """Change what is given of a receiver.

    Raises:
        InputError: there is none of that id, or the URL or a type is not allowed.
    """
    allow_private = control.settings.webhooks_allow_private

    def work(connection: Connection) -> Subscription:
        before = _load(connection, subscription_id)
        after = replace(
            before,
            url=before.url if url is None else checked_url(url, allow_private=allow_private),
            event_types=before.event_types if event_types is None else checked_types(event_types),
            is_active=before.is_active if is_active is None else is_active,
        )
        rows.change(connection, after)
        return after

    return control.store.transact(work)


def rotate_secret(control: Control, subscription_id: str) -> tuple[Subscription, str]:
    """Give a receiver a new secret, at once: what it refuses until it knows the secret is delivered again.

    Raises:
        InputError: there is none of that id.
    """

    def work(connection: Connection) -> Subscription:
        before = _load(connection, subscription_id)
        after = replace(before, secret_version=before.secret_version + 1)
        rows.change(connection, after)
        return after

    fresh = control.store.transact(work)
    return fresh, fresh.secret(control.server_key())


def unsubscribe(control: Control, subscription_id: str) -> None:
    """Forget a receiver and its deliveries.

    Raises:
        InputError: there is none of that id.
    """

    def work(connection: Connection) -> None:
        _load(connection, subscription_id)
        rows.remove(connection, subscription_id)

    control.store.transact(work)


def list_deliveries(control: Control, subscription_id: str, *, after: tuple[datetime, str] | None = None, limit: int) -> list[Delivery]:
    """What a receiver was sent and shall be sent, the latest first; with `after` (created_at, event_id) only older ones."""
    wanted = webhook_deliveries.c.subscription_id == subscription_id
    if after is not None:
        wanted &= paging.after((webhook_deliveries.c.created_at, webhook_deliveries.c.event_id), after, is_descending=True)
    order = (webhook_deliveries.c.created_at.desc(), webhook_deliveries.c.event_id.desc())
    with control.store.reading() as connection:
        return rows.deliveries(connection, wanted, order=order, limit=limit)


def redeliver(control: Control, subscription_id: str, event_id: str, *, now: datetime) -> Delivery:
    """Deliver an event once more, whatever became of it: due now, with all its tries before it.

    Raises:
        InputError: the receiver was never to get it.
    """
    mine = (webhook_deliveries.c.subscription_id == subscription_id) & (webhook_deliveries.c.event_id == event_id)

    def work(connection: Connection) -> Delivery:
        found = rows.deliveries(connection, mine, order=(), limit=1)
        if not found:
            raise InputError(f"subscription {subscription_id} has no delivery of event {event_id!r}")
        rows.record(connection, found[0], status=rows.PENDING, tries=0, due_at=now, message="", delivered_at=None)
        return rows.deliveries(connection, mine, order=(), limit=1)[0]

    return control.store.transact(work)


def deliver_webhooks(control: Control, *, now: datetime, post: Post | None = None) -> int:
    """Post what is due to each active receiver; returns how many were taken.

    Args:
        control: whose deliveries.
        now: decides what is due.
        post: default: over HTTP, to public addresses only unless the settings allow others.
    """
    is_due = (webhook_deliveries.c.status == rows.PENDING) & (webhook_deliveries.c.due_at <= now)
    with control.store.reading() as connection:
        receivers = {each.subscription_id: each for each in rows.find(connection, webhook_subscriptions.c.is_active)}
        is_mine = webhook_deliveries.c.subscription_id.in_(receivers)
        order = (webhook_deliveries.c.due_at, webhook_deliveries.c.event_id)
        due = rows.deliveries(connection, is_due & is_mine, order=order, limit=AT_ONCE)
    send = post or (lambda url, body, headers: post_guarded(url, body, headers, allow_private=control.settings.webhooks_allow_private))
    failures: Counter[str] = Counter()
    taken = 0
    for delivery in due:
        if failures[delivery.subscription_id] >= MAX_FAILURES:
            continue
        reason = _send(receivers[delivery.subscription_id], delivery, control.server_key(), send)
        control.reached("webhook.send")
        failures[delivery.subscription_id] = failures[delivery.subscription_id] + 1 if reason else 0
        taken += not reason
        _record(control, delivery, _outcome(delivery, reason, now))
    return taken


def post_guarded(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> int:
    """One request to the address that was checked, so that a name that changes its mind in between gains nothing.

    Redirects are not followed.

    Raises:
        PrivateAddressError: the name leads into a private network.
        OSError: there was no answer.
    """
    parts = urlsplit(checked_url(url, allow_private=allow_private))
    address = _resolved(parts, allow_private=allow_private)
    connection = _Pinned(parts, address)
    try:
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("POST", path, body=body, headers=dict(headers))
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from error
    finally:
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to one address under the name of the URL, which TLS is checked against."""

    def __init__(self, parts: SplitResult, address: str) -> None:
        self._is_secure = parts.scheme == "https"
        self._address = address
        super().__init__(parts.hostname or "", parts.port or _port(parts), timeout=TIMEOUT_SECONDS)

    def connect(self) -> None:
        """Connect to the address."""
        self.sock = socket.create_connection((self._address, self.port), TIMEOUT_SECONDS)
        if self._is_secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _resolved(parts: SplitResult, *, allow_private: bool) -> str:
    found = socket.getaddrinfo(parts.hostname, parts.port or _port(parts), type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    if not allow_private and not all(is_public(ip_address(address.partition("%")[0])) for address in addresses):
        raise PrivateAddressError(f"{parts.hostname} leads into a private network")
    return addresses[0]


def _port(parts: SplitResult) -> int:
    return 443 if parts.scheme == "https" else 80


def _send(receiver: Subscription, delivery: Delivery, server_key: bytes, post: Post) -> str:
    """Why the receiver did not take the event; empty where it did."""
    body = delivery.body.encode()
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "Meterhouse-Event-Id": delivery.event_id,
        "Meterhouse-Event-Type": delivery.event_type,
        HEADER: sign(body, receiver.secret(server_key), timestamp=int(time.time())),
    }
    try:
        status = post(receiver.url, body, headers)
    except PrivateAddressError as error:
        return str(error)
    except (OSError, InputError) as error:
        return f"no answer: {type(error).__name__}"
    return "" if 200 <= status < 300 else f"answered {status}"


def _record(control: Control, delivery: Delivery, values: dict[str, object]) -> None:
    control.store.transact(lambda connection: rows.record(connection, delivery, **values))


def _outcome(delivery: Delivery, reason: str, now: datetime) -> dict[str, object]:
    tries = delivery.tries + 1
    if not reason:
        return {"status": rows.DELIVERED, "tries": tries, "message": "", "delivered_at": now}
    if tries >= MAX_TRIES:
        return {"status": rows.GIVEN_UP, "tries": tries, "message": reason}
    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(delivery.tries, 20), LONGEST_PAUSE_SECONDS)
    return {"tries": tries, "message": reason, "due_at": now + timedelta(seconds=pause)}


def _load(connection: Connection, subscription_id: str) -> Subscription:
    found = rows.find(connection, webhook_subscriptions.c.subscription_id == subscription_id)
    if not found:
        raise InputError(f"there is no webhook subscription {subscription_id!r}")
    return found[0]
