"""When things happen in random stories: the steps all stories of one warehouse share, and the instants worth hitting.

Also holds what stories share by nature: the tax table, which is by country, and one discount for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from tests.generators.chance import Chance
from tests.reference.catalog import Discount, Tax
from tests.reference.instants import HOUR, SECOND, hour_of, month_of, month_start, next_month, parse_instant

MINUTE = 60 * SECOND
DAY = 24 * HOUR


@dataclass(frozen=True)
class Checkpoint:
    """As-of of a step and the months it closes."""

    as_of: int
    closes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The steps of a story, from the start of its first month on; milliseconds."""

    start: int
    checkpoints: tuple[Checkpoint, ...]

    @property
    def end(self) -> int:
        """The last as-of."""
        return self.checkpoints[-1].as_of

    @cached_property
    def month_starts(self) -> tuple[int, ...]:
        """Starts of the months that the timeline touches."""
        starts, period = [month_start(month_of(self.start))], next_month(month_of(self.start))
        while month_start(period) <= self.end:
            starts.append(month_start(period))
            period = next_month(period)
        return tuple(starts)

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """Instants at which one period ends and another begins: month starts and as-ofs."""
        return tuple(sorted({*self.month_starts, *(checkpoint.as_of for checkpoint in self.checkpoints)}))

    def step_of(self, instant: int) -> int:
        """The first step whose as-of reaches the instant, else the last step."""
        return next((number for number, step in enumerate(self.checkpoints) if instant <= step.as_of), len(self.checkpoints) - 1)


@dataclass(frozen=True, kw_only=True)
class Moments:
    """The instants of one story: few hot hours, shared by its catalog and its traffic so that both meet, and the timeline's edges."""

    timeline: Timeline
    hot_hours: tuple[int, ...]

    @classmethod
    def invent(cls, chance: Chance, timeline: Timeline) -> Moments:
        """One to three hot hours, mostly close to an edge."""
        hours = [
            hour_of(_near_edge(chance, timeline) if chance.percent(80) else _anywhen(chance, timeline)) for _ in range(chance.between(1, 3))
        ]
        return cls(timeline=timeline, hot_hours=tuple(hours))

    def instant(self, chance: Chance) -> int:
        """Mostly within a hot hour; on and beside edges; seldom any millisecond."""
        draw = chance.between(1, 100)
        if draw <= 60:
            offset = chance.pick((0, 30 * MINUTE, 1, HOUR - 1, 15 * MINUTE, 20 * SECOND, chance.between(0, HOUR - 1)))
            return chance.pick(self.hot_hours) + offset
        return _near_edge(chance, self.timeline) if draw <= 90 else _anywhen(chance, self.timeline)

    def hour(self, chance: Chance) -> int:
        """The start of a hot hour or of one beside it; else of an hour beside an edge, or of any."""
        draw = chance.between(1, 100)
        if draw <= 65:
            return max(self.timeline.start, chance.pick(self.hot_hours) + chance.pick((0, 0, HOUR, -HOUR)))
        return hour_of(_near_edge(chance, self.timeline) if draw <= 90 else _anywhen(chance, self.timeline))


def _near_edge(chance: Chance, timeline: Timeline) -> int:
    """An instant on an edge, a millisecond beside it, or within the hours around it."""
    offset = chance.pick((0, 0, -1, 1, -HOUR, HOUR, HOUR - 1, 30 * MINUTE, -30 * MINUTE, -20 * SECOND))
    return max(timeline.start, chance.pick(timeline.edges) + offset)


def _anywhen(chance: Chance, timeline: Timeline) -> int:
    return chance.between(timeline.start, timeline.end)


def _timeline(start: str, *checkpoints: tuple[str, tuple[str, ...]]) -> Timeline:
    steps = tuple(Checkpoint(parse_instant(as_of), closes) for as_of, closes in checkpoints)
    return Timeline(start=parse_instant(start), checkpoints=steps)


# Crosses a year's end, stops inside an hour, exactly on month ends and a millisecond before one, and closes with and without delay.
THREE_MONTHS = _timeline(
    "2025-12-01T00:00:00Z",
    ("2025-12-18T10:30:00Z", ()),
    ("2026-01-01T00:00:00Z", ()),
    ("2026-01-02T05:59:59.999Z", ("2025-12",)),
    ("2026-02-01T00:00:00Z", ("2026-01",)),
    ("2026-03-01T00:00:00.001Z", ("2026-02",)),
    ("2026-03-01T12:00:00Z", ()),
)
ONE_MONTH = _timeline(
    "2026-01-31T18:00:00Z",
    ("2026-01-31T23:59:59.999Z", ()),
    ("2026-02-01T00:00:00Z", ("2026-01",)),
    ("2026-02-01T06:00:00Z", ()),
)
# Many ticks within the last day of a month, in and between its hours.
ONE_DAY = _timeline(
    "2026-01-31T00:00:00Z",
    ("2026-01-31T03:20:00Z", ()),
    ("2026-01-31T03:50:00Z", ()),
    ("2026-01-31T10:00:00Z", ()),
    ("2026-01-31T21:05:00Z", ()),
    ("2026-01-31T23:59:59.999Z", ()),
    ("2026-02-01T00:00:00Z", ("2026-01",)),
    ("2026-02-01T06:00:00Z", ()),
)


def shared_taxes(step: int) -> tuple[Tax, ...]:
    """Taxes as they stand at a step: several a country, changing at the start of a month's last hour, and restated later on."""
    rates = [
        ("DE", "VAT", "19", None, "2025-12-31T23:00:00Z"),
        ("DE", "VAT", "21", "2025-12-31T23:00:00Z", None),
        ("CA", "GST", "5", None, None),
        ("CA", "QST", "9.975", None, "2026-02-01T00:00:00Z"),
        ("CA", "QST", "9.5", "2026-02-01T00:00:00Z", None),
        ("JP", "consumption tax", "10", None, "2025-12-31T23:00:00Z"),
        ("JP", "consumption tax", "8", "2026-01-01T00:00:00Z", None),
        ("KW", "levy", "0.333333", None, None),
    ]
    if step >= 4:
        rates.append(("KW", "late levy", "1", None, None))
    return tuple(
        Tax(
            country_code=country,
            tax_name=name,
            percent=Fraction(percent),
            valid_from=parse_instant(start) if start else None,
            valid_to=parse_instant(end) if end else None,
        )
        for country, name, percent, start, end in rates
    )


def shared_discounts() -> tuple[Discount, ...]:
    """One discount on everything for all accounts, for a few hours around a month's end."""
    everybody = Discount(discount_id="everybody", scope_type="all", percent=Fraction("1.5"))
    return (replace(everybody, valid_from=parse_instant("2026-01-31T20:00:00Z"), valid_to=parse_instant("2026-02-01T04:00:00Z")),)
