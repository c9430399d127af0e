"""What visitors did next of late."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.evaluation.splits import REMEMBERED
from personalization.ml.interactions import Dataset, Interactions, interactions_of
from personalization.ml.recommenders.blend import LENGTHS, bucket_of
from personalization.ml.recommenders.questions import Asked, asked, come_back, latest
from personalization.ml.unfit import UnfitData
from tests.effort import examples
from tests.ml.recommenders.test_sessions import rows_of

NAN = float("nan")


def dataset(rows: Interactions) -> Dataset:
    return Dataset(interactions=rows, until=int(rows.at.max()) + 1)


def all_asked(rows: Interactions, *, share: float, repeats: bool, n: int = 1000) -> list[Asked]:
    split = latest(dataset(rows), share=share, rng=np.random.default_rng(0))
    return list(asked(split, n=n, repeats=repeats, rng=np.random.default_rng(0)))


def told(several: list[Asked]) -> set[tuple[str, ...]]:
    """Return histories with what came next, of data in which it is known which item did."""
    return {("".join(each.history.items), *each.targets) for each in several}


def test_each_later_step_is_asked_about_with_all_that_was_before_it() -> None:
    rows = interactions_of(
        [
            (0, 0, "a", "v", NAN, 0),
            (1, 1, "x", "v", NAN, 1),
            (0, 2, "b", "v", NAN, 2),
            (0, 2, "c", "v", NAN, 3),
        ]
    )
    several = all_asked(rows, share=0.5, repeats=False)
    assert told(several) == {("a", "b"), ("ab", "c")}
    last = next(each for each in several if each.targets == ("c",))
    assert [step.in_visit for step in last.history.steps] == [False, True]
    assert last.history.now == 3


def test_a_visit_that_had_begun_before_goes_on() -> None:
    rows = interactions_of(
        [(0, 0, "a", "v", NAN, 0), (0, 0, "b", "v", NAN, 1), (1, 1, "x", "v", NAN, 2)]
    )
    (only,) = all_asked(rows, share=0.67, repeats=False)
    assert told([only]) == {("a", "b")}
    assert only.history.visit == ("a",)


def test_who_was_never_there_is_not_asked_about_at_the_first_step() -> None:
    several = interactions_of(
        [(0, 0, "a", "v", NAN, 0), (1, 1, "b", "v", NAN, 1), (2, 2, "c", "v", NAN, 2)]
    )
    assert all_asked(several, share=0.5, repeats=True) == []


@pytest.mark.parametrize("repeats", [True, False])
def test_what_was_seen_is_asked_about_only_where_it_may_be_shown(repeats: bool) -> None:
    rows = interactions_of(
        [
            (0, 0, "a", "v", NAN, 0),
            (0, 1, "b", "v", NAN, 2),
            (0, 1, "a", "v", NAN, 3),
            (0, 1, "a", "cart", NAN, 4),
        ]
    )
    expected = {("a", "b"), ("ab", "a")} if repeats else {("a", "b")}
    assert told(all_asked(rows, share=0.7, repeats=repeats)) == expected


@pytest.mark.parametrize("later", [7, 107])
def test_where_all_that_came_later_speaks_against_items_nothing_is_asked(later: int) -> None:
    """At one instant with what was before, or after it."""
    rows = interactions_of(
        [
            *((visitor, visitor, "ab"[visitor % 2], "v", NAN, 7) for visitor in range(20)),
            *((visitor, visitor, "a", "Product Removed", NAN, later) for visitor in range(20)),
        ]
    )
    split = latest(dataset(rows), share=0.4, rng=np.random.default_rng(0))
    against = split.since.kind == rows.kinds.index("Product Removed")
    assert against.any()
    split = replace(split, since=split.since.where(against))
    assert list(asked(split, n=10, repeats=True, rng=np.random.default_rng(0))) == []


def test_there_are_no_more_questions_than_wanted_and_of_each_length() -> None:
    rows = rows_of(*["abcdefghijkl"] * 40)
    rows = interactions_of(
        [
            (visit, visit, rows.items[item], "v", NAN, int(at))
            for visit, item, at in zip(rows.visit, rows.item, rows.at, strict=True)
        ]
    )
    several = all_asked(rows, share=0.5, repeats=False, n=50)
    assert len(several) == 50
    lengths = {len(each.history.items) for each in several}
    assert {1, 2} <= lengths
    assert max(lengths) >= 10


def test_a_history_is_no_longer_than_what_is_remembered() -> None:
    rows = interactions_of([(0, 0, f"i{n}", "v", NAN, n) for n in range(REMEMBERED + 20)])
    several = all_asked(rows, share=0.1, repeats=False)
    assert {len(each.history.steps) for each in several} == {REMEMBERED}
    for each in several:
        assert each.history.steps[-1].item == f"i{int(each.targets[0][1:]) - 1}"


def timeless(*n_items: int) -> Interactions:
    """Return visitors with so many items each, at one instant; items are named in the order of
    their rows."""
    return interactions_of(
        [
            (visitor, visitor, f"i{number:03}", "v", NAN, 5)
            for visitor, n in enumerate(n_items)
            for number in range(n)
        ]
    )


@examples(20)
@given(
    n_items=st.lists(st.integers(1, 9), min_size=2, max_size=30),
    share=st.floats(0.05, 0.5),
    seed=st.integers(0, 99),
)
def test_without_times_whole_visitors_are_later(
    n_items: list[int], share: float, seed: int
) -> None:
    rows = timeless(*n_items)
    split = latest(dataset(rows), share=share, rng=np.random.default_rng(seed))
    before, since = split.before.interactions, split.since
    assert not set(before.visitor.tolist()) & set(since.visitor.tolist())
    assert sorted([*before.visitor.tolist(), *since.visitor.tolist()]) == sorted(
        rows.visitor.tolist()
    )
    assert len(since) <= max(share * len(rows) + 1, max(n_items))


def test_without_times_chance_draws_who_is_later() -> None:
    rows = timeless(*[3] * 40)
    later = [
        set(latest(dataset(rows), share=0.25, rng=np.random.default_rng(seed)).since.visitor)
        for seed in range(30)
    ]
    assert {len(each) for each in later} == {10}
    assert set.union(*later) == set(range(40))


def test_data_most_of_which_have_one_time_are_taken_as_without_times() -> None:
    """Of an import and a few later events there is too little that is later."""
    rows = timeless(*[30] * 9)
    at = rows.at.copy()
    at[-3:] += 1
    split = latest(dataset(replace(rows, at=at)), share=0.15, rng=np.random.default_rng(0))
    assert not set(split.before.interactions.visitor) & set(split.since.visitor)
    several = list(asked(split, n=50, repeats=False, rng=np.random.default_rng(0)))
    assert {len(each.history.items) + len(each.targets) for each in several} == {30}


def test_without_times_nothing_is_made_of_the_order_of_rows() -> None:
    several = all_asked(timeless(*[30] * 40), share=0.25, repeats=False)
    follows = [each.history.items[-1] < each.targets[0] for each in several]
    assert 0.2 < sum(follows) / len(follows) < 0.8


@pytest.mark.parametrize("repeats", [True, False])
def test_without_times_all_that_a_history_does_not_have_is_right(repeats: bool) -> None:
    rows = timeless(120, 120, 120, 120)
    several = all_asked(rows, share=0.25, repeats=repeats)
    assert max(len(each.history.steps) for each in several) > REMEMBERED
    for each in several:
        everything = [*each.history.items, *each.targets]
        assert len(set(everything)) == len(everything) == 120


def test_without_times_what_was_done_twice_is_known_or_right_and_not_both() -> None:
    rows = interactions_of(
        [(visitor, visitor, f"i{n % 40}", "v", NAN, 5) for visitor in range(4) for n in range(80)]
    )
    several = all_asked(rows, share=0.25, repeats=True)
    assert several
    for each in several:
        known = set(each.history.items)
        assert not known & set(each.targets)
        assert len(known) + len(set(each.targets)) == len(known) + len(each.targets) == 40


def test_without_times_a_visitor_is_asked_about_once_for_each_length() -> None:
    rows = timeless(*[60] * 20)
    several = all_asked(rows, share=0.25, repeats=False)
    buckets = Counter(bucket_of(len(each.history.items)) for each in several)
    assert buckets == dict.fromkeys(range(len(LENGTHS)), 5)


@pytest.mark.parametrize(("n_items", "n_known"), [(100, 80), (26, 20), (22, 20), (21, 20)])
def test_without_times_the_longest_histories_have_most_of_what_there_is(
    n_items: int, n_known: int
) -> None:
    several = all_asked(timeless(*[n_items] * 8), share=0.25, repeats=False)
    longest = {len(each.history.items) for each in several if len(each.history.items) >= 20}
    assert longest == {n_known}


def test_without_times_who_has_one_item_is_not_asked_about() -> None:
    assert all_asked(timeless(*[1] * 20), share=0.25, repeats=False) == []


def test_with_times_what_is_later_is_no_earlier_than_anything_learned() -> None:
    rows = rows_of(*["abc"] * 10)
    split = latest(dataset(rows), share=0.2, rng=np.random.default_rng(0))
    assert split.before.interactions.at.max() < split.since.at.min()
    assert split.before.until <= split.since.at.min()


@pytest.mark.parametrize("rows", [rows_of("a"), rows_of()], ids=["one", "none"])
def test_too_little_cannot_be_split(rows: Interactions) -> None:
    with pytest.raises(UnfitData, match="Needs 2"):
        latest(Dataset(interactions=rows, until=9), share=0.2, rng=np.random.default_rng(0))


def test_one_visitor_of_one_instant_cannot_be_split() -> None:
    rows = interactions_of([(0, number, "abc"[number], "v", NAN, 0) for number in range(3)])
    with pytest.raises(UnfitData, match="one instant"):
        latest(dataset(rows), share=0.2, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("visits", "back"),
    [
        (["abcd"] * 5, False),
        (["abcb"] * 5, True),
        (["aabb"] * 5, False),
        (["a"] * 5, False),
    ],
    ids=["never", "back", "reloaded", "one step"],
)
def test_going_back_is_told_from_reloading(visits: list[str], back: bool) -> None:
    assert come_back(rows_of(*visits)) is back
