"""The true counts: of whom, of what, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from personalization.events.models import Event
from personalization.profiles.models import Identity, Profile
from personalization.reports.counting import count, countable_segments, steps_done
from personalization.reports.definitions import DefinitionRejected, Funnel, SegmentSizes
from personalization.segments.manual import add_members
from personalization.segments.models import Membership, Segment
from tests.admin.rules import CART
from tests.reports.conftest import NOW
from tests.rules.building import rule

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ON_REQUEST = rule({"kind": "context", "field": "device", "operator": "=", "value": "mobile"})


def counts(definition: Any) -> list[tuple[str, int]]:
    return [(each.name, each.n) for each in count(definition, now=NOW)]


# -- segments --------------------------------------------------------------------------------


@pytest.mark.django_db
class TestSegments:
    def test_they_are_counted_in_the_order_asked(self, make_crowd: Callable[..., Segment]) -> None:
        make_crowd("big", 3)
        make_crowd("small", 1)
        assert counts(SegmentSizes(slugs=("small", "big"))) == [("Small", 1), ("Big", 3)]

    def test_an_empty_one_has_none(self, make_segment: Callable[..., Segment]) -> None:
        make_segment("nobody")
        assert counts(SegmentSizes(slugs=("nobody",))) == [("Nobody", 0)]

    @pytest.mark.parametrize("consents", [{}, {"analytics": False}, {"personalization": True}])
    def test_who_did_not_agree_to_analytics_is_not_counted(
        self, consents: Any, make_crowd: Callable[..., Segment]
    ) -> None:
        make_crowd("crowd", 2, consents=consents)
        assert counts(SegmentSizes(slugs=("crowd",))) == [("Crowd", 0)]

    def test_who_left_is_not_counted(
        self, make_crowd: Callable[..., Segment], make_people: Callable[..., list[Profile]]
    ) -> None:
        segment = make_crowd("crowd", 2)
        Membership.objects.create(
            segment=segment, profile=make_people(1)[0], since=NOW - HOUR, until=NOW - MINUTE
        )
        assert counts(SegmentSizes(slugs=("crowd",))) == [("Crowd", 2)]

    def test_who_came_in_twice_counts_once(
        self, make_crowd: Callable[..., Segment], make_people: Callable[..., list[Profile]]
    ) -> None:
        segment = make_crowd("crowd", 0)
        person = make_people(1)[0]
        add_members(segment, [person.pk], now=NOW)
        Membership.objects.create(segment=segment, profile=person, since=NOW - HOUR, settled=True)
        assert counts(SegmentSizes(slugs=("crowd",))) == [("Crowd", 1)]

    def test_two_queries_are_enough_however_many_there_are(
        self, make_crowd: Callable[..., Segment]
    ) -> None:
        slugs = tuple(make_crowd(f"crowd-{number}", 1).slug for number in range(4))
        with CaptureQueriesContext(connection) as queries:
            count(SegmentSizes(slugs=slugs), now=NOW)
        assert len(queries) == 2

    @pytest.mark.parametrize(
        "fields", [{"active": False}, {"internal": True}, {"rule": ON_REQUEST}, {"rule": {}}]
    )
    def test_what_keeps_no_members_is_refused_by_name(
        self, fields: Any, make_segment: Callable[..., Segment]
    ) -> None:
        make_segment("odd", **fields)
        with pytest.raises(DefinitionRejected, match="“odd” is no segment that keeps members"):
            count(SegmentSizes(slugs=("odd",)), now=NOW)

    def test_those_that_can_be_counted_are_offered(
        self, make_segment: Callable[..., Segment]
    ) -> None:
        make_segment("by-hand")
        make_segment("by-rule", CART)
        make_segment("on-request", ON_REQUEST)
        assert [each.slug for each in countable_segments()] == ["by-hand", "by-rule"]


# -- funnels ---------------------------------------------------------------------------------


@pytest.mark.django_db
class TestFunnel:
    @pytest.fixture
    def did(
        self, make_people: Callable[..., list[Profile]], make_event: Callable[..., Event]
    ) -> Callable[..., Profile]:
        """Make somebody who did what is listed, as (event, minutes before now)."""

        def make(*done: tuple[str, int], consents: Any = None) -> Profile:
            consents = {"analytics": True} if consents is None else consents
            [person] = make_people(1, consents=consents)
            for name, minutes in done:
                make_event(person, name, at=NOW - minutes * MINUTE)
            return person

        return make

    def funnel(self, **others: Any) -> Funnel:
        steps = ("Product Viewed", "Product Added", "Order Completed")
        given = {"steps": steps, "window": HOUR, "since": NOW - 24 * HOUR, "until": NOW, **others}
        return Funnel(**given)

    def numbers(self, **others: Any) -> list[int]:
        return [n for _, n in counts(self.funnel(**others))]

    def test_each_step_has_those_who_got_there(self, did: Callable[..., Profile]) -> None:
        did(("Product Viewed", 30))
        did(("Product Viewed", 30), ("Product Added", 20))
        did(("Product Viewed", 30), ("Product Added", 20), ("Order Completed", 10))
        assert counts(self.funnel()) == [
            ("Product Viewed", 3), ("Product Added", 2), ("Order Completed", 1),
        ]  # fmt: skip

    def test_the_order_matters(self, did: Callable[..., Profile]) -> None:
        did(("Product Added", 30), ("Product Viewed", 20))
        assert self.numbers() == [1, 0, 0]

    def test_who_takes_longer_than_the_window_stays_behind(
        self, did: Callable[..., Profile]
    ) -> None:
        did(("Product Viewed", 80), ("Product Added", 60), ("Order Completed", 10))
        assert self.numbers() == [1, 1, 0]
        assert self.numbers(window=70 * MINUTE) == [1, 1, 1]

    def test_it_does_not_matter_how_often_somebody_does_it(
        self, did: Callable[..., Profile]
    ) -> None:
        did(*[("Product Viewed", 30 - minute) for minute in range(20)], ("Product Added", 1))
        assert self.numbers() == [1, 1, 0]

    def test_only_the_span_is_looked_at(self, did: Callable[..., Profile]) -> None:
        did(("Product Viewed", 30), ("Product Added", 20))
        assert self.numbers(until=NOW - 20 * MINUTE) == [1, 0, 0]
        assert self.numbers(since=NOW - 20 * MINUTE) == [0, 0, 0]

    def test_who_did_not_agree_to_analytics_is_not_counted(
        self, did: Callable[..., Profile]
    ) -> None:
        did(("Product Viewed", 30), consents={"personalization": True})
        assert self.numbers() == [0, 0, 0]

    def test_what_somebody_does_on_two_devices_is_one_way(
        self, did: Callable[..., Profile], make_event: Callable[..., Event]
    ) -> None:
        person = did(("Product Viewed", 30))
        event = make_event(person, "Product Added", at=NOW - 20 * MINUTE)
        event.identity = Identity.objects.create(
            profile=person, namespace=Identity.ANONYMOUS, value="their phone"
        )
        event.save()
        assert self.numbers() == [1, 1, 0]

    def test_one_query_reads_them_all(self, did: Callable[..., Profile]) -> None:
        for _ in range(3):
            did(("Product Viewed", 30), ("Product Added", 20))
        with CaptureQueriesContext(connection) as queries:
            count(self.funnel(), now=NOW)
        assert len(queries) == 1


def done(*events: tuple[str, int], wanted: str = "abc", window: int = 10) -> int:
    happened = [(name, NOW + minute * MINUTE) for name, minute in events]
    return steps_done(happened, wanted=tuple(wanted), window=window * MINUTE)


def test_a_newer_begin_takes_the_place_of_one_that_is_too_old() -> None:
    assert done(("a", 0), ("b", 5), ("a", 8), ("b", 9), ("c", 15)) == 3


def test_one_event_is_one_step() -> None:
    assert done(("a", 0), wanted="aa") == 1
    assert done(("a", 0), ("a", 1), wanted="aa") == 2


def test_the_window_is_from_the_first_step_to_the_last() -> None:
    assert done(("a", 0), ("b", 6), ("c", 12)) == 2
    assert done(("a", 0), ("b", 6), ("c", 10)) == 3


def by_trying_all(events: list[tuple[str, int]], wanted: str, window: int) -> int:
    """Return the same by looking at every choice of events, in order."""
    for n in range(len(wanted), 0, -1):
        for chosen in permutations(range(len(events)), n):
            rises = list(chosen) == sorted(chosen)
            names = "".join(events[index][0] for index in chosen)
            took = events[chosen[-1]][1] - events[chosen[0]][1]
            if rises and names == wanted[:n] and took <= window:
                return n
    return 0


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 12)), max_size=5),
    st.text("ab", min_size=2, max_size=3),
    st.integers(1, 12),
)
def test_it_is_what_trying_every_choice_finds(
    events: list[tuple[str, int]], wanted: str, window: int
) -> None:
    ordered = sorted(events, key=lambda event: event[1])
    assert done(*ordered, wanted=wanted, window=window) == by_trying_all(ordered, wanted, window)
