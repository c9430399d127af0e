"""Our answers are those that GrowthBook's engine gave, wherever it gave one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from personalization.experiments.statistics.bayesian import FLAT, Belief, Prior, posterior
from personalization.experiments.statistics.effects import Estimate
from personalization.experiments.statistics.frequentist import welch
from personalization.experiments.statistics.sequential import always_valid
from tests.experiments.statistics.recorded import RECORDS, Record, records

pytestmark = pytest.mark.skipif(
    not RECORDS.exists(), reason=f"the records of the engine are not at {RECORDS}"
)

#: Where numbers of both are the same but for rounding.
EXACT = 1e-9
#: Their p of one side is searched for, by halving an interval, and not below or above these;
#: the last step is one too many, and this long.
SEARCHED, LAST_STEP = (1e-5, 0.4999), 1.25e-4


def estimate(record: Record) -> Estimate:
    control, treatment = record.control, record.treatment
    if record.kind.startswith("Sequential"):
        return always_valid(
            control,
            treatment,
            alpha=record.alpha,
            relative=record.relative,
            tuning=record.tuning,
            sided=record.sided,
        )
    return welch(
        control, treatment, alpha=record.alpha, relative=record.relative, sided=record.sided
    )


def belief(record: Record) -> Belief:
    told = record.settings.get("prior_effect")
    return posterior(
        record.control,
        record.treatment,
        prior=Prior(told["mean"], told["variance"], told["proper"]) if told else FLAT,
        relative=record.relative,
        alpha=record.alpha,
        less_is_better=record.settings.get("inverse", False),
    )


def recorded(record: Record) -> list[float]:
    """Return effect, interval and error as the engine told them."""
    low, high = record.result["ci"]
    return [
        record.result["expected"],
        float(low),
        float(high),
        record.result["uplift"]["stddev"],
    ]


def ours(found: Estimate | Belief) -> list[float]:
    return [found.effect, found.low, found.high, found.error]


def told(kind: str) -> Sequence[Record]:
    return [record for record in records(kind) if not record.says_nothing]


def test_tests_for_a_single_look_and_sequential_ones_are_the_engines() -> None:
    found = told("TTest")
    assert len(found) == 64
    for record in found:
        assert ours(estimate(record)) == pytest.approx(recorded(record), abs=EXACT), record.name


def test_p_values_are_the_engines() -> None:
    for record in told("TTest"):
        p_value, exactly = estimate(record).p_value, EXACT
        if record.kind.startswith("SequentialOneSided"):
            p_value = min(max(p_value, SEARCHED[0]), SEARCHED[1])
            exactly = EXACT if record.result["pValue"] in SEARCHED else LAST_STEP
        assert p_value == pytest.approx(record.result["pValue"], abs=exactly), record.name


def test_beliefs_are_the_engines() -> None:
    found = told("Bayesian")
    assert len(found) == 11
    for record in found:
        believed = belief(record)
        chances = [believed.chance_to_win, believed.risk_of_staying, believed.risk]
        theirs = [record.result["chanceToWin"], *record.result["risk"]]
        assert ours(believed) == pytest.approx(recorded(record), abs=EXACT), record.name
        assert chances == pytest.approx(theirs, abs=EXACT), record.name


def test_what_is_taken_out_of_values_is_what_the_engine_takes_out() -> None:
    found = [record for record in told("TTest") if record.theta is not None]
    assert len(found) == 19
    for record in found:
        assert record.control.theta == pytest.approx(record.theta, abs=EXACT)  # type: ignore[attr-defined]


def test_nothing_is_said_where_the_engine_says_nothing() -> None:
    silent = [record for record in records("") if record.says_nothing]
    assert len(silent) == 11
    for record in silent:
        if "Bayesian" in record.kind:
            assert not belief(record).known, record.name
            assert belief(record).chance_to_win == 0.5
        else:
            assert not estimate(record).known, record.name
            assert estimate(record).p_value == 1
