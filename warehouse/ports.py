"""Ports for servers on this machine."""

from __future__ import annotations

import itertools
import random
import socket

# Below those that systems give to outgoing connections and to whoever asks for any port: one of these could be taken between the
# look at it and the server's start.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to no connection until the server listens."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many different ones."""
    drawn = random.SystemRandom().sample(_PORTS, len(_PORTS))  # two processes that look at once draw others
    return list(itertools.islice(filter(_is_free, drawn), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
