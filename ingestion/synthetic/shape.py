"""What a generated cloud looks like: how many events of which kind, over which time, with how many flaws.

Every rate is in events of a million (ppm), an integer, so that counts are exact on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from warehouse.errors import InputError

MILLION = 1_000_000
LEAST_HOLDS_FROM = 1_000  # events; a smaller case has flaws at their rates only, most often none
HOUR_MS = 3_600_000

# One month to close, and one day more, so that the month's end lies before the latest event and it can be closed.
START = datetime(2026, 1, 1, tzinfo=UTC)
MONTH_END = datetime(2026, 2, 1, tzinfo=UTC)
END = datetime(2026, 2, 2, tzinfo=UTC)
SPAN_MS = int((END - START).total_seconds()) * 1000
MONTH_MS = int((MONTH_END - START).total_seconds()) * 1000


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a generated cloud is made. The defaults are those of `meterhouse generate`.

    Raises:
        InputError: a count is out of range.
    """

    events: int  # lines written, flaws included
    seed: int
    accounts: int

    # Starts, resizes, stops, moves, deletes. A real cloud has far more usage than changes; more makes bills jumpy.
    lifecycle_ppm: int = 50_000
    # Changes of a VM over the month, more than one a day as on a development cloud; fewer means more VMs and higher bills.
    changes_per_vm: int = 40
    # Exact copies of earlier lines: producers that retry. 0.1 % is what at-least-once delivery shows on a calm day.
    duplicate_ppm: int = 1_000
    # Same identity, other content: a producer's bug. Rare, or nobody would trust the producer.
    conflict_ppm: int = 50
    # Lines that are refused, all reasons in turn: a few a day, enough to see each reason in a small case.
    rejected_ppm: int = 200
    # Usage of a metric that no SKU names: a service that shipped before its price did.
    unrated_ppm: int = 200
    # Usage that arrives up to two days after its time: agents that were cut off. Makes ticks recompute older hours.
    late_ppm: int = 2_000
    # Lines a file holds at most; part of the output, since it decides where files are cut. About 45 MB compressed.
    lines_per_file: int = 1_000_000
    # A small case still comes as several files, so that loading a folder in order can be seen.
    least_files: int = 4

    def __post_init__(self) -> None:
        if self.events < 1:
            raise InputError(f"--events must be at least 1, not {self.events}")
        if self.accounts < 1:
            raise InputError(f"--accounts must be at least 1, not {self.accounts}")
        if not 0 <= self.seed < 1 << 63:
            raise InputError(f"--seed must be from 0 to 2^63 - 1, not {self.seed}")

    def count(self, ppm: int, *, least: int = 0) -> int:
        """How many of all events a rate means, rounded down; `least` holds from a thousand events on."""
        return max(self.events * ppm // MILLION, least if self.events >= LEAST_HOLDS_FROM else 0)

    @cached_property
    def duplicates(self) -> int:
        """Lines that repeat an earlier line."""
        return self.count(self.duplicate_ppm, least=5)

    @cached_property
    def conflicts(self) -> int:
        """Lines with the identity of an earlier line and other content."""
        return self.count(self.conflict_ppm, least=3)

    @cached_property
    def rejected(self) -> int:
        """Lines that no load accepts; at least one a reason."""
        return self.count(self.rejected_ppm, least=11)

    @cached_property
    def unrated(self) -> int:
        """Accepted usage lines whose metric no SKU names."""
        return self.count(self.unrated_ppm, least=3)

    @cached_property
    def accepted(self) -> int:
        """Lines that a load accepts: all that are no flaw."""
        return self.events - self.duplicates - self.conflicts - self.rejected

    @cached_property
    def lifecycle(self) -> int:
        """Accepted lines that are lifecycle events."""
        return self.count(self.lifecycle_ppm)

    @cached_property
    def usage(self) -> int:
        """Accepted lines that are usage.recorded."""
        return self.accepted - self.lifecycle

    @cached_property
    def vms(self) -> int:
        """Virtual machines at any time; each account has one where there are events enough."""
        return min(self.lifecycle, max(self.accounts, self.lifecycle // self.changes_per_vm))

    @cached_property
    def lines_in_a_file(self) -> int:
        """Lines of each file but the last."""
        return min(self.lines_per_file, -(-self.events // self.least_files))


def spread(turn: int, *, count: int, total: int) -> int:
    """Position of the turn-th of `count` things that are spread evenly over `total` places; rises with the turn."""
    return (2 * turn + 1) * total // (2 * count)
