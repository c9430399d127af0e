"""Who takes part in an experiment, in which arm, and who is held out: the laws of `assign`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.bucketing import Range, bucket
from personalization.experiments.trial import (
    GLOBAL,
    HELD_OUT,
    SHOWN,
    Choice,
    Entrant,
    Namespace,
    Trial,
    arm_of,
    assign,
    holdout,
)
from tests.effort import examples
from tests.experiments.drawing import plain, shares, units, weights

NUMBERS = [str(number) for number in range(10_000)]
A, B = Choice("a", "variation:1"), Choice("b")
TRIAL = Trial(key="hero-text", kind="variations", arms=(A, B), weights=(0.5, 0.5))


def arm(trial: Trial, entrant: Entrant) -> str | None:
    """Return the key of the arm; None for who does not take part."""
    found = assign(trial, entrant)
    assert found is None or (found[0].key == found[1].arm and found[1].experiment == trial.key)
    return None if found is None else found[1].arm


def trial_with(divided: tuple[float, ...], coverage: float = 1.0) -> Trial:
    arms = tuple(Choice(f"arm{place}") for place in range(len(divided)))
    return replace(TRIAL, arms=arms, weights=divided, coverage=coverage)


# -- chance --------------------------------------------------------------------------------


@examples(50)
@given(units, weights, shares)
def test_the_same_visitor_is_always_in_the_same_arm(
    unit: str, divided: tuple[float, ...], coverage: float
) -> None:
    trial = trial_with(divided, coverage)
    alike = replace(trial_with(divided, coverage), place="elsewhere", kind="strategies")
    assert arm(trial, Entrant(unit)) == arm(trial, Entrant(unit)) == arm(alike, Entrant(unit))


@examples(50)
@given(units, weights, shares, shares)
def test_more_coverage_moves_nobody(
    unit: str, divided: tuple[float, ...], one: float, other: float
) -> None:
    less, more = sorted((one, other))
    before = arm(trial_with(divided, less), Entrant(unit))
    after = arm(trial_with(divided, more), Entrant(unit))
    assert before in (None, after)


@pytest.mark.parametrize("coverage", [1.0, 0.4])
@pytest.mark.parametrize("divided", [(0.5, 0.5), (0.1, 0.6, 0.3)])
def test_the_probability_is_how_often_it_happens_among_who_takes_part(
    divided: tuple[float, ...], coverage: float
) -> None:
    trial = trial_with(divided, coverage)
    found = [assigned for unit in NUMBERS if (assigned := assign(trial, Entrant(unit)))]
    assert abs(len(found) / len(NUMBERS) - coverage) < 0.02
    told = {assigned.arm: assigned.probability for _, assigned in found}
    counts = Counter(assigned.arm for _, assigned in found)
    assert sum(told.values()) == pytest.approx(1)
    for key, probability in told.items():
        assert abs(counts[key] / len(found) - probability) < 0.02


def test_weights_that_do_not_add_up_are_told_as_they_are_used() -> None:
    trial = replace(TRIAL, weights=(0.9, 0.9))
    for unit in NUMBERS[:50]:
        found = assign(trial, Entrant(unit))
        assert found is not None
        assert found[1].probability == 0.5


def test_the_key_is_the_seed_if_none_is_stated() -> None:
    stated = replace(TRIAL, key="other", seed=TRIAL.key)
    unseeded = [arm(TRIAL, Entrant(unit)) for unit in NUMBERS[:200]]
    assert [arm(stated, Entrant(unit)) for unit in NUMBERS[:200]] == unseeded
    others = [arm(replace(TRIAL, key="other"), Entrant(unit)) for unit in NUMBERS[:200]]
    assert others != unseeded


@examples(50)
@given(units)
def test_the_version_of_the_hash_is_the_stored_one(unit: str) -> None:
    trial = replace(TRIAL, hash_version=1)
    drawn = bucket(unit, seed=trial.key, version=1)
    assert arm(trial, Entrant(unit)) == ("a" if drawn < 0.5 else "b")


def test_nobody_takes_part_without_a_unit_or_without_two_arms() -> None:
    assert arm(TRIAL, Entrant("")) is None
    for arms in ((), (A,)):
        trial = replace(TRIAL, arms=arms, weights=(1.0,) * len(arms))
        assert arm(trial, Entrant("one")) is None
        assert arm(trial, Entrant("one", forced={trial.key: "a"})) is None


@pytest.mark.parametrize(
    "trial",
    [
        replace(TRIAL, seed="größe"),
        replace(TRIAL, namespace=Namespace("größe", Range(0, 1))),
    ],
)
def test_a_seed_that_is_not_ascii_is_refused_by_name(trial: Trial) -> None:
    with pytest.raises(ValueError, match="größe” is not ASCII"):
        assign(trial, Entrant("one"))


# -- who may take part ---------------------------------------------------------------------


@examples(50)
@given(units, st.frozensets(st.sampled_from(["buyers", "others"])))
def test_only_the_audience_takes_part(unit: str, segments: frozenset[str]) -> None:
    trial = replace(TRIAL, audience="buyers")
    found = arm(trial, Entrant(unit, segments=segments))
    assert found == (arm(TRIAL, Entrant(unit)) if "buyers" in segments else None)


@examples(50)
@given(units, shares, shares)
def test_experiments_of_one_namespace_share_no_visitors(
    unit: str, start: float, end: float
) -> None:
    middle = sorted((start, end))
    held = (Range(0.0, middle[0]), Range(*middle), Range(middle[1], 1.0))
    trials = [
        replace(TRIAL, key=f"t{place}", namespace=Namespace("page", part))
        for place, part in enumerate(held)
    ]
    assert sum(arm(each, Entrant(unit)) is not None for each in trials) == 1


@examples(50)
@given(
    st.one_of(st.none(), st.integers(0, 9)),
    st.one_of(st.none(), st.integers(0, 9)),
    st.integers(-1, 10),
)
def test_the_schedule_holds_from_its_start_on_and_before_its_end(
    starts: int | None, ends: int | None, now: int
) -> None:
    found = arm(replace(TRIAL, starts=starts, ends=ends), Entrant("one", now=now))
    begun = starts is None or starts <= now
    over = ends is not None and ends <= now
    assert (found is not None) is (begun and not over)


ramps = st.lists(st.tuples(st.integers(0, 9), shares), max_size=4).map(
    lambda steps: tuple(sorted(dict(steps).items()))
)


@examples(50)
@given(units, shares, ramps, st.integers(-1, 10))
def test_a_ramp_is_the_coverage_of_its_latest_step(
    unit: str, coverage: float, ramp: tuple[tuple[int, float], ...], now: int
) -> None:
    trial = replace(TRIAL, coverage=coverage, ramp=ramp)
    covered = max(((at, share) for at, share in ramp if at <= now), default=(0, coverage))[1]
    assert trial.covers(now) == covered
    expected = arm(replace(TRIAL, coverage=covered), Entrant(unit))
    assert arm(trial, Entrant(unit, now=now)) == expected


@examples(50)
@given(units, st.lists(shares, min_size=2, max_size=5), weights)
def test_a_ramp_that_only_grows_moves_nobody(
    unit: str, steps: list[float], divided: tuple[float, ...]
) -> None:
    trial = replace(trial_with(divided, 0.0), ramp=tuple(enumerate(sorted(steps))))
    seen = [arm(trial, Entrant(unit, now=now)) for now in range(-1, len(steps) + 1)]
    came = [key for key in seen if key is not None]
    assert len(set(came)) <= 1
    assert seen == [None] * (len(seen) - len(came)) + came


# -- forced arms ---------------------------------------------------------------------------


@examples(50)
@given(st.sampled_from(["", "one"]), st.sampled_from(["a", "b", "c"]))
def test_who_is_forced_is_in_that_arm_whatever_else_is_said(unit: str, key: str) -> None:
    trial = replace(
        TRIAL, coverage=0.0, audience="nobody", starts=5, ends=6,
        namespace=Namespace("page", Range(0, 0)),
    )  # fmt: skip
    found = assign(trial, Entrant(unit, forced={trial.key: key}))
    chosen = arm_of(trial, key)
    assert (found is None) is (chosen is None) is (key == "c")
    if found is not None:
        assert found[0] == chosen
        assert found[1].probability == 1.0


@examples(50)
@given(units)
def test_what_is_forced_elsewhere_changes_nothing(unit: str) -> None:
    assert arm(TRIAL, Entrant(unit, forced={"other": "a"})) == arm(TRIAL, Entrant(unit))


# -- bandits -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leaning:
    """All for one arm, by the context."""

    names: tuple[str, ...] = ("warmth",)

    def weights(self, context: Mapping[str, float]) -> tuple[float, ...]:
        warmth = context.get("warmth", 0.5)
        return 1 - warmth, warmth


@examples(50)
@given(units, shares)
def test_a_bandit_says_the_weights_and_they_are_told(unit: str, warmth: float) -> None:
    trial = replace(TRIAL, policy=Leaning())
    found = assign(trial, Entrant(unit, context={"warmth": warmth, "secret": 1.0}))
    assert found is not None
    stated = replace(TRIAL, weights=(1 - warmth, warmth))
    assert found[1].arm == arm(stated, Entrant(unit))
    assert found[1].probability == pytest.approx({"a": 1 - warmth, "b": warmth}[found[1].arm])
    assert found[1].context == {"warmth": warmth}


# -- holdouts ------------------------------------------------------------------------------


@examples(50)
@given(units, plain, shares, shares)
def test_a_larger_holdout_has_all_of_a_smaller_one(
    unit: str, name: str, one: float, other: float
) -> None:
    less, more = (holdout(name, unit=unit, share=share) for share in sorted((one, other)))
    assert less == holdout(name, unit=unit, share=min(one, other))
    if less is not None and less.arm == HELD_OUT:
        assert more is not None
        assert more.arm == HELD_OUT


@examples(50)
@given(units, st.text(), st.floats(0, 1, exclude_min=True))
def test_a_holdout_tells_the_chance_of_each_side(unit: str, name: str, share: float) -> None:
    found = holdout(name, unit=unit, share=share)
    assert found is not None
    assert found.experiment == name
    assert found.probability == {HELD_OUT: share, SHOWN: 1 - share}[found.arm]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("name", [GLOBAL, "hero/variation:12", "größe/template:1"])
def test_as_many_are_held_out_as_the_share_says(name: str, share: float) -> None:
    found = [holdout(name, unit=unit, share=share) for unit in NUMBERS]
    held = sum(one is not None and one.arm == HELD_OUT for one in found)
    n = len(NUMBERS)
    assert abs(held - n * share) < 5 * (n * share * (1 - share)) ** 0.5


def test_two_holdouts_are_independent() -> None:
    both = [
        (holdout(GLOBAL, unit=unit, share=0.5), holdout("hero/a", unit=unit, share=0.5))
        for unit in NUMBERS
    ]
    counts = Counter((one and one.arm, other and other.arm) for one, other in both)
    assert len(counts) == 4
    assert all(abs(count / len(NUMBERS) - 0.25) < 0.02 for count in counts.values())


def test_without_a_share_or_a_unit_nobody_is_held_out() -> None:
    assert holdout("hero/a", unit="one", share=0.0) is None
    assert holdout("hero/a", unit="", share=0.5) is None
    everybody = holdout("hero/a", unit="one", share=1.0)
    assert everybody is not None
    assert everybody.arm == HELD_OUT


@examples(50)
@given(units, st.text(max_size=5))
def test_names_beyond_ascii_are_hashed_as_json_writes_them(unit: str, name: str) -> None:
    written = "".join(one if one.isascii() else json.dumps(one)[1:-1] for one in name)
    found = holdout(name, unit=unit, share=0.5)
    assert found is not None
    assert found.arm == (HELD_OUT if bucket(unit, seed=f"holdout:{written}") < 0.5 else SHOWN)
