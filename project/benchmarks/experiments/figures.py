"""What the simulated experiments say together, each figure beside what it stands against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from personalization.experiments.statistics.planning import power_of, power_of_mean
from project.benchmarks.experiments.simulated import PLANTED, Simulation, Told
from project.benchmarks.experiments.watching import Watched
from project.benchmarks.experiments.world import DAYS, PAGES, PAGES_DEVIATION, RATE, UNITS
from project.benchmarks.results import Result

#: What is promised, in percent.
NOMINAL: Final = 5.0
ALARMS: Final = 0.1
COVERED: Final = 95.0


def percent(flags: Sequence[bool]) -> float:
    """Return in how many of the experiments it is so."""
    return 100 * sum(flags) / len(flags)


def of(told: Sequence[Told], is_so: Callable[[Told], bool]) -> float:
    return percent([is_so(one) for one in told])


def figures(found: Simulation, *, units: int = UNITS) -> Iterator[Result]:
    yield from _false_positives(found)
    yield _alarms(found)
    yield from _coverage(found.planted)
    yield from _power(found.planted, each=units / 2)


def _false_positives(found: Simulation) -> Iterator[Result]:
    once = of(found.alike, lambda told: told.fixed.wrong)
    orders = of(found.alike, lambda told: told.fixed_orders.wrong)
    per_order = of(found.alike, lambda told: told.per_order.wrong)
    daily = of(found.alike, lambda told: told.fixed.ever_wrong)
    yield _percent(
        "aa_fixed_false_positives",
        once,
        over=NOMINAL,
        floor=f"of {len(found.alike):,}, nominal 5 %; of who orders {orders:.1f} %, of the value of an order "
        f"{per_order:.1f} %; goal 3.6–6.4",
    )
    orders = of(found.alike, lambda told: told.valid_orders.ever_wrong)
    yield _percent(
        "aa_sequential_false_positives",
        of(found.alike, lambda told: told.valid.ever_wrong),
        over=daily,
        floor=f"at any daily look; the fixed test looked at so "
        f"{daily:.1f} %; of who orders {orders:.1f} %; goal ≤ 5",
    )


def _alarms(found: Simulation) -> Result:
    daily, always = (
        percent([one.daily for one in found.alarms]),
        percent([one.always_valid for one in found.alarms]),
    )
    return _percent(
        "srm_false_alarms",
        percent([one.once for one in found.alarms]),
        over=ALARMS,
        floor=f"of {len(found.alarms):,}, nominal 0.1 %; looked at every day {daily:.1f} %, the always valid one so "
        f"{always:.1f} %; goal ≤ 0.3",
    )


def _coverage(told: Sequence[Told]) -> Iterator[Result]:
    fixed = of(told, lambda one: not one.fixed.wrong)
    looked_at = of(told, lambda one: not one.fixed.ever_wrong)
    wald = of(told, lambda one: not one.wald_orders.wrong)
    adjusted = of(told, lambda one: not one.adjusted_pages.wrong)
    yield _percent(
        "ab_interval_coverage",
        of(told, lambda one: not one.valid.ever_wrong),
        over=looked_at,
        floor=f"the truth in all {DAYS} daily looks; in all of the fixed one {looked_at:.1f} %",
    )
    yield _percent(
        "ab_fixed_coverage",
        fixed,
        over=COVERED,
        floor=f"nominal 95 % of a single look; Wald's of who orders {wald:.1f} %, "
        f"with CUPED {adjusted:.1f} %",
    )


def _power(told: Sequence[Told], *, each: float) -> Iterator[Result]:
    planned = 100 * power_of(RATE, PLANTED.orders, each)
    yield _percent(
        "ab_power",
        of(told, lambda one: one.fixed_orders.found),
        over=planned,
        floor=f"planned {planned:.1f} % for {PLANTED.orders:+.0%} of {RATE:.0%} who order",
    )
    planned = 100 * power_of(RATE, PLANTED.orders, each, sequential=True)
    yield _percent(
        "ab_sequential_power",
        of(told, lambda one: one.valid_orders.ever_found),
        over=planned,
        floor=f"planned {planned:.1f} % at least; seen by then on "
        f"day {_looks([one.valid_orders for one in told]):.0f} of {DAYS} in the mean",
    )
    planned = 100 * power_of_mean(PAGES, PAGES_DEVIATION, PLANTED.pages, each)
    plain = of(told, lambda one: one.pages.found)
    yield _percent(
        "ab_cuped_power",
        of(told, lambda one: one.adjusted_pages.found),
        over=plain,
        floor=f"{PLANTED.pages:+.0%} of page views; without CUPED {plain:.1f} %, "
        f"planned {planned:.1f} %",
    )


def _looks(watched: Sequence[Watched]) -> float:
    found = [one.looks for one in watched if one.ever_found]
    return sum(found) / len(found) if found else float(DAYS)


def _percent(name: str, value: float, *, over: float, floor: str) -> Result:
    return Result(
        name=name, value=value, unit="%", floor=floor, ratio=value / over if over else None
    )
