"""Beliefs: closed forms beside draws, and published anchors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.statistics.bayesian import (
    FLAT,
    SCEPTICAL,
    Prior,
    beta_chance,
    posterior,
)
from personalization.experiments.statistics.effects import effect_of
from personalization.experiments.statistics.samples import Mean, Proportion
from tests.effort import examples
from tests.experiments.statistics.samples import proportions

FEWER, MORE = Proportion(100, 49), Proportion(100, 51)


def test_anchor() -> None:
    """Of the tests of GrowthBook's engine (gbstats 0.8.0), to all digits that they have."""
    told = posterior(FEWER, MORE, relative=True)
    assert (told.effect, told.low, told.high) == pytest.approx(
        (0.04082, -0.24779, 0.32943), abs=6e-6
    )
    assert told.chance_to_win == pytest.approx(0.60918, abs=6e-6)
    assert (told.risk_of_staying, told.risk) == pytest.approx((0.0814, 0.04058), abs=6e-6)


def test_an_informative_prior_is_weighed_by_how_exact_it_is() -> None:
    """The same, with N(0.1, 0.1) believed of the lift before."""
    told = posterior(
        Mean(100, 1000.0, 20000.0), Mean(100, 1050.0, 20000.0), prior=FLAT, relative=True
    )
    before = Prior(0.1, 0.1)
    after = posterior(
        Mean(100, 1000.0, 20000.0), Mean(100, 1050.0, 20000.0), prior=before, relative=True
    )
    weights = np.array([1 / told.error**2, 1 / before.variance])
    means = np.array([told.effect, before.mean])
    assert after.effect == pytest.approx((weights @ means) / weights.sum())
    assert after.error == pytest.approx(weights.sum() ** -0.5)


def test_chance_and_risk_are_those_of_draws() -> None:
    told = posterior(FEWER, MORE)
    drawn = np.random.default_rng(1).normal(told.effect, told.error, 400_000)
    assert told.chance_to_win == pytest.approx((drawn > 0).mean(), abs=0.003)
    assert told.risk == pytest.approx(-np.minimum(drawn, 0).mean(), rel=0.01)
    assert told.risk_of_staying == pytest.approx(np.maximum(drawn, 0).mean(), rel=0.01)


@examples(60)
@given(proportions(least=2), proportions(least=2), st.sampled_from([FLAT, SCEPTICAL]))
def test_what_is_at_risk_either_way_differs_by_the_effect(
    one: Proportion, other: Proportion, prior: Prior
) -> None:
    told = posterior(one, other, prior=prior)
    assert told.risk_of_staying - told.risk == pytest.approx(told.effect, abs=1e-9)
    assert (told.chance_to_win > 0.5) == (told.effect > 0) or told.effect == 0


@examples(40)
@given(proportions(least=2), proportions(least=2))
def test_where_less_is_better_chance_and_risk_change_places(
    one: Proportion, other: Proportion
) -> None:
    more, less = posterior(one, other), posterior(one, other, less_is_better=True)
    assert (less.effect, less.low, less.high) == (more.effect, more.low, more.high)
    assert less.chance_to_win == pytest.approx(1 - more.chance_to_win)
    assert (less.risk, less.risk_of_staying) == (more.risk_of_staying, more.risk)


def test_a_sceptic_needs_more_to_be_convinced() -> None:
    few, many = ((Proportion(n, n // 10), Proportion(n, n // 5)) for n in (100, 100_000))
    for prior in (FLAT, SCEPTICAL):
        assert posterior(*many, prior=prior, relative=True).effect == pytest.approx(1, abs=0.02)
    assert posterior(*few, prior=SCEPTICAL, relative=True).effect < 0.5
    effect = effect_of(*few, relative=True)
    assert effect is not None
    assert posterior(*few, relative=True).effect == effect.size


def test_a_better_share_by_two_beta_posteriors_is_the_published_one() -> None:
    """120 and 150 of 1,000, integrated by SciPy; and one case that is solved by hand."""
    found = beta_chance(Proportion(1000, 120), Proportion(1000, 150))
    assert found == pytest.approx(0.9750678, abs=1e-6)
    # Nobody seen in the control; one who did in the treatment: ∫ x · 2x dx
    assert beta_chance(Proportion(0, 0), Proportion(1, 1)) == pytest.approx(2 / 3, abs=1e-9)


@examples(40)
@given(proportions(), proportions())
def test_one_of_two_shares_is_the_better_one(one: Proportion, other: Proportion) -> None:
    assert beta_chance(one, other) + beta_chance(other, one) == pytest.approx(1, abs=1e-8)
    assert beta_chance(one, one) == pytest.approx(0.5, abs=1e-8)


def test_beta_and_normal_agree_about_many() -> None:
    arms = Proportion(20_000, 2000), Proportion(20_000, 2090)
    assert beta_chance(*arms) == pytest.approx(posterior(*arms).chance_to_win, abs=2e-3)
