"""p of several questions: published anchors and what may not happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from personalization.experiments.statistics.corrections import benjamini_hochberg, holm
from tests.effort import examples

PS = st.lists(st.floats(0, 1), max_size=12)
Correction = Callable[[Sequence[float]], list[float]]


def test_anchors() -> None:
    """Those of statsmodels' `multipletests`."""
    ps = [0.01, 0.04, 0.03, 0.005]
    assert holm(ps) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(ps) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
@examples(60)
@given(PS, st.randoms(use_true_random=False))
def test_no_p_becomes_smaller_and_their_order_stays(
    correct: Correction, ps: list[float], random: object
) -> None:
    adjusted = correct(ps)
    assert len(adjusted) == len(ps)
    assert all(p <= q + 1e-12 and q <= 1 for p, q in zip(ps, adjusted, strict=True))
    by_p = [q for _, q in sorted(zip(ps, adjusted, strict=True))]
    assert by_p == sorted(by_p)
    assert correct(ps[::-1]) == adjusted[::-1]


@examples(60)
@given(PS)
def test_holm_is_between_none_and_all_the_caution(ps: list[float]) -> None:
    for p, q in zip(ps, holm(ps), strict=True):
        assert p <= q <= min(1, max(len(ps) * p, max(ps)))
    assert not ps or min(holm(ps)) == min(1, len(ps) * min(ps))


@examples(60)
@given(PS)
def test_discoveries_are_those_of_scipy(ps: list[float]) -> None:
    assert benjamini_hochberg(ps) == pytest.approx(
        list(false_discovery_control(ps or [1]))[: len(ps)]
    )
    assert all(q <= h + 1e-12 for q, h in zip(benjamini_hochberg(ps), holm(ps), strict=True))


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_one_question_needs_no_correction(correct: Correction) -> None:
    assert correct([0.03]) == [0.03]
    assert correct([]) == []
