"""A thousand experiments in which nothing differs, and a thousand in which we know what does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from personalization.experiments.results import LEAST_UNITS
from personalization.experiments.statistics.effects import Estimate
from personalization.experiments.statistics.frequentist import welch
from personalization.experiments.statistics.proportions import two_proportions
from personalization.experiments.statistics.samples import (
    Adjusted,
    Mean,
    Ratio,
    Sample,
    theta_of,
)
from personalization.experiments.statistics.sequential import always_valid
from personalization.experiments.statistics.shares import ALARM, always_valid_shares_p, shares_p
from personalization.experiments.statistics.steady import steady
from project.benchmarks.experiments.watching import Watched, watched
from project.benchmarks.experiments.world import (
    ARMS,
    UNITS,
    Days,
    Planted,
    Visits,
    arms_of,
    visitors,
    visits,
)

SEED: Final = 20_260_901
#: 1,000 tests with the rounds there are by default.
TESTS_A_ROUND: Final = 100
#: How often each is lived through, by the same visitors in the same arms: so that a figure is
#: one of the method, and not of the luck of a thousand.
LIVES: Final = 4
#: What the treatment does where it does something.
PLANTED: Final = Planted(orders=0.3, pages=0.06)
ALIKE: Final = Planted()
WEIGHTS: Final = (0.5, 0.5)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What was said of one experiment: of what visitors spend, and who orders, by each test."""

    fixed: Watched
    valid: Watched
    fixed_orders: Watched
    valid_orders: Watched
    #: The usual interval of two shares, looked at once.
    wald_orders: Watched
    #: What an order is worth, by the delta method.
    per_order: Watched
    pages: Watched
    #: With the page views before taken out.
    adjusted_pages: Watched


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """Whether the shares of the arms alarmed who looked `once` at the end, or at them `daily`;
    and `always_valid`, who looked daily at the p that is made for it."""

    once: bool
    daily: bool
    always_valid: bool


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """All that was said: of tests of the same against the same, of others, and of who came."""

    alike: Sequence[Told]
    planted: Sequence[Told]
    alarms: Sequence[Alarms]


def simulation(tests: int, *, units: int = UNITS, seed: int = SEED) -> Simulation:
    """Return what `tests` experiments of each kind say in each of their lives, and who was in
    which arm of them."""
    rng = np.random.default_rng(seed)
    population = visitors(units)
    alike: list[Told] = []
    planted: list[Told] = []
    alarms: list[Alarms] = []
    for number in range(tests):
        arms = arms_of(f"test-{number}", population)
        lives = [visits(rng, arms, ALIKE) for _ in range(LIVES)]
        alike += [told(seen, ALIKE) for seen in lives]
        planted += [told(visits(rng, arms, PLANTED), PLANTED) for _ in lives]
        alarms.append(alarmed(Days.of(lives[0]).counts()))
    return Simulation(alike=alike, planted=planted, alarms=alarms)


def alarmed(days: Sequence[Sequence[int]]) -> Alarms:
    rung = [shares_p(counts, WEIGHTS) < ALARM for counts in days]
    return Alarms(
        once=rung[-1],
        daily=any(rung),
        always_valid=any(always_valid_shares_p(counts, WEIGHTS) < ALARM for counts in days),
    )


def told(seen: Visits, planted: Planted) -> Told:
    days = Days.of(seen)
    values, orders = list(days.values(LEAST_UNITS)), list(days.conversions(LEAST_UNITS))
    more, more_orders = planted.more_value, planted.more_orders
    return Told(
        fixed=watched(values, welch, truth=more),
        valid=watched(values, steadied, truth=more),
        fixed_orders=watched(orders, welch, truth=more_orders),
        valid_orders=watched(orders, steadied, truth=more_orders),
        wald_orders=watched(orders[-1:], two_proportions, truth=more_orders),
        per_order=watched([_per_order(seen)], welch),
        pages=watched([_pages(seen)], welch, truth=planted.more_pages),
        adjusted_pages=watched([_adjusted_pages(seen)], welch, truth=planted.more_pages),
    )


def steadied(control: Sample, treatment: Sample) -> Estimate:
    """Return the always valid interval as results tell it."""
    return always_valid(*steady(control, treatment))


def _per_order(seen: Visits) -> tuple[Ratio, Ratio]:
    control, treatment = (
        Ratio.of(seen.values[seen.arms == arm], seen.ordered[seen.arms == arm]) for arm in ARMS
    )
    return control, treatment


def _pages(seen: Visits) -> tuple[Mean, Mean]:
    control, treatment = (Mean.of(seen.pages[seen.arms == arm]) for arm in ARMS)
    return control, treatment


def _adjusted_pages(seen: Visits) -> tuple[Adjusted, Adjusted]:
    pairs = [(seen.pages[at], seen.pages_before[at]) for at in (seen.arms == arm for arm in ARMS)]
    theta = theta_of(pairs)
    control, treatment = (Adjusted.of(after, before, theta) for after, before in pairs)
    return control, treatment
