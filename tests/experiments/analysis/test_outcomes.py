"""What a metric is for each visitor: by what they did within its window, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import fsum
from typing import Any, NamedTuple

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.events.goals import Goal
from personalization.experiments import outcomes
from personalization.experiments.models import USUAL_WINDOW, Metric
from personalization.experiments.outcomes import (
    Values,
    events_of,
    values_before,
    values_of,
    window_of,
)
from personalization.profiles.models import Identity
from personalization.profiles.visits import Span as VisitSpan
from personalization.profiles.visits import joined, replace_visits
from tests.experiments.analysis.test_exposures import undone
from tests.experiments.analysis.world import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    START,
    World,
    make_goal,
    metric,
    visit,
)

pytestmark = pytest.mark.django_db
ORDER = "Order Completed"


def of(made: Metric, *people: Identity, at: datetime = START, **fields: Any) -> Values:
    return values_of(made, **_asked(people, at), **{"until": NOW, **fields})


def before(made: Metric, *people: Identity, within: timedelta = DAY, **fields: Any) -> Values:
    return values_before(made, **_asked(people, START), within=within, **fields)


def _asked(people: tuple[Identity, ...], at: datetime) -> dict[str, Any]:
    return {
        "profiles": np.array([who.profile_id for who in people], np.int64),
        "at": np.full(len(people), microseconds(at), np.int64),
    }


def goal(**fields: Any) -> Goal:
    return make_goal(ORDER, within=fields.pop("within", 7 * DAY), **fields)


# -- kinds ----------------------------------------------------------------------------------


def test_a_conversion_is_whether_the_goal_was_reached_and_a_count_how_often() -> None:
    world, wanted = World(), goal()
    none, one, two = people = world.people(3)
    for who, n in ((one, 1), (two, 2)):
        for hours in range(n):
            world.did(who, ORDER, START + (1 + hours) * HOUR)
    world.did(none, "Something Else", START + HOUR)
    world.save()
    assert of(metric("conversion", goal=wanted), *people).values.tolist() == [0, 1, 1]
    assert of(metric("count", goal=wanted), *people).values.tolist() == [0, 1, 2]


def test_a_value_is_the_sum_of_what_the_goal_was_worth_and_bad_worths_are_nothing() -> None:
    world, wanted = World(), goal(worth="total")
    who, other = world.people(2)
    for total in (10, 2.5, -1, "7", None, True, [1], {"a": 1}, 10**400, 1e13):
        world.did(who, ORDER, START + HOUR, total=total)
    world.did(who, ORDER, START + HOUR)
    world.save()
    assert of(metric("value", goal=wanted), who, other).values.tolist() == [11.5, 0]
    # They happened all the same.
    assert of(metric("count", goal=wanted), who).values.tolist() == [11]


def test_a_sum_is_exact_so_that_it_depends_on_no_order() -> None:
    world = World()
    who = world.person()
    for _ in range(10):
        world.did(who, ORDER, START + HOUR, total=0.1)
    world.save()
    assert of(metric("value", goal=goal(worth="total")), who).values.tolist() == [1.0]


def test_a_goal_without_a_worth_is_worth_one() -> None:
    world = World()
    who = world.person()
    world.did(who, ORDER, START + HOUR, total=50)
    world.save()
    assert of(metric("value", goal=goal()), who).values.tolist() == [1]


def test_a_ratio_is_a_goal_for_each_time_of_another() -> None:
    world = World()
    who, other = world.people(2)
    for n in range(4):
        world.did(who, "Product Viewed", START + (1 + n) * MINUTE)
    world.did(who, ORDER, START + HOUR, total=30)
    world.did(other, ORDER, START + HOUR, total=5)
    world.save()
    per = make_goal("Product Viewed")
    found = of(metric("ratio", goal=goal(), per=per), who, other)
    assert found.values.tolist() == [1, 1]
    assert found.per is not None
    assert found.per.tolist() == [4, 0]
    worth = of(metric("ratio", goal=goal(worth="total"), per=per), who, other)
    assert worth.values.tolist() == [30, 5]


def test_a_ratio_may_be_of_one_event() -> None:
    world = World()
    who = world.person()
    world.did(who, ORDER, START + HOUR, total=30)
    world.did(who, ORDER, START + HOUR, total="free")
    world.save()
    found = of(metric("ratio", goal=goal(worth="total"), per=goal()), who)
    assert (found.values.tolist(), found.per is not None and found.per.tolist()) == ([30], [2])


def test_clicks_are_counted_for_each_time_the_place_was_shown_the_exposure_included() -> None:
    world, made = World(), metric("click_through")
    who = world.person()
    world.saw(who, "blue", "a", START)
    world.saw(who, "blue", "a", START + HOUR)
    world.did(who, "Slot Shown", START + HOUR, slot="footer")
    world.did(who, "Slot Clicked", START + 2 * HOUR, slot="hero")
    world.did(who, "Slot Clicked", START, slot="hero")  # none can follow at the same instant
    world.did(who, "Recommendation Shown", START + HOUR, place="hero", items=["hat"])
    world.did(who, "Slot Clicked", START + HOUR, slot="footer")
    world.did(who, "Slot Shown", START - HOUR, slot="hero")
    world.save()
    found = of(made, who, place="hero")
    assert (found.values.tolist(), found.per is not None and found.per.tolist()) == ([1], [3])
    anywhere = of(made, who)
    assert (anywhere.values.tolist(), anywhere.per is not None and anywhere.per.tolist()) == (
        [2], [4],
    )  # fmt: skip


def test_engaged_time_is_the_sum_of_attentive_seconds() -> None:
    world = World()
    who = world.person()
    for seconds in (10, 5.5, -3, "9", None):
        world.did(who, "Engaged", START + HOUR, seconds=seconds)
    world.save()
    assert of(metric("engaged_time"), who).values.tolist() == [15.5]


def test_a_visit_of_one_page_is_a_bounce_and_one_without_a_page_is_no_visit() -> None:
    world = World()
    who, quiet = world.people(2)
    for at in (0, 24, 24.5, 48):
        world.did(who, "Page Viewed", START + at * HOUR)
    world.save()
    visit(who, START - 24 * HOUR)  # before
    visit(who, START, START + MINUTE)
    visit(who, START + 24 * HOUR, START + 24.5 * HOUR)
    visit(who, START + 48 * HOUR)
    visit(who, START + 72 * HOUR)  # something came from a server
    visit(quiet, START)
    found = of(metric("bounce"), who, quiet)
    assert found.values.tolist() == [2, 0]
    assert found.per is not None
    assert found.per.tolist() == [3, 0]


def test_a_page_before_the_exposure_is_of_its_visit_too() -> None:
    world = World()
    who = world.person()
    world.did(who, "Page Viewed", START - MINUTE)
    world.did(who, "Page Viewed", START)
    world.save()
    visit(who, START - MINUTE, START)
    assert of(metric("bounce"), who).values.tolist() == [0]


def test_who_begins_another_visit_came_back() -> None:
    once, again, late = people = World().people(3)
    for who in people:
        visit(who, START - MINUTE, START + HOUR)
    visit(again, START + 2 * DAY)
    visit(again, START + 3 * DAY)
    visit(late, START + 8 * DAY)
    assert of(metric("return_visit"), once, again, late).values.tolist() == [0, 1, 0]


# -- windows --------------------------------------------------------------------------------


def test_what_counts_comes_after_the_exposure_and_within_the_window() -> None:
    world = World()
    for after, counts in ((-SECOND, 0), (0 * SECOND, 0), (SECOND, 1), (DAY, 1), (DAY + SECOND, 0)):
        who = world.person()
        world.did(who, ORDER, START + after)
        world.save()
        made = metric("count", goal=goal(within=7 * DAY), within=DAY)
        assert of(made, who).values.tolist() == [counts], after


def test_the_window_is_that_of_the_metric_or_of_its_goal_or_a_week() -> None:
    assert window_of(metric("count", goal=goal(within=HOUR), within=DAY)) == DAY
    assert window_of(metric("count", goal=goal(within=HOUR))) == HOUR
    assert window_of(metric("bounce")) == USUAL_WINDOW


def test_what_is_not_over_counts_so_far_and_says_how_much_of_it_there_is() -> None:
    world, made = World(), metric("count", goal=goal(within=DAY))
    people = world.people(2)
    for who in people:
        world.did(who, ORDER, START + HOUR)
        world.did(who, ORDER, START + 3 * HOUR)
    world.save()
    asked = _asked(tuple(people), START)
    asked["at"][1] += microseconds(START + 2 * HOUR) - microseconds(START)
    for until, values, is_open in (
        (START + 2 * HOUR, [1, 0], 1.0),
        (START + 3 * HOUR, [1, 0], 1.0),
        (START + DAY + HOUR, [2, 1], 0.5),
        (START + 3 * DAY, [2, 1], 0.0),
    ):
        found = values_of(made, **asked, until=until)
        assert (found.values.tolist(), found.open) == (values, is_open)


def test_nothing_is_asked_of_nobody() -> None:
    found = of(metric("count", goal=goal()))
    assert (len(found.values), found.open) == (0, 0.0)


def test_a_return_is_told_by_views_whatever_goal_stands_beside_it() -> None:
    for kind in ("return_visit", "bounce"):
        assert events_of(metric(kind, goal=make_goal())) == {"Page Viewed", "Screen Viewed"}


def test_a_metric_without_a_goal_is_nothing() -> None:
    world = World()
    who = world.person()
    world.did(who, ORDER, START + HOUR)
    world.save()
    for kind in ("conversion", "count", "value", "ratio"):
        assert events_of(metric(kind)) == frozenset()
        assert of(metric(kind), who).values.tolist() == [0]


# -- before ---------------------------------------------------------------------------------


def test_what_was_done_before_is_what_came_before_the_exposure_and_no_earlier() -> None:
    world, made = World(), metric("value", goal=goal(worth="total"), within=HOUR)
    who = world.person()
    for total, at in ((1, -DAY - SECOND), (2, -DAY), (4, -SECOND), (8, 0 * SECOND), (16, HOUR)):
        world.did(who, ORDER, START + at, total=total)
    world.save()
    assert before(made, who).values.tolist() == [6]


def test_nothing_of_the_future_is_in_what_was_before(
    make_event: Callable[..., Any],
) -> None:
    world = World()
    who = world.person()
    visit(who, START - HOUR, START - HOUR + MINUTE)
    world.did(who, "Page Viewed", START - HOUR)
    world.saw(who, "blue", "a", START)
    world.did(who, "Slot Shown", START - HOUR, slot="hero")
    world.did(who, "Slot Clicked", START - HOUR + SECOND, slot="hero")
    world.save()
    kinds = ("bounce", "return_visit", "click_through", "engaged_time")
    early = {kind: before(metric(kind), who) for kind in kinds}
    for at in (START, START + MINUTE):
        world.did(who, "Page Viewed", at)
        world.did(who, "Slot Clicked", at, slot="hero")
        world.did(who, "Engaged", at, seconds=10)
    world.save()
    visit(who, START, START + HOUR)
    for kind in kinds:
        late = before(metric(kind), who)
        assert late.values.tolist() == early[kind].values.tolist()
        if late.per is not None:
            assert late.per.tolist() == early[kind].per.tolist() == [1]  # type: ignore[union-attr]
    assert early["bounce"].values.tolist() == early["return_visit"].values.tolist() == [1]


# -- cost -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "n"), [("value", 1), ("bounce", 2), ("return_visit", 1)])
def test_queries_grow_by_chunks_alone(kind: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world, made = World(), metric(kind, goal=goal(worth="total"))
    people = tuple(world.people(25))
    for who in people:
        visit(who, START)
    monkeypatch.setattr(outcomes, "CHUNK", 10)
    for some, chunks in ((people[:5], 1), (people, 3)):
        with CaptureQueriesContext(connection) as queries:
            of(made, *some)
        assert len(queries) == n * chunks


# -- whatever the log is ----------------------------------------------------------------------


class Did(NamedTuple):
    who: int
    minutes: int
    name: str
    worth: float


#: In minutes, and the gap between visits.
WINDOW, GAP = 60, timedelta(minutes=30)
NAMES = [ORDER, "Product Viewed", "Page Viewed", "Slot Shown", "Slot Clicked", "Engaged"]
LOGS = st.lists(
    st.builds(
        Did,
        who=st.integers(0, 2),
        minutes=st.integers(-100, 160),
        name=st.sampled_from(NAMES),
        worth=st.sampled_from([0.1, 0.2, 0.3, 1e9, 1e-9]),
    ),
    max_size=25,
)


def by_hand(kind: str, log: list[Did], *, end: int) -> tuple[float, float]:
    """Return what a metric is of somebody who was exposed at 0, and what it is divided by."""
    known = [did for did in log if did.minutes < end]
    inside = [did for did in known if 0 < did.minutes <= WINDOW]

    def worths(name: str) -> list[float]:
        return [did.worth for did in inside if did.name == name]

    orders = worths(ORDER)
    if kind == "click_through":
        shown = [did for did in known if did.name == "Slot Shown" and 0 <= did.minutes <= WINDOW]
        return len(worths("Slot Clicked")), len(shown)
    if kind in ("bounce", "return_visit"):
        moments = [START + did.minutes * MINUTE for did in known]
        spans = joined([VisitSpan(at, at) for at in moments], gap=GAP)
        last = START + min(WINDOW, end - 1) * MINUTE
        later = [span for span in spans if span.end >= START and span.start <= last]
        if kind == "return_visit":
            return float(any(span.start > START for span in later)), 0
        pages = [
            sum(
                did.name == "Page Viewed" and span.start <= START + did.minutes * MINUTE <= span.end
                for did in known
            )
            for span in later
        ]
        return pages.count(1), len([n for n in pages if n])
    return {
        "conversion": (float(bool(orders)), 0.0),
        "count": (float(len(orders)), 0.0),
        "value": (fsum(orders), 0.0),
        "ratio": (fsum(orders), float(len(worths("Product Viewed")))),
        "engaged_time": (fsum(worths("Engaged")), 0.0),
    }[kind]


@given(log=LOGS, order=st.randoms(use_true_random=False), end=st.sampled_from([40, 500]))
@settings(max_examples=25)
def test_values_are_those_that_one_finds_by_looking_at_each_whatever_the_order(
    log: list[Did], order: Any, end: int
) -> None:
    log = [did for did in log if did.minutes < end]  # what was not, no visit knows of
    with undone():
        world = World()
        people = world.people(3)
        wanted = goal(worth="worth")
        shuffled = list(log)
        order.shuffle(shuffled)
        for did in shuffled:
            world.did(
                people[did.who], did.name, START + did.minutes * MINUTE,
                worth=did.worth, seconds=did.worth, slot="hero",
            )  # fmt: skip
        world.save()
        moments: dict[int, list[datetime]] = {}
        for did in log:
            profile = people[did.who].profile_id
            moments.setdefault(profile, []).append(START + did.minutes * MINUTE)
        replace_visits(moments, gap=GAP)
        for kind in Metric.Kind.values:
            made = metric(
                kind, goal=wanted, per=make_goal("Product Viewed"), within=WINDOW * MINUTE
            )
            found = of(made, *people, until=START + end * MINUTE, place="hero")
            expected = [
                by_hand(kind, [did for did in log if did.who == who], end=end) for who in range(3)
            ]
            assert found.values.tolist() == [value for value, _ in expected], kind
            if found.per is not None:
                assert found.per.tolist() == [per for _, per in expected], kind
