"""Nothing is learned from what came later, and questions are about that alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.evaluation.splits import (
    REMEMBERED,
    latest,
    new_items,
    next_items,
    split_at,
)
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.unfit import UnfitData
from tests.effort import examples
from tests.ml.contract import small_dataset

rows_of_events = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 9), st.sampled_from("abcde"), st.integers(0, 30)),
    min_size=2,
    max_size=40,
)


def events(*rows: tuple[int, int, str, int]) -> Dataset:
    """Return events of (visitor, visit, item, at)."""
    full = [(visitor, visit, item, "k", 0.0, at) for visitor, visit, item, at in rows]
    return Dataset(interactions=interactions_of(full), until=1 + max(row[3] for row in rows))


@examples(60)
@given(rows_of_events, st.floats(0.01, 0.99))
def test_all_that_is_learned_from_is_earlier(
    rows: list[tuple[int, int, str, int]], share: float
) -> None:
    dataset = events(*rows)
    try:
        split = latest(dataset, share=share)
    except UnfitData:
        return
    assert split.before.interactions.at.max() < split.at <= split.since.at.min()
    assert split.before.until == split.at
    assert len(split.before.interactions) + len(split.since) == len(rows)


def test_about_the_share_is_later() -> None:
    dataset = small_dataset()
    split = latest(dataset, share=0.2)
    assert len(split.since) / len(dataset.interactions) == pytest.approx(0.2, abs=0.01)


def test_what_happened_at_one_instant_stays_together() -> None:
    split = latest(events((0, 0, "a", 1), *[(n, n, "b", 2) for n in range(9)]), share=0.1)
    assert len(split.since) == 9


@pytest.mark.parametrize("rows", [[(0, 0, "a", 1)], [(0, 0, "a", 1), (1, 1, "b", 1)]])
def test_what_has_no_two_sides_is_said(rows: list[tuple[int, int, str, int]]) -> None:
    with pytest.raises(UnfitData, match="has 1|0 are earlier"):
        latest(events(*rows))


@pytest.mark.parametrize("share", [0, 1, -1, float("nan")])
def test_a_share_that_is_none_is_named(share: float) -> None:
    with pytest.raises(ValueError, match=f"{share!r}; allowed: between 0 and 1"):
        latest(small_dataset(), share=share)


def test_the_catalogue_comes_along() -> None:
    dataset = small_dataset()
    assert split_at(dataset, at=dataset.until // 2).before.catalogue is dataset.catalogue


class TestNewItems:
    def test_asked_is_what_a_visitor_had_not_had(self) -> None:
        dataset = events((7, 0, "a", 1), (7, 1, "a", 5), (7, 1, "c", 6), (7, 1, "b", 7))
        (question,) = new_items(split_at(dataset, at=5))
        assert question.targets == ("c", "b")
        assert question.history.items == ("a",)
        assert question.history.now == 5

    def test_who_came_later_or_never_again_is_not_asked_about(self) -> None:
        dataset = events((1, 0, "a", 1), (2, 1, "b", 9), (1, 2, "a", 9))
        assert list(new_items(split_at(dataset, at=5))) == []

    def test_nothing_of_it_is_in_the_visit_that_goes_on(self) -> None:
        dataset = events((1, 0, "a", 1), (1, 1, "b", 9))
        (question,) = new_items(split_at(dataset, at=5))
        assert question.history.visit == ()

    def test_the_last_steps_are_remembered(self) -> None:
        rows = [(1, 0, f"i{n}", n) for n in range(80)]
        (question,) = new_items(split_at(events(*rows, (1, 1, "new", 99)), at=90))
        assert question.history.items == tuple(f"i{n}" for n in range(80 - REMEMBERED, 80))

    @examples(40)
    @given(rows_of_events, st.integers(1, 30))
    def test_history_is_earlier_and_targets_are_new(
        self, rows: list[tuple[int, int, str, int]], at: int
    ) -> None:
        try:
            split = split_at(events(*rows), at=at)
        except UnfitData:
            return
        for question in new_items(split):
            assert not set(question.targets) & set(question.history.items)
            assert len(set(question.targets)) == len(question.targets)
            assert all(step.at < at for step in question.history.steps)


class TestNextItems:
    def test_each_step_but_the_first_is_asked_about(self) -> None:
        dataset = events((1, 4, "a", 1), (1, 4, "b", 2), (1, 4, "a", 3), (2, 5, "c", 4))
        questions = list(next_items(dataset.interactions))
        assert [each.history.visit for each in questions] == [("a",), ("a", "b")]
        assert [each.targets for each in questions] == [("b",), ("a",)]
        assert [each.history.now for each in questions] == [2, 3]

    @examples(40)
    @given(rows_of_events)
    def test_a_visit_of_n_steps_gives_n_minus_1_questions(
        self, rows: list[tuple[int, int, str, int]]
    ) -> None:
        questions = list(next_items(events(*rows).interactions))
        assert len(questions) == len(rows) - len({row[1] for row in rows})
        assert all(step.in_visit for each in questions for step in each.history.steps)

    def test_nothing_asks_nothing(self) -> None:
        assert list(next_items(interactions_of([]))) == []
