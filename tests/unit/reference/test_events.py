"""Which events count: identity, duplicates, conflicts, and how attributes read."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from tests.reference import Batch
from tests.reference.events import Junk, Loaded, State, Usage, load, read_event
from tests.unit.reference.builders import at, life, usage


def loaded(*batches: list[object]) -> Loaded:
    return load(Batch(str(number), tuple(lines)) for number, lines in enumerate(batches))  # type: ignore[arg-type]  # events and junk


def counts(result: Loaded) -> list[tuple[int, ...]]:
    return [(a.lines, a.blank, a.accepted, a.duplicates, a.conflicts, a.rejected) for a in result.accounting]


def test_the_first_event_of_an_identity_counts_whatever_comes_later() -> None:
    result = loaded([usage("e", "15 10:00", "1")], [usage("e", "20 10:00", "99"), usage("e", "15 10:00", "1")])
    assert [event.quantity for event in result.usage] == [1]
    assert counts(result) == [(1, 0, 1, 0, 0, 0), (2, 0, 0, 1, 1, 0)]


def test_the_line_decides_within_a_batch() -> None:
    result = loaded([usage("e", "15 10:00", "99"), usage("e", "15 10:00", "1")])
    assert [event.quantity for event in result.usage] == [99]


def test_the_same_id_from_another_source_is_another_event() -> None:
    assert len(loaded([usage("e", "15 10:00"), usage("e", "15 10:00", source="/t")]).usage) == 2


def test_one_identity_covers_usage_and_lifecycle() -> None:
    result = loaded([usage("e", "15 10:00"), life("e", "created", "15 10:00", {"m": "1"})])
    assert (len(result.usage), len(result.states)) == (1, 0)
    assert counts(result) == [(2, 0, 1, 0, 1, 0)]


def test_rejected_lines_claim_no_identity_and_every_line_is_accounted_for() -> None:
    result = loaded([Junk("", ""), Junk('{"id":"e"}', "missing_field"), usage("e", "15 10:00")])
    assert counts(result) == [(3, 1, 1, 0, 0, 1)]


@pytest.mark.parametrize(
    "other",
    [
        usage("e", "15 10:00", "1.0"),
        usage("e", "15 10:00", 1),
        usage("e", "15 10:00", Decimal("1.00")),
        usage("e", "2026-01-15T13:00:00.0009+03:00"),
        usage("e", "15 10:00", project_id=None, region=None, labels=None, sequence=None, value=None),
        usage("e", "15 10:00", unknown={"a": 1}),
        dict(reversed(list(usage("e", "15 10:00").items()))),
    ],
)
def test_content_is_compared_as_read(other: dict[str, object]) -> None:
    assert counts(loaded([usage("e", "15 10:00", "1"), other])) == [(2, 0, 1, 1, 0, 0)]


@pytest.mark.parametrize(
    "other",
    [
        usage("e", "15 10:00", "2"),
        usage("e", "15 10:00:00.001"),
        usage("e", "15 10:00", account="other"),
        usage("e", "15 10:00", subject="other"),
        usage("e", "15 10:00", labels={"a": "b"}),
        usage("e", "15 10:00", sequence=1),
        usage("e", "15 10:00", value="u"),
    ],
)
def test_other_content_is_a_conflict(other: dict[str, object]) -> None:
    assert counts(loaded([usage("e", "15 10:00", "1"), other])) == [(2, 0, 1, 0, 1, 0)]


@pytest.mark.parametrize(
    ("kind", "state", "is_running"),
    [
        ("created", None, True),
        ("started", None, True),
        ("stopped", None, False),
        ("created", "stopped", False),
        ("updated", "running", True),
        ("updated", "stopped", False),
    ],
)
def test_the_state_of_a_lifecycle_event(kind: str, state: str | None, is_running: bool) -> None:
    event = read_event(life("e", kind, "15 10:00", {"m": "1e3"}, state=state))
    assert isinstance(event, State)
    assert event.is_running is is_running
    assert event.metrics == (("m", Fraction(1000)),)


def test_an_update_must_carry_its_state() -> None:
    with pytest.raises(ValueError, match="carries no state"):
        read_event(life("e", "updated", "15 10:00"))


def test_a_deletion_needs_nothing_but_its_identity_and_owner() -> None:
    event = read_event(life("e", "deleted", "15 10:00"))
    assert isinstance(event, State)
    assert event.is_deletion


def test_quantities_are_exact_and_floats_are_refused() -> None:
    event = read_event(usage("e", "15 10:00:00.0019", "0.000000001"))
    assert isinstance(event, Usage)
    assert (event.quantity, event.time) == (Fraction(1, 10**9), at("15 10:00") + 1)
    with pytest.raises(TypeError, match="neither a text nor an exact number"):
        read_event(usage("e", "15 10:00", 0.1))
