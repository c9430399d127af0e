"""The event log as columns, whoever it is of and however it came in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from personalization.ml.interactions import Interactions
from personalization.ml.item_events import ENGAGED, QUICK_EXIT
from personalization.ml.models import FeedbackWeight
from personalization.ml.training import logged
from personalization.ml.training.log import interactions
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visits import replace_visits
from tests.ml.training.visitors import Does, MakeProfile, after

pytestmark = pytest.mark.django_db


def read(since: float = -600, until: float = 600) -> Interactions:
    return interactions(since=after(since), until=after(until))


def rows(found: Interactions) -> list[tuple[int, int, str, str]]:
    return [
        (int(visitor), int(visit), found.items[item], found.kinds[kind])
        for visitor, visit, item, kind in zip(
            found.visitor, found.visit, found.item, found.kind, strict=True
        )
    ]


def items(found: Interactions) -> list[str]:
    return [found.items[index] for index in found.item]


def test_nobody_did_anything(visitor: MakeProfile) -> None:
    visitor()
    found = read()
    assert len(found) == 0
    assert (found.items, found.kinds, found.n_visitors) == ((), (), 0)


def test_what_visitors_did_with_items_is_told_in_the_order_of_time(
    visitor: MakeProfile, does: Does
) -> None:
    early, late = visitor(), visitor()
    does(late, "Product Viewed", 1, product_id="shoe")
    does(early, "Product Viewed", 0, product_id="sock")
    does(early, "Product Added", 2, product_id="sock", price=4)
    does(early, "Page Viewed", 3, path="/imprint/")
    assert rows(found := read()) == [
        (0, 0, "sock", "Product Viewed"),
        (1, 1, "shoe", "Product Viewed"),
        (0, 0, "sock", "Product Added"),
    ]
    assert list(found.at) == sorted(found.at)
    assert math.isnan(found.amount[0])
    assert found.amount[2] == 4


def test_numbers_of_visitors_do_not_say_whom_the_database_had_first(
    visitor: MakeProfile, does: Does
) -> None:
    profiles = [visitor() for _ in range(6)]
    for minutes, profile in enumerate(reversed(profiles)):
        does(profile, "Product Viewed", minutes, product_id=f"item-{minutes}")
    assert list(read().visitor) == [0, 1, 2, 3, 4, 5]


def test_the_window_begins_with_its_first_instant_and_ends_before_its_last(
    visitor: MakeProfile, does: Does
) -> None:
    who = visitor()
    for minutes in (0, 1, 2):
        does(who, "Product Viewed", minutes, product_id=f"item-{minutes}")
    assert items(read(0, 2)) == ["item-0", "item-1"]


def test_an_event_that_comes_late_counts_for_when_it_happened(
    visitor: MakeProfile, does: Does
) -> None:
    who = visitor(last_seen=after(0), first_seen=after(0))
    does(who, "Product Viewed", 5, product_id="shoe")
    late = does(who, "Product Viewed", 0, product_id="sock")
    late.received_at = timezone.now()
    late.save()
    assert items(read(-1, 4)) == ["sock"]
    assert items(read(-1, 6)) == ["sock", "shoe"]


@pytest.mark.parametrize(
    "consents", [{}, {"analytics": True}, {"personalization": False}, {"personalization": None}]
)
def test_who_does_not_agree_to_personalization_is_left_out(
    consents: Any, visitor: MakeProfile, does: Does
) -> None:
    does(visitor(consents=consents), "Product Viewed", 0, product_id="secret")
    does(visitor(), "Product Viewed", 0, product_id="sock")
    found = read()
    assert found.items == ("sock",)
    assert found.n_visitors == 1


def test_who_takes_the_yes_back_is_left_out_of_the_next_training(
    visitor: MakeProfile, does: Does
) -> None:
    who = visitor(identity="ada")
    does(who, "Product Viewed", 0, product_id="sock")
    key = Key(Identity.ANONYMOUS, "ada")
    for granted in (["personalization"], []):
        record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=timezone.now())
        assert len(read()) == len(granted)


def test_what_was_done_on_two_devices_of_one_person_is_of_one_visitor(
    visitor: MakeProfile, does: Does
) -> None:
    phone, laptop = visitor(), visitor()
    does(phone, "Product Viewed", 0, product_id="sock")
    does(laptop, "Product Viewed", 10, product_id="shoe")
    does(visitor(), "Product Viewed", 5, product_id="hat")
    assert list(read().visitor) == [0, 1, 2]
    Identity.objects.filter(profile=laptop).update(profile=phone)
    Profile.objects.filter(pk=laptop.pk).delete()
    assert rows(read()) == [
        (0, 0, "sock", "Product Viewed"),
        (1, 1, "hat", "Product Viewed"),
        (0, 0, "shoe", "Product Viewed"),
    ]


def test_visits_are_those_that_are_kept(visitor: MakeProfile, does: Does) -> None:
    who = visitor()
    does(who, "Product Viewed", 0, product_id="sock")
    does(who, "Product Viewed", 50, product_id="shoe")
    does(who, "Product Viewed", 200, product_id="hat")
    assert list(read().visit) == [0, 1, 2]
    # A page without an item, which is not read, holds the first two together.
    moments = [after(minutes) for minutes in (0, 25, 50, 200)]
    replace_visits({who.pk: moments}, gap=after(30) - after(0))
    assert list(read().visit) == [0, 0, 1]


def test_time_with_an_item_and_quick_exits_are_told(visitor: MakeProfile, does: Does) -> None:
    reader, bouncer = visitor(), visitor()
    does(reader, "Article Viewed", 0, article_id="waves", page="/waves/")
    does(reader, ENGAGED, 2, seconds=90, page="/waves/")
    does(bouncer, "Article Viewed", 5, article_id="waves", page="/waves/")
    does(bouncer, ENGAGED, 5.1, seconds=3, page="/waves/")
    found = read()
    assert [kind for *_, kind in rows(found)] == [
        "Article Viewed", ENGAGED, "Article Viewed", QUICK_EXIT,
    ]  # fmt: skip
    assert [float(amount) for amount in found.amount[[1, 3]]] == [90, 3]


def test_weights_of_the_site_say_what_is_read(visitor: MakeProfile, does: Does) -> None:
    FeedbackWeight.objects.create(event="Page Viewed", weight=1, property="path")
    FeedbackWeight.objects.create(event="Product Viewed", weight=0)
    who = visitor()
    does(who, "Page Viewed", 0, path="/waves/")
    does(who, "Product Viewed", 1, product_id="sock")
    does(who, "Product Added", 2, product_id="sock")
    assert [(item, kind) for *_, item, kind in rows(read())] == [
        ("/waves/", "Page Viewed"),
        ("sock", "Product Added"),
    ]


@pytest.mark.parametrize(
    "properties",
    [
        [], "sock", None, 7, {"product_id": None}, {"product_id": {"$ne": 1}},
        {"product_id": "x" * 5000}, {"products": "all of them"}, {"products": [[], 3, None]},
        {"product_id": ["sock"]}, {"product_id": "a\nb"},
    ],
)  # fmt: skip
def test_what_names_no_item_is_skipped(
    properties: Any, visitor: MakeProfile, make_event: Callable[..., Any]
) -> None:
    who = visitor()
    event = make_event(who, "Product Viewed", at=after(0))
    event.properties = properties if properties is not None else {}
    event.save()
    make_event(who, "Product Viewed", at=after(1), properties={"product_id": "sock"})
    assert items(read()) == ["sock"]


@pytest.mark.parametrize("page", [{}, [], "/" * 4000, 7, True, {"path": "/sock/"}])
def test_a_page_that_is_no_address_does_no_harm(
    page: Any, visitor: MakeProfile, does: Does
) -> None:
    who = visitor()
    does(who, "Product Viewed", 0, product_id="sock", page="/sock/")
    does(who, ENGAGED, 1, seconds=40, page=page)
    assert items(read()) == ["sock"]


@pytest.mark.parametrize("context", [{}, {"page": "x"}, {"page": ["path"]}, {"page": None}, []])
def test_an_event_without_a_page_does_no_harm(
    context: Any, visitor: MakeProfile, make_event: Callable[..., Any]
) -> None:
    who = visitor()
    said = {"product_id": "sock", "seconds": 20}
    for minutes, name in enumerate(["Product Viewed", ENGAGED]):
        make_event(who, name, at=after(minutes), properties=said, context=context)
    assert items(read()) == ["sock", "sock"]


def test_who_was_not_there_in_the_window_is_not_asked_about(
    visitor: MakeProfile, does: Does
) -> None:
    gone = visitor(first_seen=after(-900), last_seen=after(-800))
    does(gone, "Product Viewed", -800, product_id="sock")
    does(visitor(first_seen=after(0), last_seen=after(0)), "Product Viewed", 0, product_id="shoe")
    assert items(read(-600)) == ["shoe"]
    assert items(read(-900)) == ["sock", "shoe"]


def test_however_many_visitors_there_are_a_chunk_takes_two_queries(
    visitor: MakeProfile, does: Does, django_assert_num_queries: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(logged, "CHUNK", 4)
    for minutes in range(8):
        does(visitor(), "Product Viewed", minutes, product_id="sock")
    # The weights, who agrees, and two chunks of events and visits.
    with django_assert_num_queries(2 + 2 * 2):
        assert len(read()) == 8


def test_chunks_make_no_difference(visitor: MakeProfile, does: Does, monkeypatch: Any) -> None:
    for minutes in range(9):
        who = visitor()
        does(who, "Product Viewed", (7 * minutes) % 9, product_id=f"item-{minutes % 3}")
        does(who, "Product Added", 20 + minutes, product_id=f"item-{minutes % 3}")
    whole = read()
    monkeypatch.setattr(logged, "CHUNK", 2)
    parts = read()
    for name in ("visitor", "visit", "item", "kind", "at"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_a_visitor_without_a_snapshot_agreed_to_nothing(visitor: MakeProfile, does: Does) -> None:
    who = visitor()
    does(who, "Product Viewed", 0, product_id="sock")
    Snapshot.objects.filter(pk=who.pk).delete()
    assert len(read()) == 0


def test_what_speaks_against_an_item_is_told_by_the_weights_of_the_site(
    visitor: MakeProfile, does: Does
) -> None:
    FeedbackWeight.objects.create(event="Product Viewed", weight=-1)
    FeedbackWeight.objects.create(event="Product Removed", weight=1)
    one = visitor()
    does(one, "Product Viewed", 0, product_id="sock")
    does(one, "Product Removed", 1, product_id="shoe")
    assert [found[2] for found in rows(read().in_favour())] == ["shoe"]
