"""What visitors did next of late."""

from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.evaluation.splits import REMEMBERED
from personalization.ml.interactions import Dataset, Interactions, UnfitData, interactions_of
from personalization.ml.recommenders.questions import Asked, asked, come_back, latest
from tests.ml.recommenders.test_sessions import rows_of

NAN = float("nan")


def dataset(rows: Interactions) -> Dataset:
    return Dataset(interactions=rows, until=int(rows.at.max()) + 1)


def all_asked(rows: Interactions, *, share: float, repeats: bool, n: int = 1000) -> list[Asked]:
    split = latest(dataset(rows), share=share, rng=np.random.default_rng(0))
    return list(asked(split, n=n, repeats=repeats, rng=np.random.default_rng(0)))


def told(several: list[Asked]) -> set[tuple[str, str]]:
    return {("".join(each.history.items), each.target) for each in several}


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
    last = next(each for each in several if each.target == "c")
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
        assert each.history.steps[-1].item == f"i{int(each.target[1:]) - 1}"


def test_without_times_the_last_visits_are_later() -> None:
    rows = interactions_of([(v, v, f"i{n}", "v", NAN, 0) for v in range(10) for n in range(3)])
    split = latest(dataset(rows), share=0.2, rng=np.random.default_rng(0))
    assert set(split.since.visit.tolist()) == {8, 9}
    assert set(split.before.interactions.visit.tolist()) == set(range(8))


def test_without_times_nothing_is_made_of_the_order_of_rows() -> None:
    rows = interactions_of([(v, v, f"i{n:02}", "v", NAN, 0) for v in range(4) for n in range(30)])
    several = all_asked(rows, share=0.25, repeats=False)
    follows = [each.history.items[-1] < each.target for each in several]
    assert 0.2 < sum(follows) / len(follows) < 0.8


def test_without_times_a_history_is_all_of_it_and_several_answers_are_right() -> None:
    rows = interactions_of(
        [(visitor, visitor, f"{n:03}", "v", NAN, 5) for visitor in range(4) for n in range(120)]
    )
    several = all_asked(rows, share=0.25, repeats=False, n=60)
    by_history: dict[int, list[Asked]] = {}
    for each in several:
        by_history.setdefault(id(each.history), []).append(each)
    assert max(len(each.history.steps) for each in several) > REMEMBERED
    for together in by_history.values():
        targets = [each.target for each in together]
        assert len(set(targets)) == len(targets) <= 4
        assert not set(targets) & set(together[0].history.items)
        assert len(targets) == min(4, 120 - len(together[0].history.steps))


def test_with_times_what_is_later_is_no_earlier_than_anything_learned() -> None:
    rows = rows_of(*["abc"] * 10)
    split = latest(dataset(rows), share=0.2, rng=np.random.default_rng(0))
    assert split.before.interactions.at.max() < split.since.at.min()
    assert split.before.until <= split.since.at.min()


@pytest.mark.parametrize("rows", [rows_of("a"), rows_of()], ids=["one", "none"])
def test_too_little_cannot_be_split(rows: Interactions) -> None:
    with pytest.raises(UnfitData, match="Needs 2"):
        latest(Dataset(interactions=rows, until=9), share=0.2, rng=np.random.default_rng(0))


def test_one_visit_of_one_instant_cannot_be_split() -> None:
    rows = interactions_of([(0, 0, item, "v", NAN, 0) for item in "abc"])
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
