"""The median of stays, some of which are not over."""

from __future__ import annotations

from statistics import median_low

from hypothesis import given
from hypothesis import strategies as st

from personalization.segments.lasting import median_length
from tests.effort import examples

lengths = st.lists(st.integers(0, 100), min_size=1, max_size=20)


@examples(100)
@given(known=lengths)
def test_where_all_are_over_it_is_the_plain_median(known: list[int]) -> None:
    assert median_length([(length, True) for length in known]) == median_low(known)


@examples(50)
@given(known=lengths, longest=st.integers(100, 200))
def test_who_is_still_inside_makes_it_no_shorter(known: list[int], longest: int) -> None:
    over = [(length, True) for length in known]
    before, after = median_length(over), median_length([*over, (longest, False)])
    assert before is not None
    assert after is None or after >= before


def test_one_that_goes_on_counts_as_far_as_it_is_known() -> None:
    # Of 4, one is over after 1; of the 2 that are known for longer, one is over after 5.
    assert median_length([(1, True), (3, False), (5, True), (9, False)]) == 5


def test_without_enough_that_are_over_there_is_none() -> None:
    assert median_length([]) is None
    assert median_length([(1, True), (9, False), (9, False)]) is None


def test_one_that_ends_as_another_is_seen_last_is_counted_first() -> None:
    assert median_length([(5, True), (5, False)]) == 5
