"""Whether arms have the visitors they should: published anchors, rare alarms, and real ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chisquare

from personalization.experiments.statistics.corrections import holm
from personalization.experiments.statistics.shares import (
    ALARM,
    always_valid_shares_p,
    shares_by,
    shares_p,
)
from tests.effort import examples


@pytest.mark.parametrize(
    ("counts", "weights", "expected"),
    [
        ([1000, 1200], [0.5, 0.5], 0.000020079),
        ([135, 115], [0.5, 0.5], 0.205903211),
        ([310, 98], [0.75, 0.25], 0.647434186),
        ([500, 500, 600], [0.34, 0.33, 0.33], 0.000592638),
        ([0, 10, 10], [0.34, 0.33, 0.33], 0.005790624),
    ],
)
def test_anchors(counts: list[int], weights: list[float], expected: float) -> None:
    """Of GrowthBook's tests of its back end, to all digits that they have."""
    assert shares_p(counts, weights) == pytest.approx(expected, abs=5e-9)


@pytest.mark.parametrize("p", [shares_p, always_valid_shares_p])
def test_without_visitors_or_two_arms_there_is_nothing_wrong(p: object) -> None:
    for counts, weights in (
        ([0, 0], [0.5, 0.5]),
        ([], []),
        ([10], [1.0]),
        ([10, 990], [1.0, 0.0]),
        ([10, 990], [0.0, 0.0]),
    ):
        assert p(counts, weights) == 1  # type: ignore[operator]


@pytest.mark.parametrize("p", [shares_p, always_valid_shares_p])
def test_as_many_weights_as_arms_are_needed(p: object) -> None:
    with pytest.raises(ValueError, match="shorter|longer"):
        p([1, 2, 3], [0.5, 0.5])  # type: ignore[operator]


@examples(60)
@given(
    st.lists(st.tuples(st.integers(0, 5000), st.floats(0.05, 5)), min_size=2, max_size=5),
    st.floats(0.1, 50),
    st.randoms(use_true_random=False),
)
def test_it_is_the_test_of_scipy_and_neither_order_nor_scale_matter(
    arms: list[tuple[int, float]], scale: float, random: object
) -> None:
    counts, weights = zip(*arms, strict=True)
    assume(sum(counts))
    p_value = shares_p(counts, weights)
    expected = np.array(weights) / sum(weights) * sum(counts)
    assert p_value == pytest.approx(chisquare(counts, expected).pvalue, rel=1e-6, abs=1e-300)
    assert shares_p(counts, [scale * weight for weight in weights]) == pytest.approx(p_value)
    assert shares_p(counts[::-1], weights[::-1]) == pytest.approx(p_value)
    assert always_valid_shares_p(counts[::-1], weights[::-1]) == pytest.approx(
        always_valid_shares_p(counts, weights)
    )


def test_each_value_of_a_dimension_is_judged_by_itself_and_all_together_as_one() -> None:
    """Robots that a browser kept out of one arm show only where that browser is."""
    seen = {"firefox": (500, 512), "chrome": (2000, 2010), "safari": (300, 180)}
    assert shares_p([2800, 2702], [0.5, 0.5]) > ALARM
    found = shares_by(seen, [0.5, 0.5])
    assert [value for value, p_value in found.items() if p_value < ALARM] == ["safari"]
    each = [shares_p(counts, [0.5, 0.5]) for counts in seen.values()]
    assert list(found.values()) == holm(each)
    assert shares_by({}, [0.5, 0.5]) == {}


def test_alarms_are_as_rare_over_many_values_as_over_one() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.binomial(400, 0.5, (2000, 20))
    alarmed = [
        min(shares_by({n: (left, 400 - left) for n, left in enumerate(row)}, [1, 1]).values())
        < 0.05
        for row in drawn.tolist()
    ]
    assert np.mean(alarmed) == pytest.approx(0.05, abs=0.02)


def test_who_looks_after_every_unit_is_alarmed_as_rarely_as_promised() -> None:
    """400 experiments of 2,000 units: the usual p alarms a third of who watches it."""
    rng = np.random.default_rng(6)
    left = rng.integers(0, 2, (400, 2000)).cumsum(axis=1)
    at = range(19, 2000, 20)
    ever = {
        p: np.mean(
            [
                any(p([int(row[n]), n + 1 - int(row[n])], [0.5, 0.5]) < 0.05 for n in at)
                for row in left
            ]
        )
        for p in (shares_p, always_valid_shares_p)
    }
    assert ever[always_valid_shares_p] <= 0.05
    assert ever[shares_p] > 0.2


def test_the_always_valid_one_sees_what_is_wrong_too() -> None:
    for counts in ([50_000, 52_000], [1000, 1200], [300, 100]):
        p_value = always_valid_shares_p(counts, [0.5, 0.5])
        assert shares_p(counts, [0.5, 0.5]) < p_value < ALARM
    assert always_valid_shares_p([5000, 5050], [0.5, 0.5]) > 0.5
