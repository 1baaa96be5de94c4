"""The token bucket, by a clock of the test's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestration.api.v1.rates import Buckets


def test_a_full_bucket_empties_and_fills_again() -> None:
    clock = [0.0]
    buckets = Buckets(60, clock=lambda: clock[0])
    assert [buckets.take("a").left for _ in range(60)] == list(range(59, -1, -1))
    refused = buckets.take("a")
    assert (refused.left, refused.wait_seconds) == (0, 1)
    assert refused.headers["Retry-After"] == "1"
    assert buckets.take("b").wait_seconds == 0, "each key has a bucket of its own"
    clock[0] += 1.0
    assert [buckets.take("a").wait_seconds for _ in range(2)] == [0, 1]


@given(
    limit=st.integers(1, 1000),
    gaps=st.lists(st.floats(0, 120, allow_nan=False), min_size=1, max_size=60),
)
def test_no_window_admits_more_than_the_burst_and_what_flows_in_meanwhile(limit: int, gaps: list[float]) -> None:
    clock = [0.0]
    buckets = Buckets(limit, clock=lambda: clock[0])
    admitted = []
    for gap in gaps:
        clock[0] += gap
        allowance = buckets.take("a")
        if not allowance.wait_seconds:
            admitted.append(clock[0])
        assert 0 <= allowance.left < limit
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= limit + (admitted[last] - start) * limit / 60 + 1e-6


@given(limit=st.integers(1, 1000), taken=st.integers(0, 1100))
def test_who_waits_as_told_is_admitted(limit: int, taken: int) -> None:
    clock = [0.0]
    buckets = Buckets(limit, clock=lambda: clock[0])
    for _ in range(taken):
        buckets.take("a")
    wait = buckets.take("a").wait_seconds
    clock[0] += wait
    assert buckets.take("a").wait_seconds == 0 or not wait
