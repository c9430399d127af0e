"""Items that few have seen get a part of the scores of those they are like."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.arrays import Floats, Indices
from personalization.ml.recommenders import newcomers as module
from personalization.ml.recommenders.newcomers import newcomers, no_newcomers
from tests.effort import examples

Like = Callable[[int], tuple[Indices, Floats]]


def like(table: Mapping[int, Mapping[int, float]]) -> Like:
    """Return what says for an item those that are like it, as the table has them."""

    def told(item: int) -> tuple[Indices, Floats]:
        found = table.get(item, {})
        return np.array([*found], np.int32), np.array([*found.values()], np.float32)

    return told


def seen(*counts: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(counts, np.int64)


def scores(*values: float) -> Floats:
    return np.array(values, np.float32)


NONE = np.zeros(3, np.float32)


def test_what_nobody_saw_gets_the_whole_share_of_the_only_one_it_is_like() -> None:
    found = newcomers(like({0: {1: 0.3}}), seen=seen(0, 50, 50), share=0.5)
    assert found.told(scores(0, 1, 0), likeness=NONE).tolist() == [0.5, 1, 0]


def test_of_two_that_it_is_like_each_counts_by_how_like_it_is() -> None:
    found = newcomers(like({0: {1: 0.3, 2: 0.1}}), seen=seen(0, 50, 50), share=1)
    assert found.told(scores(0, 1, 0), likeness=NONE)[0] == pytest.approx(0.75)
    assert found.told(scores(0, 0, 1), likeness=NONE)[0] == pytest.approx(0.25)


def test_the_more_saw_it_the_less_it_gets() -> None:
    gained = [
        float(
            newcomers(like({0: {1: 1.0}}), seen=seen(n, 500, 500), share=1).told(
                scores(0, 1, 0), likeness=NONE
            )[0]
        )
        for n in (0, 1, 5, 100)
    ]
    assert gained == sorted(gained, reverse=True)
    assert gained[0] == 1
    assert gained[2] == pytest.approx(0.5)


def test_who_was_seen_by_nobody_can_tell_nothing() -> None:
    found = newcomers(like({0: {1: 1.0}, 1: {0: 1.0}}), seen=seen(0, 0, 9), share=1)
    assert len(found.items) == 0


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_what_is_not_like_it_tells_nothing(weight: float) -> None:
    assert len(newcomers(like({0: {1: weight}}), seen=seen(0, 9, 9), share=1).items) == 0


def test_its_own_likeness_to_the_history_counts_a_little() -> None:
    found = newcomers(like({0: {1: 1.0}}), seen=seen(0, 9, 9), share=1)
    none, some = (
        found.told(scores(0, 1, 0), likeness=scores(value, 0, 0))[0] for value in (0.0, 1.0)
    )
    assert none < some < none + 1


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_its_own_likeness_counts_three_tenths_of_the_share(share: float) -> None:
    found = newcomers(like({0: {1: 1.0}}), seen=seen(0, 9, 9), share=share)
    none, some = (
        found.told(scores(0, 1, 0), likeness=scores(value, 0, 0))[0] for value in (0.0, 1.0)
    )
    assert some - none == pytest.approx(0.3 * share)


def test_nobody_is_new_where_no_share_is_given() -> None:
    assert len(newcomers(like({0: {1: 1.0}}), seen=seen(0, 9, 9), share=0).items) == 0


def test_without_newcomers_scores_are_what_they_were() -> None:
    own = scores(1, 2, 3)
    assert no_newcomers().told(own, likeness=scores(9, 9, 9)) is own


def test_only_those_that_fewest_saw_are_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NEWCOMERS", 1)
    table = {item: {2: 1.0} for item in (0, 1)}
    assert newcomers(like(table), seen=seen(4, 3, 9), share=1).items.tolist() == [1]


def test_what_more_than_a_hundred_saw_is_new_to_nobody() -> None:
    table = {item: {2: 1.0} for item in (0, 1)}
    assert newcomers(like(table), seen=seen(100, 101, 9), share=1).items.tolist() == [0]


def test_only_the_ten_that_it_is_most_like_tell_of_it() -> None:
    table = {0: dict.fromkeys(range(1, 30), 1.0)}
    found = newcomers(like(table), seen=seen(*[0] + [5] * 29), share=1)
    own = np.zeros(30, np.float32)
    own[11:] = 1
    assert found.told(own, likeness=np.zeros(30, np.float32))[0] == 0


tables = st.dictionaries(
    st.integers(0, 7),
    st.dictionaries(st.integers(0, 7), st.floats(-1, 1, width=32), max_size=6),
    max_size=8,
)


@given(
    tables,
    st.lists(st.integers(0, 20), min_size=8, max_size=8),
    st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8),
)
@examples(100)
def test_nobody_loses_and_nobody_gains_more_than_the_best_had(
    table: dict[int, dict[int, float]], counts: list[int], values: list[float]
) -> None:
    found = newcomers(like(table), seen=seen(*counts), share=1)
    own = np.array(values, np.float32)
    told = found.told(own, likeness=np.zeros(8, np.float32))
    assert (told >= own).all()
    assert (told - own <= own.max() + 1e-5).all()
    assert own.tolist() == [np.float32(value) for value in values]  # as it was
    arrays = found.arrays()
    assert type(found)(**arrays).told(own, likeness=own * 0).tolist() == told.tolist()


@given(
    tables,
    st.lists(st.integers(0, 20), min_size=8, max_size=8),
    st.lists(st.floats(-1, 1, width=32), min_size=8, max_size=8),
    st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8),
)
@examples(100)
def test_it_is_what_adding_up_item_by_item_gives(
    table: dict[int, dict[int, float]], counts: list[int], values: list[float], liked: list[float]
) -> None:
    found = newcomers(like(table), seen=seen(*counts), share=0.5)
    expected = list(values)
    for item, tellers, shares in zip(found.items, found.like, found.shares, strict=True):
        for teller, share in zip(tellers, shares, strict=True):
            expected[item] += float(share) * (values[teller] + 0.3 * liked[item])
    told = found.told(scores(*values), likeness=scores(*liked))
    np.testing.assert_allclose(told, expected, atol=1e-6)
