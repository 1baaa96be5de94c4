"""Where customers have events posted to: which URLs are allowed, which addresses are called, and who gets which event."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from control.domain.api_keys import WHOLE_DEPLOYMENT
from control.server_key import derived
from warehouse.errors import InputError

ALL_TYPES = "*"
LONGEST_URL = 2000
# Addresses that a gateway turns into IPv4 ones, of networks too: 6to4, Teredo, NAT64.
_TRANSLATED = tuple(ip_network(text) for text in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48"))
_TYPE = re.compile(r"[a-z_]+(\.[a-z_]+)+|[a-z_]+\.\*|\*")
_URL = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A receiver. Of one account, or, with an empty `account_id`, of everything. `secret_version` counts rotations of its secret."""

    subscription_id: str
    account_id: str
    url: str
    event_types: tuple[str, ...]
    is_active: bool
    secret_version: int
    created_at: datetime

    def wants(self, event_type: str, account_id: str) -> bool:
        """Whether an event is for this receiver. One that is not active is sent it when it is again."""
        if self.account_id not in (WHOLE_DEPLOYMENT, account_id):
            return False
        family = f"{event_type.partition('.')[0]}.*"
        return any(wanted in (ALL_TYPES, event_type, family) for wanted in self.event_types)

    def secret(self, server_key: bytes) -> str:
        """What its deliveries are signed with. Derived, so that it is kept nowhere."""
        return f"whsec_{derived(server_key, 'webhook', self.subscription_id, str(self.secret_version)).hex()}"


def checked_url(text: str, *, allow_private: bool) -> str:
    """A URL that we may post to, by its form; where its name leads is checked with each delivery.

    Raises:
        InputError: it is no such URL.
    """
    if not _URL.fullmatch(text) or len(text) > LONGEST_URL:
        raise InputError(f"a webhook's URL has up to {LONGEST_URL} visible ASCII characters")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InputError(f"{text!r} is no URL") from None
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes or not host or parts.username or parts.password or parts.fragment:
        raise InputError("a webhook's URL is https://host/path, without a user, password or fragment")
    literal = _literal(host)
    if not allow_private and (host == "localhost" or host.endswith(".localhost") or (literal is not None and not is_public(literal))):
        raise InputError(f"{host} is an address inside a network; a webhook's URL must be reachable from the internet")
    return text


def checked_types(texts: Collection[str]) -> tuple[str, ...]:
    """Event types, families of them (`account.*`), or `*`.

    Raises:
        InputError: one of another form, or none.
    """
    wrong = [text for text in texts if not _TYPE.fullmatch(text)]
    if wrong or not texts:
        raise InputError(f"name event types such as payment.succeeded, account.* or *{f'; {wrong[0]!r} is none' if wrong else ''}")
    return tuple(sorted(set(texts)))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the internet, and to nobody's own network: what we may be told to call."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    return address.is_global and not address.is_multicast and not any(address in network for network in _TRANSLATED)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
