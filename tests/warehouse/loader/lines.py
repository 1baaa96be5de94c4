"""Lines of events to build on: a usage line and a lifecycle line whose members are given as JSON text, or left out."""

from __future__ import annotations

from collections.abc import Mapping

TOP = ("specversion", "id", "source", "type", "subject", "time")

_USAGE = {
    "specversion": '"1.0"',
    "id": '"event-000001"',
    "source": '"/storage/eu-north1"',
    "type": '"usage.recorded"',
    "subject": '"bucket-17"',
    "time": '"2026-01-15T10:03:00Z"',
    "account_id": '"acc-42"',
    "project_id": '"prj-7"',
    "region": '"eu-north1"',
    "metric": '"storage.egress_bytes"',
    "quantity": '"1073741824"',
    "labels": '{"team":"ml"}',
}
_LIFECYCLE = {
    "specversion": '"1.0"',
    "id": '"event-000001"',
    "source": '"/compute/eu-north1"',
    "type": '"resource.updated"',
    "subject": '"vm-9"',
    "time": '"2026-01-15T10:03:00.250Z"',
    "account_id": '"acc-42"',
    "project_id": '"prj-7"',
    "region": '"eu-north1"',
    "resource_type": '"compute.instance"',
    "state": '"running"',
    "metrics": '{"compute.vcpu":"8","compute.ram_gib":"32"}',
    "labels": '{"team":"ml"}',
    "sequence": "3",
}


def usage(**members: str | None) -> str:
    """A usage.recorded line. Each member is JSON text; None leaves it out."""
    return line({**_USAGE, **members})


def lifecycle(kind: str = "updated", **members: str | None) -> str:
    """A resource.* line. Each member is JSON text; None leaves it out."""
    return line({**_LIFECYCLE, "type": f'"resource.{kind}"', **members})


def line(members: Mapping[str, str | None]) -> str:
    """A line of these members, those that are not of the envelope inside `data`; a given `data` replaces them."""
    top = {name: text for name, text in members.items() if text is not None and name in (*TOP, "data")}
    data = {name: text for name, text in members.items() if text is not None and name not in (*TOP, "data")}
    return _object({"data": _object(data), **top} if "data" not in top else top)


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"
