from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.serving.diversity import diversified, similarity
from personalization.ml.serving.rerank import Candidate
from tests.effort import examples
from tests.ml.serving.making import candidates, item, keys

SHOES = [item(f"shoe-{n}", category="shoes", tags=("leather",)) for n in range(4)]
HAT = item("hat", category="hats", tags=("leather",))
BOOK = item("book", category="books")


def scored(*items):
    return candidates(*((one, 1 - at / 20) for at, one in enumerate(items)))


@st.composite
def lists(draw):
    n = draw(st.integers(0, 12))
    items = [
        item(f"item-{at:02}", category=draw(st.sampled_from(["", "a", "b"])),
             tags=tuple(draw(st.lists(st.sampled_from("xyz"), unique=True))))
        for at in range(n)
    ]  # fmt: skip
    scores = sorted(draw(st.lists(st.floats(0, 1), min_size=n, max_size=n)), reverse=True)
    return [Candidate(one, score) for one, score in zip(items, scores, strict=True)]


@given(lists(), st.integers(0, 15), st.floats(0, 1), st.integers(0, 3))
@examples(100)
def test_a_list_is_as_long_as_asked_and_has_each_item_once(found, n, diversity, per_category):
    chosen = diversified(found, n=n, diversity=diversity, per_category=per_category)
    assert len(chosen) == min(n, len(found))
    assert len(set(keys(chosen))) == len(chosen)
    assert set(keys(chosen)) <= set(keys(found))


@given(lists(), st.integers(0, 15))
@examples(100)
def test_without_diversity_it_is_the_order_of_scores(found, n):
    assert diversified(found, n=n, diversity=0.0) == found[:n]


@given(lists(), st.integers(1, 12), st.floats(0, 1), st.integers(1, 3))
@examples(100)
def test_a_category_is_over_its_cap_only_where_nothing_else_is_left(found, n, diversity, cap):
    chosen = diversified(found, n=n, diversity=diversity, per_category=cap)
    counts: Counter[str] = Counter()
    for at, one in enumerate(chosen):
        category = one.item.category
        if category and counts[category] >= cap:
            rest = [each for each in found if each not in chosen[:at]]
            assert all(each.item.category and counts[each.item.category] >= cap for each in rest)
        counts[category] += 1


def test_the_best_comes_first_and_then_what_differs_from_it():
    found = scored(*SHOES, HAT, BOOK)
    assert keys(diversified(found, n=3, diversity=0.5)) == ["shoe-0", "book", "hat"]


def test_the_cap_counts_what_stands_above_too():
    found = scored(SHOES[1], SHOES[2], BOOK)
    chosen = diversified(found, n=2, diversity=0.0, per_category=1, above=[SHOES[0]])
    assert keys(chosen) == ["book", "shoe-1"]


def test_what_stands_above_is_what_others_differ_from():
    chosen = diversified(scored(SHOES[1], BOOK), n=1, diversity=0.6, above=[SHOES[0]])
    assert keys(chosen) == ["book"]


def test_items_are_alike_as_far_as_they_share_category_and_tags():
    assert similarity(SHOES[0], SHOES[1]) == 1
    assert similarity(SHOES[0], HAT) == pytest.approx(1 / 3)
    assert similarity(HAT, BOOK) == 0
    assert similarity(item("bare"), item("naked")) == 0


def test_scores_of_nothing_are_no_obstacle():
    assert len(diversified(candidates((HAT, 0.0), (BOOK, 0.0)), n=2, diversity=0.5)) == 2
