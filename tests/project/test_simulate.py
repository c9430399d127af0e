from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.events.write_keys import add_write_key
from personalization.ingest.pipeline import process_events
from personalization.profiles.models import Identity
from personalization.segments.models import Membership
from project.shop.journey import Json, Shelves
from project.shop.personas import PERSONAS
from project.shop.post import batches
from project.shop.simulate import Visitor, shop_shelves, simulate

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
VISITORS = 60


def product(number: int) -> Json:
    category = f"department-{number % 2}"
    discount = 25 if number % 3 == 0 else 0
    return {
        "product_id": f"p{number}",
        "name": f"Product {number}",
        "category": category,
        "price": 10.0 + number,
        "discount": discount,
    }


SHELVES = Shelves(
    products=[product(number) for number in range(15)],
    articles=[{"article_id": f"a{number}", "title": f"Article {number}"} for number in range(4)],
)


def people(*, seed: int = 1, now: datetime = NOW) -> list[Visitor]:
    return list(simulate(seed=seed, now=now, visitors=VISITORS, shelves=SHELVES))


def moments(events: list[Json]) -> Iterator[datetime]:
    return (datetime.fromisoformat(event["timestamp"]) for event in events)


def test_the_same_seed_makes_the_same_people() -> None:
    assert people() == people()


def test_another_seed_makes_other_people() -> None:
    assert [one.persona.name for one in people()] != [one.persona.name for one in people(seed=2)]


def test_another_now_moves_everything_along() -> None:
    later = people(now=NOW + timedelta(days=1))
    for one, other in zip(people(), later, strict=True):
        assert [at + timedelta(days=1) for at in moments(one.events)] == list(moments(other.events))


def test_nothing_happens_after_now_or_long_before() -> None:
    for visitor in people():
        for at in moments(visitor.events):
            assert NOW - timedelta(days=61) < at <= NOW


def test_time_only_moves_on() -> None:
    for visitor in people():
        assert all(one <= other for one, other in pairwise(moments(visitor.events)))


def test_message_ids_are_unique() -> None:
    ids = [event["messageId"] for visitor in people() for event in visitor.events]
    assert len(set(ids)) == len(ids)


def test_everybody_is_there() -> None:
    assert {visitor.persona.name for visitor in people()} == {one.name for one in PERSONAS}


def test_batches_keep_histories_whole_and_lose_none() -> None:
    histories = [visitor.events for visitor in people()]
    grouped = list(batches(iter(histories), size=50))
    assert [history for batch in grouped for history in batch] == histories
    assert all(sum(map(len, batch)) >= 50 for batch in grouped[:-1])


@pytest.mark.urls("project.urls")
@pytest.mark.usefixtures("shop")
def test_the_personas_end_up_in_their_segments(client: Client) -> None:
    now = datetime.now(UTC)
    key = add_write_key(Source.objects.get(slug="simulator"))
    simulated = list(simulate(seed=1, now=now, visitors=VISITORS, shelves=shop_shelves()))
    for visitor in simulated:
        response = client.post(
            "/p/v1/batch",
            json.dumps({"batch": visitor.events, "writeKey": key}),
            content_type="application/json",
        )
        assert response.json()["rejected"] == []
    process_events(now=now)
    assert Event.objects.count() == sum(len(visitor.events) for visitor in simulated)
    profiles = dict(
        Identity.objects.filter(namespace=Identity.ANONYMOUS).values_list("value", "profile_id")
    )
    for visitor in simulated:
        assert Membership.objects.filter(
            profile=profiles[visitor.id], segment__slug=visitor.persona.segment, settled=False
        ).exists(), visitor
