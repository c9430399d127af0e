"""What a visitor in several segments sees, as a function of values."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.segments.overlaps import STRATEGIES, chance, chosen, score


@dataclass(frozen=True)
class Content:
    name: str
    segments: tuple[str, ...]
    share: float = 1.0


A, B, AB, C = (
    Content("for a", ("a",)),
    Content("for b", ("b",)),
    Content("for a or b", ("a", "b")),
    Content("for c", ("c",)),
)
WEIGHTS = {"a": 1.0, "b": 2.5, "c": 0.0}

slugs = st.sampled_from("abcdef")
contents = st.lists(
    st.builds(Content, st.uuids().map(str), st.lists(slugs, min_size=1, max_size=4).map(tuple)),
    max_size=6,
)
weights = st.dictionaries(slugs, st.floats(min_value=0, max_value=1e9))


def names(strategy: str, *candidates: Content, of: str) -> list[str]:
    found = chosen(strategy, candidates, segments=frozenset(of), weights=WEIGHTS)
    return [content.name for content in found]


@pytest.mark.parametrize(
    ("strategy", "of", "shown"),
    [
        ("priority", "ab", ["for a"]),
        ("priority", "b", ["for b"]),
        ("weight", "ab", ["for a or b"]),
        ("weight", "a", ["for a"]),
        ("weight", "b", ["for b"]),
        ("weight", "c", ["for c"]),
        ("weight", "abc", ["for a or b"]),
        ("all", "ab", ["for a", "for b", "for a or b"]),
        ("all", "bc", ["for b", "for a or b", "for c"]),
        ("all", "", []),
        ("weight", "", []),
        ("priority", "z", []),
    ],
)
def test_a_strategy_decides_between_what_matches(strategy: str, of: str, shown: list[str]) -> None:
    assert names(strategy, A, B, AB, C, of=of) == shown


def test_of_equal_scores_the_first_is_shown() -> None:
    assert names("weight", B, AB, of="b") == ["for b"]
    assert names("weight", AB, B, of="b") == ["for a or b"]


def test_a_segment_that_is_named_twice_counts_once() -> None:
    twice = Content("twice", ("a", "a", "a"))
    assert score(twice, segments=frozenset("a"), weights=WEIGHTS) == 1.0
    assert names("weight", B, twice, of="ab") == ["for b"]


def test_only_segments_of_the_visitor_count() -> None:
    assert score(AB, segments=frozenset("a"), weights=WEIGHTS) == 1.0
    assert score(AB, segments=frozenset("abc"), weights=WEIGHTS) == 3.5


def test_a_segment_without_a_weight_weighs_as_one_that_nobody_touched() -> None:
    assert score(Content("new", ("new",)), segments=frozenset({"new"}), weights={}) == 1.0


def test_what_is_no_strategy_is_taken_for_priority() -> None:
    assert names("heaviest", A, B, AB, of="ab") == names("priority", A, B, AB, of="ab")


@given(contents, st.frozensets(slugs), weights)
def test_every_strategy_shows_only_what_matches_in_order(
    candidates: list[Content], segments: frozenset[str], weights: dict[str, float]
) -> None:
    matching = [each for each in candidates if set(each.segments) & segments]
    for strategy in STRATEGIES:
        found = chosen(strategy, candidates, segments=segments, weights=weights)
        assert bool(found) == bool(matching)
        assert set(found) <= set(matching)
    shown = {
        name: chosen(name, candidates, segments=segments, weights=weights) for name in STRATEGIES
    }
    assert list(shown["all"]) == matching
    assert list(shown["priority"]) == matching[:1]
    assert len(shown["weight"]) == min(1, len(matching))


@pytest.mark.parametrize(
    ("shares", "lot", "shown"),
    [
        ((1, 3), 0.0, "for a"),
        ((1, 3), 0.2499, "for a"),
        ((1, 3), 0.25, "for b"),
        ((1, 3), 0.9999999999999999, "for b"),
        ((0, 1), 0.0, "for b"),
        ((1, 0), 0.9999999999999999, "for a"),
    ],
)
def test_chance_shows_each_as_often_as_its_share_says(
    shares: tuple[float, float], lot: float, shown: str
) -> None:
    both = [Content("for a", ("a",), shares[0]), Content("for b", ("b",), shares[1])]
    segments = frozenset("ab")
    found = chosen("random", both, segments=segments, weights={}, lot=lot)
    assert [one.name for one in found] == [shown]
    chances = [chance(one, both, segments=segments) for one in both]
    assert chances == [share / sum(shares) for share in shares]


def test_what_has_no_share_is_never_shown_by_chance() -> None:
    nothing = [Content("for a", ("a",), 0), Content("for b", ("b",), 0)]
    assert chosen("random", nothing, segments=frozenset("ab"), weights={}, lot=0.5) == ()


@given(contents, st.frozensets(slugs, min_size=1), weights)
def test_nothing_that_matches_outweighs_what_is_shown(
    candidates: list[Content], segments: frozenset[str], weights: dict[str, float]
) -> None:
    def exact(each: Content) -> Fraction:
        return sum(
            (Fraction(weights.get(slug, 1.0)) for slug in set(each.segments) & segments),
            start=Fraction(0),
        )

    found = chosen("weight", candidates, segments=segments, weights=weights)
    for each in (each for each in candidates if set(each.segments) & segments):
        assert float(exact(each)) <= float(exact(found[0]))


@given(contents, st.frozensets(slugs), weights, st.randoms(use_true_random=False))
def test_the_order_in_which_a_candidate_names_segments_changes_no_score(
    candidates: list[Content], segments: frozenset[str], weights: dict[str, float], rng
) -> None:
    for each in candidates:
        shuffled = Content(each.name, tuple(rng.sample(each.segments, len(each.segments))))
        assert score(each, segments=segments, weights=weights) == score(
            shuffled, segments=segments, weights=weights
        )
