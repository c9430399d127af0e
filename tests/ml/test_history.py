"""What a visitor did until now, as a recommender is asked about it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from personalization.ml.history import History, Step, history_of

EARLIER = Step(item="hat", at=1, kind="Product Viewed", in_visit=False)
NOW = Step(item="shoe", at=2, kind="Product Viewed")


def test_nobody_has_done_anything_yet() -> None:
    assert (History().steps, History().items, History().visit, History().now) == ((), (), (), 0)


def test_items_are_those_of_all_visits_and_the_visit_those_of_this_one() -> None:
    history = History(steps=(EARLIER, NOW, NOW), now=3)
    assert history.items == ("hat", "shoe", "shoe")
    assert history.visit == ("shoe", "shoe")


def test_items_alone_are_a_visit_that_goes_on() -> None:
    history = history_of("hat", "shoe", now=7)
    assert history.visit == history.items == ("hat", "shoe")
    assert {step.at for step in history.steps} == {history.now} == {7}


def test_two_who_did_the_same_have_the_same_history() -> None:
    assert history_of("hat", now=7) == history_of("hat", now=7)
    assert len({history_of("hat"), history_of("hat"), history_of("shoe")}) == 2


def test_what_happened_is_not_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        NOW.item = "hat"  # type: ignore[misc]
