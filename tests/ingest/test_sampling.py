"""The rate of what is collected by the way follows from how much waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ingest.sampling import CALM, FLOOR, STEP, sample_rate

LIMIT = 1_000
depths = st.integers(0, 3 * LIMIT)


@pytest.mark.parametrize(
    ("depth", "rate"),
    [(0, 1.0), (250, 1.0), (251, 0.95), (400, 0.8), (625, 0.5), (1_000, 0.05), (9_999, 0.05)],
)
def test_the_rate_falls_as_the_buffer_fills(depth: int, rate: float) -> None:
    assert sample_rate(depth, limit=LIMIT) == rate


@given(depths)
def test_it_is_1_while_the_buffer_is_short_and_never_below_the_floor(depth: int) -> None:
    rate = sample_rate(depth, limit=LIMIT)
    assert FLOOR <= rate <= 1
    assert (rate == 1) == (depth <= CALM * LIMIT)


@given(depths, depths)
def test_more_that_waits_never_raises_it(one: int, other: int) -> None:
    first, second = sorted((one, other))
    assert sample_rate(first, limit=LIMIT) >= sample_rate(second, limit=LIMIT)


@given(depths, st.integers(1, 10**6))
def test_it_comes_in_steps(depth: int, limit: int) -> None:
    steps = sample_rate(depth, limit=limit) / STEP
    assert steps == pytest.approx(round(steps))
