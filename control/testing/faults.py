"""What goes wrong on demand. Each fault is planned with POST /_faults and used up by the requests or events it meets.

| fault | meets | does |
| --- | --- | --- |
| `error_before` | requests | nothing happens; 500, which Stripe repeats for the idempotency key, and Adyen does not |
| `error_after` | requests | everything happens; 500, as before |
| `bad_gateway_after` | requests | everything happens and is saved; a proxy answers 502 without a body of the gateway's |
| `drop_before`, `drop_after` | requests | the connection ends without a reply, nothing or everything having happened |
| `rate_limit` | requests | nothing happens; 429 |
| `delay` | requests | `seconds` of waiting before anything happens; the idempotency key is in flight meanwhile |
| `processing` | a charge | the payment stays on its way until somebody ends it (`/_resolve`) |
| `webhook_lost`, `webhook_twice` | events | never delivered, delivered twice |
| `webhook_late` | events | delivered after `seconds` |
| `webhook_reversed` | events | the first `times` of them are held and delivered last to first |
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any

REQUEST_FAULTS = frozenset(
    {"error_before", "error_after", "bad_gateway_after", "drop_before", "drop_after", "rate_limit", "delay", "processing"},
)
WEBHOOK_FAULTS = frozenset({"webhook_lost", "webhook_twice", "webhook_late", "webhook_reversed"})


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`path` and `event` are shell patterns; a fault lets `skip` that match pass and meets the next `times`."""

    fault: str
    method: str = "*"
    path: str = "*"
    event: str = "*"
    skip: int = 0
    times: int = 1
    seconds: float = 0.0

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Fault:
        """A fault from a JSON object.

        Raises:
            ValueError: an unknown fault or field.
        """
        unknown = values.keys() - {item.name for item in fields(cls)}
        if unknown or values.get("fault") not in REQUEST_FAULTS | WEBHOOK_FAULTS:
            raise ValueError(f"unknown fault {values}; faults are {', '.join(sorted(REQUEST_FAULTS | WEBHOOK_FAULTS))}")
        return cls(**values)


class Faults:
    """The planned faults, in the order they were planned. May be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        """Add a fault."""
        with self._lock:
            self._planned.append(fault)

    def clear(self) -> None:
        """Forget all faults that met nothing yet."""
        with self._lock:
            self._planned.clear()

    def planned(self) -> list[dict[str, Any]]:
        """The faults that wait."""
        with self._lock:
            return [asdict(fault) for fault in self._planned]

    def for_request(self, method: str, path: str) -> dict[str, Fault]:
        """The faults this request meets, by name; they are used up."""
        return self._take(
            lambda fault: fault.fault in REQUEST_FAULTS and fnmatchcase(method, fault.method) and fnmatchcase(path, fault.path)
        )

    def for_event(self, type_: str) -> dict[str, Fault]:
        """The faults this event meets, by name; they are used up."""
        return self._take(lambda fault: fault.fault in WEBHOOK_FAULTS and fnmatchcase(type_, fault.event))

    def _take(self, meets: Callable[[Fault], bool]) -> dict[str, Fault]:
        taken: dict[str, Fault] = {}
        with self._lock:
            left = []
            for fault in self._planned:
                if fault.fault not in taken and meets(fault):
                    if fault.skip:
                        left.append(replace(fault, skip=fault.skip - 1))
                        continue
                    taken[fault.fault] = fault
                    fault = replace(fault, times=fault.times - 1)  # noqa: PLW2901  # what is left of it stays planned
                if fault.times > 0:
                    left.append(fault)
            self._planned = left
        return taken
