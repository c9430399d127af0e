"""From the door to the columns: what was sent, by whom it was, and who is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from personalization import shortcuts
from personalization.ml.interactions import Interactions
from personalization.ml.item_events import ENGAGED
from personalization.ml.training.log import interactions
from personalization.privacy.consent import record_consent
from personalization.privacy.erasure.request import request_erasure
from personalization.privacy.models import Mechanism
from personalization.privacy.subjects import person_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.testing import drain

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def agree(value: str, namespace: str = Identity.USER) -> None:
    key = Key(namespace, value)
    record_consent(
        key,
        granted=["analytics", "personalization"],
        mechanism=Mechanism.API,
        now=timezone.now(),
    )


def view(item: str, *, ago: int, **who: Any) -> None:
    at = NOW - timedelta(minutes=ago)
    shortcuts.track("Product Viewed", properties={"product_id": item}, timestamp=at, **who)


def read() -> Interactions:
    drain()
    return interactions(since=NOW - timedelta(days=1), until=NOW + timedelta(days=1))


def items(found: Interactions) -> list[str]:
    return [found.items[index] for index in found.item]


def test_what_was_tracked_is_learned_from_once_there_is_consent() -> None:
    view("sock", ago=60, user_id="ada")
    assert len(read()) == 0
    agree("ada")
    view("shoe", ago=50, user_id="ada")
    assert items(read()) == ["sock", "shoe"]


def test_events_arrive_in_any_order_and_visits_are_the_same() -> None:
    agree("ada")
    for item, ago in (("hat", 10), ("sock", 60), ("shoe", 35)):
        view(item, ago=ago, user_id="ada")
        drain()
    found = read()
    assert items(found) == ["sock", "shoe", "hat"]
    assert list(found.visit) == [0, 0, 0]


def test_a_device_that_turns_out_to_be_somebodys_is_of_the_same_visitor() -> None:
    agree("ada")
    agree("phone", Identity.ANONYMOUS)
    view("sock", ago=300, user_id="ada")
    view("shoe", ago=200, anonymous_id="phone")
    assert read().n_visitors == 2
    shortcuts.identify(user_id="ada", anonymous_id="phone")
    found = read()
    assert (found.n_visitors, items(found)) == (1, ["sock", "shoe"])
    assert list(found.visit) == [0, 1]


def test_what_a_page_without_an_item_holds_together_is_one_visit() -> None:
    agree("ada")
    view("sock", ago=100, user_id="ada")
    shortcuts.page(
        properties={"path": "/about/"}, user_id="ada", timestamp=NOW - timedelta(minutes=75)
    )
    view("shoe", ago=50, user_id="ada")
    assert list(read().visit) == [0, 0]


def test_time_is_told_of_the_item_that_was_looked_at() -> None:
    agree("ada")
    view("sock", ago=30, user_id="ada")
    shortcuts.track(
        ENGAGED, properties={"seconds": 45}, user_id="ada", timestamp=NOW - timedelta(minutes=28)
    )
    found = read()
    assert items(found) == ["sock", "sock"]
    assert list(found.amount[1:]) == [45]


def test_of_who_was_erased_nothing_is_learned_any_more() -> None:
    agree("ada")
    agree("bob")
    view("sock", ago=30, user_id="ada")
    view("shoe", ago=20, user_id="bob")
    assert len(read()) == 2
    subject = person_of([Key(Identity.USER, "ada")])
    request_erasure(subject, channel="api", now=timezone.now())
    view("hat", ago=10, user_id="ada")
    found = read()
    assert (items(found), found.items) == (["shoe"], ("shoe",))
