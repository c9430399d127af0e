"""The steps of those who consent, read from the event log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds, span
from personalization.ml import walks as walks_module
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk, walks
from tests.effort import examples
from tests.ml.features.pasts import NOW
from tests.ml.sequences.people import walk

MINUTE = timedelta(minutes=1)
Make = Callable[..., Any]


def test_a_pause_ends_a_visit() -> None:
    parts = walk("a", "b", "c", minutes=(0, 29, 59)).visits(gap=span(30 * MINUTE))
    assert [part.steps for part in parts] == [("a", "b"), ("c",)]
    assert list(walk().visits(gap=1)) == []


@examples(50)
@given(st.lists(st.integers(0, 100), max_size=12))
def test_visits_are_all_of_a_walk_in_its_order(instants: list[int]) -> None:
    whole = Walk(steps=tuple(map(str, range(len(instants)))), at=tuple(sorted(instants)))
    parts = list(whole.visits(gap=10))
    assert tuple(step for part in parts for step in part.steps) == whole.steps
    for one, other in zip(parts, parts[1:], strict=False):
        assert other.at[0] - one.at[-1] >= 10
    for part in parts:
        assert all(b - a < 10 for a, b in zip(part.at, part.at[1:], strict=False))


def test_what_was_before_a_step_is_known() -> None:
    assert walk("a", "b", "goal", "c", "goal").before("goal") == walk("a", "b")
    assert walk("a", "b").before("goal") == walk("a", "b")


def test_each_step_has_its_instant() -> None:
    with pytest.raises(UnfitData, match="2 steps have 1 instants"):
        Walk(steps=("a", "b"), at=(1,))


@pytest.mark.django_db
def test_walks_are_read_in_their_order_and_say_of_nobody_who_it_is(
    make_profile: Make, make_event: Make, monkeypatch: Any
) -> None:
    monkeypatch.setattr(walks_module, "_PEOPLE", 1)  # in several portions
    one, other, no = (
        make_profile(consents={"personalization": consents}) for consents in (True, True, False)
    )
    make_profile(consents={"personalization": True})  # who did nothing
    for profile in (one, no):
        make_event(profile, "Order Completed", at=NOW - MINUTE)
        make_event(
            profile, "Page Viewed", at=NOW - 2 * MINUTE, type="page", properties={"path": "/a/b"}
        )
        make_event(profile, "Engaged", at=NOW - MINUTE, properties={"seconds": 5})
    make_event(other, "Product Viewed", at=NOW - 60 * MINUTE)
    make_event(other, "Product Added", at=NOW)
    found = list(walks(since=microseconds(NOW - 60 * MINUTE), until=microseconds(NOW)))
    assert found == [
        Walk(
            steps=("/a", "Order Completed"),
            at=(microseconds(NOW - 2 * MINUTE), microseconds(NOW - MINUTE)),
        ),
        Walk(steps=("Product Viewed",), at=(microseconds(NOW - 60 * MINUTE),)),
    ]


@pytest.mark.django_db
def test_steps_of_one_instant_stand_in_the_order_of_their_messages(
    make_profile: Make, make_event: Make
) -> None:
    profile = make_profile(consents={"personalization": True})
    for message in ("m3", "m1", "m2"):
        make_event(profile, f"Did {message}", at=NOW, message_id=message)
    (found,) = walks(since=microseconds(NOW), until=microseconds(NOW) + 1)
    assert found.steps == ("Did m1", "Did m2", "Did m3")
