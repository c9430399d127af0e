"""Buckets: even, independent of each other, and what moves visitors from one arm to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, product
from math import sqrt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personalization.experiments.bucketing import (
    Range,
    arm_at,
    bucket,
    equal_weights,
    fnv1a32,
    in_namespace,
    ranges_of,
    total_of,
    weights_in_force,
)
from tests.effort import examples
from tests.experiments.drawing import plain, shares, units, weights

#: Units as sites have them: numbers one after another, and ids of random look.
NUMBERS = [str(number) for number in range(10_000)]
IDS = [f"{fnv1a32(number):08x}-{fnv1a32(number + 'x'):08x}" for number in NUMBERS]
UNITS = pytest.mark.parametrize("given_units", [NUMBERS, IDS], ids=["numbers", "ids"])


def excess(counts: Sequence[int], expected: Sequence[float]) -> float:
    """Return χ² in standard deviations above what chance makes of it."""
    total = sum(counts)
    chi2 = sum(
        (count - total * share) ** 2 / (total * share)
        for count, share in zip(counts, expected, strict=True)
    )
    free = len(counts) - 1
    return (chi2 - free) / sqrt(2 * free)


# -- the hash ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    # draft-eastlake-fnv, its table of test vectors.
    [("", 0x811C9DC5), ("a", 0xE40C292C), ("b", 0xE70C2DE5), ("foobar", 0xBF9CF968)],
)
def test_the_hash_is_fnv_1a(text: str, number: int) -> None:
    assert fnv1a32(text) == number


@examples(50)
@given(plain, plain)
def test_a_hash_goes_on_after_another(one: str, other: str) -> None:
    assert fnv1a32(other, after=fnv1a32(one)) == fnv1a32(one + other)


@examples(50)
@given(units, plain, st.sampled_from([1, 2]))
def test_a_bucket_is_a_whole_part_of_the_space_and_always_the_same(
    unit: str, seed: str, version: int
) -> None:
    number = bucket(unit, seed=seed, version=version)
    parts = {1: 1000, 2: 10_000}[version]
    assert 0 <= number < 1
    assert number == round(number * parts) / parts
    assert bucket(unit, seed=seed, version=version) == number


def test_version_two_is_the_usual_one() -> None:
    # GrowthBook's cases of both versions.
    assert bucket("a", seed="seed") == bucket("a", seed="seed", version=2) == 0.0505
    assert bucket("a", seed="b", version=1) == 0.946


@pytest.mark.parametrize("version", [0, 3, -1])
def test_other_versions_are_refused(version: int) -> None:
    with pytest.raises(ValueError, match=f"version of the hash is {version}; allowed: 1, 2"):
        bucket("one", seed="s", version=version)


@examples(50)
@given(st.text(min_size=1).filter(lambda text: not text.isascii()), st.sampled_from([1, 2]))
def test_what_is_not_ascii_is_refused_by_name(text: str, version: int) -> None:
    for unit, seed in ((text, "seed"), ("unit", text)):
        with pytest.raises(ValueError, match="is not ASCII") as caught:
            bucket(unit, seed=seed, version=version)
        assert f"“{text}”" in str(caught.value)


@UNITS
@pytest.mark.parametrize("seed", ["hero", "exp-1", "exp-2", ""])
def test_buckets_are_even(given_units: Sequence[str], seed: str) -> None:
    counts = Counter(int(bucket(unit, seed=seed) * 100) for unit in given_units)
    assert abs(excess([counts[place] for place in range(100)], [0.01] * 100)) < 5


@UNITS
@pytest.mark.parametrize(
    "seeds", [("hero", "footer"), ("exp-1", "exp-2"), ("holdout:global", "holdout:hero/a")]
)
def test_buckets_of_two_seeds_are_independent(
    given_units: Sequence[str], seeds: tuple[str, str]
) -> None:
    one, other = seeds
    pairs = Counter(
        (int(bucket(unit, seed=one) * 10), int(bucket(unit, seed=other) * 10))
        for unit in given_units
    )
    counts = [pairs[pair] for pair in product(range(10), range(10))]
    assert abs(excess(counts, [0.01] * 100)) < 5


@UNITS
@pytest.mark.parametrize("divided", [(0.5, 0.5), (0.1, 0.9), (0.2, 0.3, 0.5), (0.01,) * 100])
def test_arms_get_their_shares(given_units: Sequence[str], divided: tuple[float, ...]) -> None:
    ranges = ranges_of(len(divided), weights=divided)
    counts = Counter(arm_at(bucket(unit, seed="fair"), ranges) for unit in given_units)
    assert excess([counts[place] for place in range(len(divided))], divided) < 5


# -- ranges --------------------------------------------------------------------------------


@examples(50)
@given(weights, shares)
def test_ranges_are_as_wide_as_weights_say_and_do_not_overlap(
    divided: tuple[float, ...], coverage: float
) -> None:
    ranges = ranges_of(len(divided), coverage=coverage, weights=divided)
    for (start, end), weight in zip(ranges, divided, strict=True):
        assert end - start == pytest.approx(coverage * weight)
    for before, after in pairwise(ranges):
        assert before.end <= after.start + 1e-12
    assert ranges[0].start == 0
    assert ranges[-1].end <= 1 + 1e-9


@examples(50)
@given(st.integers(0, 9999), weights, shares, shares)
def test_more_coverage_moves_nobody_between_arms(
    number: int, divided: tuple[float, ...], one: float, other: float
) -> None:
    less, more = sorted((one, other))
    before, after = (
        arm_at(number / 10_000, ranges_of(len(divided), coverage=each, weights=divided))
        for each in (less, more)
    )
    assert before in (None, after)


@examples(50)
@given(weights, st.integers(0, 9999))
def test_with_everybody_in_each_bucket_is_in_an_arm(
    divided: tuple[float, ...], number: int
) -> None:
    ranges = ranges_of(len(divided), weights=divided)
    assert arm_at(number / 10_000, ranges) is not None
    assert arm_at(number / 10_000, ranges_of(len(divided), coverage=0, weights=divided)) is None


@examples(50)
@given(weights, st.data())
def test_other_weights_of_the_last_arms_move_nobody_before_them(
    divided: tuple[float, ...], data: st.DataObject
) -> None:
    """Who is in an arm before them stays, and nobody comes into such an arm."""
    kept = data.draw(st.integers(0, len(divided) - 1))
    last = data.draw(st.permutations(divided[kept:]))
    changed = (*divided[:kept], *last)
    number = data.draw(st.integers(0, 9999)) / 10_000
    before, after = (arm_at(number, ranges_of(len(each), weights=each))
                     for each in (divided, changed))  # fmt: skip
    assume(before is not None and after is not None)
    assert before is not None
    assert after is not None
    assert before == after or min(before, after) >= kept


@examples(50)
@given(weights, st.integers(1, 5), st.integers(0, 9999))
def test_an_arm_that_is_split_moves_only_its_own_visitors(
    divided: tuple[float, ...], parts: int, at: int
) -> None:
    """An arm is added by giving it a part of the last one."""
    part = divided[-1] / (parts + 1)
    more = (*divided[:-1], divided[-1] - part, part)
    before = arm_at(at / 10_000, ranges_of(len(divided), weights=divided))
    after = arm_at(at / 10_000, ranges_of(len(more), weights=more))
    assume(after is not None)
    assert after == before or (before, after) == (len(divided) - 1, len(divided))


@pytest.mark.parametrize(
    ("stated", "in_force"),
    [
        (None, (0.5, 0.5)),
        ((), (0.5, 0.5)),
        ((0.2, 0.3, 0.5), (0.5, 0.5)),
        ((0.9, 0.2), (0.5, 0.5)),
        ((0.0, 0.0), (0.5, 0.5)),
        ((float("nan"), 0.5), (0.5, 0.5)),
        ((float("inf"), 0.5), (0.5, 0.5)),
        ((0.49, 0.5), (0.49, 0.5)),
        ((0.51, 0.5), (0.51, 0.5)),
        ((0.0, 1.0), (0.0, 1.0)),
    ],
)
def test_weights_that_say_nothing_count_as_equal(
    stated: tuple[float, ...] | None, in_force: tuple[float, ...]
) -> None:
    assert weights_in_force(2, stated) == in_force
    assert ranges_of(2, weights=stated) == ranges_of(2, weights=in_force)


@examples(50)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_sums_are_as_javascript_has_them(parts: list[float]) -> None:
    expected = 0.0
    for part in parts:
        expected = expected + part
    assert total_of(parts) == expected


@examples(50)
@given(st.integers(-3, 50))
def test_equal_weights_add_up(n: int) -> None:
    found = equal_weights(n)
    assert len(found) == max(n, 0)
    assert sum(found) == (pytest.approx(1) if n > 0 else 0)


@examples(50)
@given(st.floats(0, 1), st.lists(st.tuples(shares, shares), max_size=5))
def test_the_first_range_that_has_the_bucket_counts(
    number: float, bounds: list[tuple[float, float]]
) -> None:
    place = arm_at(number, [Range(*each) for each in bounds])
    holds = [start <= number < end for start, end in bounds]
    assert place == (holds.index(True) if any(holds) else None)


# -- namespaces ----------------------------------------------------------------------------


@examples(50)
@given(units, plain, st.lists(shares, min_size=2, max_size=6))
def test_parts_of_a_namespace_share_no_visitors(unit: str, name: str, bounds: list[float]) -> None:
    cuts = [0.0, *sorted(bounds), 1.0]
    parts = [Range(start, end) for start, end in pairwise(cuts)]
    assert sum(in_namespace(unit, name, part) for part in parts) == 1


@UNITS
def test_a_namespace_says_nothing_about_the_arms_of_who_is_in_it(
    given_units: Sequence[str],
) -> None:
    within = [unit for unit in given_units if in_namespace(unit, "page", Range(0.2, 0.6))]
    assert abs(len(within) / len(given_units) - 0.4) < 0.02
    counts = Counter(int(bucket(unit, seed="exp-1") * 2) for unit in within)
    assert excess([counts[0], counts[1]], [0.5, 0.5]) < 10
