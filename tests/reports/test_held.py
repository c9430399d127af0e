"""What is held, since when, and whether anything uses it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.profiles.models import Profile
from personalization.reports.held import Held, held, unused
from personalization.reports.uses import uses_now
from personalization.segments.models import Segment
from tests.reports.conftest import NOW
from tests.rules.building import both, happened, prop, rule

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
GENRE = prop("genre", "=", "noir")


def found(what: str) -> dict[tuple[str, str], Held]:
    return {(each.event, each.name): each for each in held() if each.what == what}


@pytest.fixture
def watched(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> Callable[..., None]:
    """Let somebody watch a video, so many days ago."""

    def watch(days: int = 0, **properties: Any) -> None:
        make_event(make_profile(), "Video Watched", at=NOW - days * DAY, properties=properties)

    return watch


def test_events_are_counted_by_name_since_the_oldest(watched: Callable[..., None]) -> None:
    watched(3)
    watched(1)
    event = found("event")["", "Video Watched"]
    assert (event.n, event.since) == (2, NOW - 3 * DAY)


def test_properties_are_counted_by_event_and_name(watched: Callable[..., None]) -> None:
    watched(3, genre="noir", minutes=90)
    watched(1, genre="western")
    properties = found("property")
    assert properties["Video Watched", "genre"].n == 2
    assert properties["Video Watched", "minutes"].n == 1
    assert properties["Video Watched", "genre"].since == NOW - 3 * DAY


def test_a_name_is_taken_as_it_is(watched: Callable[..., None]) -> None:
    odd = "a'b\"c % s; --"
    watched(**{odd: 1})
    assert found("property")["Video Watched", odd].n == 1


def test_traits_are_counted_since_they_were_stated(make_profile: Callable[..., Profile]) -> None:
    def stated(at: datetime) -> Any:
        return {"shoe size": [microseconds(at), "message"]}

    make_profile(traits={"shoe size": 42}, trait_times=stated(NOW - 2 * DAY))
    make_profile(traits={"shoe size": 38}, trait_times=stated(NOW - 5 * DAY))
    trait = found("trait")["", "shoe size"]
    assert (trait.n, trait.since) == (2, NOW - 5 * DAY)


def test_a_trait_of_unknown_age_is_held_all_the_same(
    make_profile: Callable[..., Profile],
) -> None:
    make_profile(traits={"shoe size": 42})
    assert found("trait")["", "shoe size"].since is None


def test_no_value_is_told(
    watched: Callable[..., None], make_profile: Callable[..., Profile]
) -> None:
    watched(genre="the value of a property")
    make_profile(traits={"plan": "the value of a trait"})
    assert "the value" not in str([each.as_json() for each in held()])


def test_what_a_rule_uses_says_so(
    watched: Callable[..., None], make_segment: Callable[..., Segment]
) -> None:
    watched(genre="noir", minutes=90)
    make_segment("fans", rule(happened("Video Watched", where=both(GENRE))))
    assert found("event")["", "Video Watched"].used_by == ("segment “Fans”",)
    assert found("property")["Video Watched", "genre"].used_by == ("segment “Fans”",)
    assert found("property")["Video Watched", "minutes"].used_by == ()


def names(listed: list[Held]) -> list[tuple[str, str]]:
    return [(each.what, each.name) for each in listed]


def test_what_nothing_uses_is_listed_events_first(
    watched: Callable[..., None], make_profile: Callable[..., Profile]
) -> None:
    watched()
    make_profile(traits={"shoe size": 42})
    assert names(unused(held())) == [("event", "Video Watched"), ("trait", "shoe size")]


def test_properties_go_with_the_event_that_nothing_uses(watched: Callable[..., None]) -> None:
    watched(genre="noir")
    assert names(unused(held())) == [("event", "Video Watched")]


def test_of_an_event_that_is_used_the_properties_are_listed_that_are_not(
    watched: Callable[..., None], make_segment: Callable[..., Segment]
) -> None:
    watched(genre="noir", minutes=90)
    make_segment("fans", rule(happened("Video Watched", where=both(GENRE))))
    assert names(unused(held())) == [("property", "minutes")]


def test_most_of_it_comes_first(make_profile: Callable[..., Profile]) -> None:
    make_profile(traits={"rare": 1, "common": 1})
    make_profile(traits={"common": 1})
    assert names(unused(held())) == [("trait", "common"), ("trait", "rare")]


def test_it_is_told_as_json(watched: Callable[..., None]) -> None:
    watched()
    [event] = held()
    assert event.as_json() == {
        "what": "event",
        "event": None,
        "name": "Video Watched",
        "count": 1,
        "since": NOW.isoformat(),
        "usedBy": [],
    }


def test_it_takes_three_queries_however_much_is_held(watched: Callable[..., None]) -> None:
    for days in range(5):
        watched(days, genre="noir")
    uses = uses_now()
    with CaptureQueriesContext(connection) as queries:
        held(uses)
    assert len(queries) == 3
