"""Ports for servers."""

from __future__ import annotations

import socket

import pytest

from warehouse import ports


def test_ports_are_different_and_nobody_listens_on_them() -> None:
    found = ports.free_ports(50)

    assert len(set(found)) == 50
    for port in found:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_a_port_that_is_taken_is_given_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    free = ports.free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(ports, "_PORTS", [taken.getsockname()[1], free])

        assert {ports.free_port() for _ in range(20)} == {free}
