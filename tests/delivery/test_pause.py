"""Who behaves inconsistently sees what everybody sees, until it has passed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery.choose import Decision
from personalization.events.models import Event
from personalization.profiles.plan import plan
from personalization.profiles.state import State
from personalization.rules.evaluate import evaluate
from personalization.rules.occurrence import Occurrence
from personalization.rules.parse import check, parse
from personalization.rules.state import Facts
from personalization.segments.catalogue import catalogue
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from personalization.segments.templates import template_called
from tests.delivery.people import Person, make_person, make_segments, make_slot, make_variation
from tests.delivery.rendering import request_of

pytestmark = pytest.mark.django_db

NOW = timezone.now()
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
PAUSED = override_settings(PERSONALIZATION_PAUSE_SEGMENT="inconsistent-behaviour")
INCONSISTENT = template_called("inconsistent-behaviour")
assert INCONSISTENT is not None
RULE = INCONSISTENT.rule

Doing = tuple[str, dict[str, Any], timedelta]


def views(n: int, *, every: timedelta) -> list[Doing]:
    return [("Page Viewed", {"path": f"/{i}"}, i * every) for i in range(n)]


def kinds(n: int, *, every: timedelta, event: str = "Product Viewed") -> list[Doing]:
    return [(event, {"category": f"kind {i}"}, i * every) for i in range(n)]


def again(*names: str, times: int, every: timedelta) -> list[Doing]:
    return [(name, {"order_id": "1"}, i * every) for i in range(times) for name in names]


def people(n: int, *, every: timedelta) -> list[Doing]:
    return [("Identified", {"email": f"{i}@shop.example"}, i * every) for i in range(n)]


def is_inconsistent(done: list[Doing]) -> bool:
    """Return whether the template holds right after the last of what was done."""
    rule = parse(RULE)
    last = max(ago for *_, ago in done)
    events = [
        Occurrence("track", name, properties, microseconds(NOW - last + at), f"m{number}")
        for number, (name, properties, at) in enumerate(done)
    ]
    state = State()
    state.apply(events, plan(need for leaf in rule.leaves() for need in leaf.needs()))
    return evaluate(rule, Facts(counters=state.counters), now=microseconds(NOW)).holds


@pytest.mark.parametrize(
    "done",
    [
        views(100, every=SECOND),
        kinds(12, every=20 * SECOND),
        kinds(12, every=20 * SECOND, event="Product List Viewed"),
        again("Product Added", "Product Removed", times=20, every=10 * SECOND),
        again("Order Completed", "Order Cancelled", times=3, every=DAY),
        again("Order Completed", "Order Refunded", times=3, every=DAY),
        people(3, every=60 * MINUTE),
    ],
    ids=["pages", "products", "lists", "cart", "cancelled", "refunded", "people"],
)
def test_what_one_person_does_not_do_is_inconsistent(done: list[Doing]) -> None:
    assert is_inconsistent(done)


@pytest.mark.parametrize(
    "done",
    [
        views(200, every=6 * SECOND),
        kinds(11, every=SECOND),
        kinds(40, every=60 * SECOND),
        again("Product Added", times=40, every=SECOND),
        again("Product Added", "Product Removed", times=19, every=SECOND),
        again("Order Completed", times=10, every=MINUTE),
        again("Order Completed", "Order Cancelled", times=2, every=DAY),
        people(2, every=MINUTE),
        people(5, every=DAY),
    ],
    ids=["reader", "few kinds", "browser", "big cart", "undecided", "orders", "unlucky", "couple",
         "lent"],
)  # fmt: skip
def test_what_people_do_is_not(done: list[Doing]) -> None:
    assert not is_inconsistent(done)


def test_its_conditions_can_be_read_and_edited_as_any_others() -> None:
    assert check(parse(RULE), catalogue()) == []


@pytest.fixture
def person(make_event: Callable[..., Event]) -> Person:
    """Somebody with an offer, who has just looked at more than anybody can read."""
    make_segments("a")
    make_variation("a", "offer")
    person = make_person("a")
    Segment.objects.create(name="Inconsistent", slug="inconsistent-behaviour", rule=RULE)
    for number in range(100):
        make_event(person.profile, "Page Viewed", at=NOW - number * SECOND)
    refresh_segments(now=NOW)
    return person


def decided(person: Person, after: timedelta = timedelta(0)) -> Decision:
    visitor = request_of(person, now=NOW + after).personalization  # type: ignore[attr-defined]
    return visitor.decide("hero")  # type: ignore[no-any-return]


@PAUSED
def test_members_of_the_segment_see_the_default_until_it_has_passed(person: Person) -> None:
    decision = decided(person)
    assert (decision.reason, decision.candidate) == ("paused", None)
    assert decided(person, 3 * MINUTE).reason == "paused"
    # The first of a hundred views is five minutes ago.
    assert decided(person, 5 * MINUTE - 99 * SECOND).reason == "segment"


def test_nobody_is_paused_unless_a_site_says_so(person: Person) -> None:
    assert decided(person).reason == "segment"


@PAUSED
def test_where_there_is_no_such_segment_nobody_is_paused() -> None:
    make_segments("a")
    make_slot()
    make_variation("a", "offer")
    assert decided(make_person("a")).reason == "segment"
