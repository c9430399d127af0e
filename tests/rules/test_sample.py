"""Values to try: some that pass each comparison, and some that do not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.rules.compare import Comparison
from personalization.rules.reading import Reader
from personalization.rules.sample import MOST, samples, text_matching
from tests.effort import examples
from tests.rules import strategies

comparisons = strategies.comparisons("trait", ["plan"]).map(
    lambda leaf: Reader({k: v for k, v in leaf.items() if k in ("operator", "value")}).comparison()
)


@examples(300)
@given(comparison=comparisons)
def test_one_value_passes_and_one_does_not(comparison: Comparison) -> None:
    results = {comparison.holds(value) for value in samples([comparison])}
    assert results == {True, False}


@examples(100)
@given(several=st.lists(comparisons, min_size=1, max_size=4))
def test_the_missing_value_comes_first_and_nothing_twice(several: list[Comparison]) -> None:
    found = samples(several)
    assert found[0] is None
    assert len({(type(value), value) for value in found}) == len(found) <= MOST


@pytest.mark.parametrize(
    "tests",
    [
        [("starts with", "a"), ("ends with", "z")],
        [("starts with", "a"), ("contains", "m"), ("ends with", "z")],
        [(">", 1), ("<", 2)],
        [(">=", 3), ("<=", 3)],
        [("!=", "a"), ("is set", None)],
    ],
)
def test_values_pass_several_comparisons_at_once(tests: list[tuple[Any, Any]]) -> None:
    several = [Comparison(op, () if value is None else (value,)) for op, value in tests]
    assert any(all(one.holds(value) for one in several) for value in samples(several))


@pytest.mark.parametrize(
    "pattern",
    ["a", "^a$", "a|bc", "(ab)+", "a{3}", "[0-9]{2,4}", r"^\d+\.\d+$", "[^a-z]", ".*", r"\w+@\w+",
     "^(foo|ba)r?$"],
)  # fmt: skip
def test_a_text_matches_its_pattern(pattern: str) -> None:
    assert Comparison("matches", (pattern,)).holds(text_matching(pattern))


def test_texts_are_readable_where_they_can_be() -> None:
    assert text_matching("[a-z]+@[a-z]+") == "a@a"
    assert text_matching("[^a]") == "A"
