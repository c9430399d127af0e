from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from personalization.ml.item_events import ItemEvents
from personalization.ml.serving import popular_now as module
from personalization.ml.serving.popular_counting import Seen, popular_of
from personalization.ml.serving.popular_now import EVENTS, FRESH, popular
from tests.delivery.people import make_person
from tests.delivery.recommending import look_at

NOW = timezone.now()
EVENTS_OF = ItemEvents()


def seen(profile: int, key: str, *, name: str = "Product Viewed", hours: float = 0) -> Seen:
    return Seen(profile, name, {"product_id": key}, NOW - timedelta(hours=hours))


def order(*events: Seen) -> list[str]:
    return [key for key, _ in popular_of(events, events=EVENTS_OF, now=NOW).ranked]


def test_nothing_is_popular_where_nothing_happened():
    assert order() == []


def test_what_more_visitors_looked_at_comes_first():
    assert order(seen(1, "a"), seen(2, "a"), seen(1, "b")) == ["a", "b"]


def test_a_visitor_counts_once_for_an_item_however_often():
    often = [seen(1, "b") for _ in range(50)]
    assert order(*often, seen(2, "a"), seen(3, "a")) == ["a", "b"]


def test_what_says_more_counts_more():
    bought = seen(1, "b", name="Order Completed")
    assert order(seen(1, "a"), seen(2, "a"), bought) == ["b", "a"]


def test_what_is_long_ago_counts_less():
    old = [seen(n, "old", hours=100) for n in range(2)]
    assert order(*old, seen(3, "new")) == ["new", "old"]


def test_the_half_life_follows_from_how_much_there_is_to_see():
    """Where all was within two hours, an hour halves; where it took weeks, an hour is nothing."""
    busy = [*(seen(n, "old", hours=2) for n in range(3)), seen(9, "new")]
    assert order(*busy) == ["new", "old"]
    quiet = [*busy, seen(10, "else", hours=24 * 13)]
    assert order(*quiet)[0] == "old"


def test_scores_are_shares_of_the_first():
    found = popular_of([seen(1, "a"), seen(2, "a"), seen(1, "b")], events=EVENTS_OF, now=NOW)
    assert found.scores == {"a": 1.0, "b": pytest.approx(0.5)}
    assert found.best(1) == (("a", 1.0),)
    assert found.best_of(("b", "gone", "a"), 2) == [("a", 1.0), ("b", pytest.approx(0.5))]


def test_the_order_of_events_says_nothing():
    events = [seen(n % 5, f"item-{n % 7}", hours=n) for n in range(40)]
    forwards = popular_of(events, events=EVENTS_OF, now=NOW)
    backwards = popular_of(events[::-1], events=EVENTS_OF, now=NOW)
    assert [key for key, _ in forwards.ranked] == [key for key, _ in backwards.ranked]


@pytest.mark.django_db
class TestOfTheLog:
    @pytest.fixture(autouse=True)
    def _forget(self):
        module.forget()

    def order(self, now=None) -> list[str]:
        return [key for key, _ in popular(now=now or timezone.now()).ranked]

    def test_only_those_count_who_agree_to_personalization(self):
        look_at(make_person(), "a")
        for _ in range(3):
            look_at(make_person(consents=("analytics",)), "b")
        assert self.order() == ["a"]

    def test_what_speaks_against_an_item_does_not_count(self):
        look_at(make_person(), "a", event="Product Removed")
        look_at(make_person(), "b", event="Page Viewed")
        assert self.order() == []

    def test_it_is_counted_again_after_a_while(self):
        look_at(make_person(), "a")
        assert self.order() == ["a"]
        for _ in range(2):
            look_at(make_person(), "b")
        assert self.order() == ["a"]
        assert self.order(timezone.now() + FRESH) == ["b", "a"]

    def test_what_is_older_than_the_window_does_not_count(self):
        look_at(make_person(), "a", minutes=60 * 24 * 15)
        assert self.order() == []

    def test_the_newest_events_alone_are_counted(self, monkeypatch):
        assert EVENTS > 2
        monkeypatch.setattr(module, "EVENTS", 2)
        look_at(make_person(), "old", "newer", "newest")
        assert set(self.order()) == {"newer", "newest"}
