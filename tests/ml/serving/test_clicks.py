from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.events.models import Event
from personalization.ml.serving.clicks import (
    WITHIN,
    Shown,
    Touched,
    click_through,
    click_through_of,
)
from personalization.profiles.models import Identity
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at

NOW = timezone.now()
DAY = timedelta(days=1)


def shown(identity: int = 1, *items: str, model: str = "recommend 7", minutes: int = 0) -> Shown:
    return Shown(identity, NOW + timedelta(minutes=minutes), model, frozenset(items or {"a", "b"}))


def touched(identity: int = 1, item: str = "a", *, minutes: float = 5) -> Touched:
    return Touched(identity, NOW + timedelta(minutes=minutes), item)


def told(lists, deeds) -> dict[str, tuple[int, int]]:
    return {one.model: (one.clicked, one.lists) for one in click_through_of(lists, deeds)}


def test_where_nothing_was_shown_there_is_nothing_to_tell():
    assert click_through_of([], [touched()]) == []


def test_a_list_that_led_to_one_of_its_items_counts_once():
    assert told([shown()], [touched(), touched(item="b"), touched()]) == {"recommend 7": (1, 1)}


@pytest.mark.parametrize(
    "deed",
    [
        touched(item="c"),
        touched(2),
        touched(minutes=-1),
        touched(minutes=0),
        touched(minutes=WITHIN / timedelta(minutes=1) + 1),
    ],
    ids=["another item", "somebody else", "before", "at once", "too late"],
)
def test_what_does_not_follow_from_a_list_does_not_count(deed):
    assert told([shown()], [deed]) == {"recommend 7": (0, 1)}


def test_each_model_has_figures_of_its_own_the_most_shown_first():
    lists = [
        shown(),
        shown(2),
        shown(3, model="popularity"),
        shown(4),
        shown(5, model="popularity"),
    ]
    found = click_through_of(lists, [touched(), touched(5), touched(2)])
    assert [(one.model, one.clicked, one.lists) for one in found] == [
        ("recommend 7", 2, 3),
        ("popularity", 1, 2),
    ]
    assert found[1].share == 0.5


@pytest.mark.django_db
class TestOfTheLog:
    def show(self, person: Person, *items: str, minutes: int, **said) -> None:
        look_at(person, "x", event="Recommendation Shown", minutes=minutes)
        event = Event.objects.filter(name="Recommendation Shown").latest("pk")
        properties = {"place": "home", "items": list(items), "model": "recommend 7", **said}
        Event.objects.filter(pk=event.pk).update(properties=properties)

    def figures(self) -> dict[str, tuple[int, int]]:
        now = timezone.now()
        found = click_through(since=now - DAY, until=now + DAY)
        return {one.model: (one.clicked, one.lists) for one in found}

    def test_lists_and_what_followed_are_read_from_the_log(self):
        ann, bob = make_person(), make_person()
        self.show(ann, "hat", "shoe", minutes=10)
        self.show(bob, "hat", minutes=10, model="popularity")
        look_at(ann, "shoe", minutes=5)
        look_at(bob, "sock", minutes=5)
        assert self.figures() == {"recommend 7": (1, 1), "popularity": (0, 1)}

    def test_what_a_client_made_up_is_passed_over(self):
        ann = make_person()
        self.show(ann, "hat", minutes=10, model=5)
        self.show(ann, minutes=10, items="hat")
        self.show(ann, minutes=10, items=[1, None])
        Event.objects.create(
            identity=Identity.objects.get(profile=ann.profile),
            source=Event.objects.latest("pk").source,
            message_id="odd",
            type="track",
            name="Recommendation Shown",
            properties=["no", "mapping"],
            timestamp=timezone.now(),
        )
        assert self.figures() == {"recommend 7": (0, 1)}

    def test_many_visitors_cost_few_queries(self):
        for _ in range(20):
            person = make_person()
            self.show(person, "hat", minutes=10)
            look_at(person, "hat", minutes=5)
        self.figures()
        with CaptureQueriesContext(connection) as captured:
            assert self.figures() == {"recommend 7": (20, 20)}
        assert len(captured) == 2
