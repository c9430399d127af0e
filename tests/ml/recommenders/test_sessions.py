"""Visits as sequences of steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.history import History, Step
from personalization.ml.interactions import Interactions, interactions_of
from personalization.ml.recommenders.session_index import index_of
from personalization.ml.recommenders.sessions import Sessions, sessions_of, steps_of
from personalization.ml.unfit import UnfitData
from tests.effort import examples

NAN = float("nan")


def rows_of(*visits: str, kinds: str = "") -> Interactions:
    """Return visits of one letter for each item, a minute for each step, one after the other."""
    rows = []
    for visit, items in enumerate(visits):
        for place, item in enumerate(items):
            kind = kinds[place] if kinds else "v"
            rows.append((0, visit, item, kind, NAN, len(rows)))
    return interactions_of(rows)


def read(sessions: Sessions, items: tuple[str, ...]) -> list[str]:
    return [
        "".join(items[item] for item in sessions.items[begin:end])
        for begin, end in zip(sessions.starts[:-1], sessions.starts[1:], strict=True)
    ]


def history(*steps: tuple[str, str], earlier: int = 0) -> History:
    return History(
        steps=tuple(
            Step(item=item, at=at, kind=kind, in_visit=at >= earlier)
            for at, (item, kind) in enumerate(steps)
        )
    )


def test_each_visit_has_its_steps_in_their_order() -> None:
    rows = rows_of("ab", "ba", "aab")
    assert read(sessions_of(rows), rows.items) == ["ab", "ba", "aab"]


def test_visits_come_in_the_order_they_ended() -> None:
    rows = interactions_of(
        [(0, 0, "a", "v", NAN, 1), (0, 1, "b", "v", NAN, 2), (0, 0, "c", "v", NAN, 3)]
    )
    sessions = sessions_of(rows)
    assert read(sessions, rows.items) == ["b", "ac"]
    assert sessions.ended.tolist() == [2, 3]


def test_coming_back_is_a_step_and_doing_something_else_there_is_none() -> None:
    rows = rows_of("aaabba", kinds="vevvcv")
    assert read(sessions_of(rows), rows.items) == ["aaba"]


def test_a_history_is_read_like_the_visits_that_were_learned_from() -> None:
    steps = list(zip("aaabba", "vevvcv", strict=True))
    assert steps_of(history(*steps), n=10) == tuple("aaba")


@examples(60)
@given(
    visits=st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("vec")), min_size=1, max_size=8),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_learned_and_what_is_asked_are_always_read_alike(
    visits: list[list[tuple[str, str]]],
) -> None:
    rows = interactions_of(
        [
            (0, visit, item, kind, NAN, 100 * visit + place)
            for visit, steps in enumerate(visits)
            for place, (item, kind) in enumerate(steps)
        ]
    )
    asked = ["".join(steps_of(history(*steps), n=100)) for steps in visits]
    assert read(sessions_of(rows), rows.items) == asked


def test_the_last_steps_are_those_of_the_visit_that_goes_on() -> None:
    steps = history(("a", "v"), ("b", "v"), ("c", "v"), ("d", "v"), earlier=2)
    assert steps_of(steps, n=10) == ("c", "d")
    assert steps_of(steps, n=1) == ("d",)


def test_before_a_visit_has_begun_the_earlier_ones_count() -> None:
    assert steps_of(history(("a", "v"), ("b", "v"), earlier=9), n=10) == ("a", "b")


def test_of_nothing_there_are_no_sessions() -> None:
    with pytest.raises(UnfitData, match="at least 1"):
        sessions_of(interactions_of([]))


def test_visits_are_parted_by_when_they_ended() -> None:
    rows = rows_of("ab", "ba", "aab")  # ended at 1, 3 and 6
    sessions = sessions_of(rows)
    assert read(sessions.before(3), rows.items) == ["ab"]
    assert read(sessions.since(3), rows.items) == ["ba", "aab"]
    assert read(sessions.before(9), rows.items) == ["ab", "ba", "aab"]
    assert read(sessions.since(9), rows.items) == []
    assert read(sessions.latest(1), rows.items) == ["aab"]
    assert read(sessions.latest(9), rows.items) == ["ab", "ba", "aab"]


def test_visits_that_are_parted_can_be_put_together_again() -> None:
    rows = rows_of("ab", "ba", "aab", "b")
    sessions = sessions_of(rows)
    for instant in range(9):
        again = sessions.before(instant).followed_by(sessions.since(instant))
        assert read(again, rows.items) == read(sessions, rows.items)
        assert again.ended.tolist() == sessions.ended.tolist()


def test_visits_can_be_chosen() -> None:
    rows = rows_of("ab", "b", "aab")
    sessions = sessions_of(rows)
    assert read(sessions.where(sessions.lengths > 1), rows.items) == ["ab", "aab"]


def test_an_item_is_found_once_in_each_visit_at_its_last_step_the_latest_visit_first() -> None:
    rows = rows_of("aba", "bb", "ca")
    index = index_of(sessions_of(rows), n_items=3)
    assert index.found(0, n=10).tolist() == [6, 2]
    assert index.found(1, n=10).tolist() == [4, 1]
    assert index.found(0, n=1).tolist() == [6]
    assert index.widths.tolist() == [2, 1, 2]


def test_no_posting_of_another_item_is_found() -> None:
    rows = rows_of("ab", "ac", "ad")
    index = index_of(sessions_of(rows), n_items=4)
    for item in range(4):
        found = index.found(item, n=100)
        assert set(index.sessions.items[found].tolist()) == {item}


def test_rare_items_are_told_from_those_of_every_visit() -> None:
    rows = rows_of("ab", "ac", "ad")
    rarity = index_of(sessions_of(rows), n_items=5).rarity()
    assert rarity[0] == 0
    np.testing.assert_allclose(rarity[1:4], np.log(3), rtol=1e-6)
    assert rarity[4] == 0, "an item of no visit"
