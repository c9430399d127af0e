from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.ml.models import FeedbackWeight
from personalization.ml.serving.histories import LOOK_BACK, ORDERS, STEPS, history_of_profile
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.shortcuts import track
from personalization.testing import drain
from tests.delivery.people import make_person
from tests.delivery.recommending import look_at

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def history(person, now=None):
    return history_of_profile(person.profile.pk, now=now or timezone.now())


def test_who_did_nothing_has_no_steps():
    now = timezone.now()
    found = history(make_person(), now)
    assert found.steps == ()
    assert found.now == microseconds(now)


def test_the_steps_are_in_the_order_in_which_things_happened():
    person = make_person()
    look_at(person, "c", minutes=1)
    look_at(person, "a", "b", minutes=5)
    found = history(person)
    assert found.items == ("a", "b", "c")
    assert [step.at for step in found.steps] == sorted(step.at for step in found.steps)
    assert {step.kind for step in found.steps} == {"Product Viewed"}


def test_of_others_nothing_is_in_it():
    look_at(make_person(), "a")
    assert history(make_person()).steps == ()


def test_all_identities_of_a_person_are_in_it():
    person, other = make_person(), make_person()
    look_at(person, "a", minutes=9)
    look_at(other, "b")
    Identity.objects.filter(profile=other.profile).update(profile=person.profile)
    assert history(person).items == ("a", "b")


def test_the_newest_steps_alone_are_in_it():
    person = make_person()
    look_at(person, *(f"item-{n}" for n in range(STEPS + 10)))
    assert history(person).items == tuple(f"item-{n}" for n in range(10, STEPS + 10))


def test_an_order_is_a_step_for_each_of_its_items():
    person = make_person()
    look_at(person, "x", event="Order Completed")
    Event.objects.update(properties={"products": [{"product_id": "a"}, {"product_id": "b"}]})
    assert history(person).items == ("a", "b")


def test_what_was_bought_is_known_however_much_was_looked_at_since():
    person = make_person()
    look_at(person, "tent", "stove", event="Order Completed", minutes=500)
    look_at(person, *(f"item-{n}" for n in range(2 * STEPS)))
    found = history(person)
    assert found.bought == {"tent", "stove"}
    assert found.items == tuple(f"item-{n}" for n in range(STEPS, 2 * STEPS))


def test_what_was_bought_of_late_is_a_step_too():
    person = make_person()
    look_at(person, *(f"item-{n}" for n in range(STEPS)), minutes=10)
    look_at(person, "tent", event="Order Completed", minutes=5)
    look_at(person, "lamp")
    found = history(person)
    assert found.bought == {"tent"}
    assert found.items == (*(f"item-{n}" for n in range(2, STEPS)), "tent", "lamp")


def test_many_orders_push_out_no_step_and_are_no_more_than_fifty_of_them():
    person = make_person()
    look_at(person, "lamp", minutes=ORDERS + 60)
    look_at(person, *(f"bought-{n}" for n in range(ORDERS + 10)), event="Order Completed")
    found = history(person)
    assert found.bought == {f"bought-{n}" for n in range(10, ORDERS + 10)}
    assert len(found.steps) == STEPS
    assert {step.kind for step in found.steps} == {"Order Completed"}


def test_what_others_bought_or_was_bought_long_ago_is_not_known():
    person = make_person()
    look_at(make_person(), "theirs", event="Order Completed")
    look_at(person, "old", event="Order Completed", minutes=LOOK_BACK // MINUTE + 60)
    look_at(person, "lamp")
    assert history(person).bought == frozenset()


@pytest.mark.parametrize("event", ["Product Removed", "Page Viewed", "Form Started"])
def test_what_concerns_no_item_or_speaks_against_it_is_no_step(event):
    person = make_person()
    look_at(person, "a", event=event)
    assert history(person).steps == ()


def test_what_the_site_weighs_itself_is_a_step():
    person = make_person()
    look_at(person, "a", event="Recipe Cooked")
    assert history(person).steps == ()
    FeedbackWeight.objects.create(event="Recipe Cooked", weight=2)
    assert history(person).items == ("a",)
    FeedbackWeight.objects.create(event="Product Viewed", weight=0)
    look_at(person, "b")
    assert history(person).items == ("a",)


def test_the_visit_that_goes_on_is_marked():
    person = make_person()
    look_at(person, "long-ago", minutes=600)
    look_at(person, "a", "b", minutes=5)
    assert history(person).visit == ("a", "b")


def test_a_visit_that_is_over_does_not_go_on():
    person = make_person()
    look_at(person, "a", minutes=5)
    assert history(person, timezone.now() + timedelta(minutes=24)).visit == ("a",)
    assert history(person, timezone.now() + timedelta(minutes=26)).visit == ()


def test_a_profile_without_a_snapshot_has_steps_but_no_visit():
    person = make_person()
    look_at(person, "a")
    Snapshot.objects.filter(pk=person.profile.pk).delete()
    found = history(person)
    assert (found.items, found.visit) == (("a",), ())


@pytest.mark.parametrize(("n_steps", "n_queries"), [(2, 1), (STEPS - 1, 1), (STEPS + 10, 2)])
def test_it_is_one_query_on_an_index_and_one_more_for_orders_of_who_did_a_lot(n_steps, n_queries):
    person = make_person()
    look_at(person, *(f"item-{n}" for n in range(n_steps)))
    history(person)
    with CaptureQueriesContext(connection) as captured:
        history(person)
    queries = [each["sql"] for each in captured if "SAVEPOINT" not in each["sql"]]
    assert len(queries) == n_queries
    plan = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    for query in queries:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL enable_seqscan = off")  # a small table is read as it is
            cursor.execute(plan + query)
            said = " ".join(str(row) for row in cursor.fetchall())
        assert "Order Completed" in query
        assert "SCAN personalization_event " not in said
        assert "Seq Scan on personalization_event" not in said


def test_what_the_pipeline_stored_is_read_as_it_was_sent():
    track("Product Viewed", user_id="17", properties={"product_id": 42})
    track("Product Added", user_id="17", properties={"sku": "hat", "price": 3})
    drain()
    profile = Profile.objects.get()
    found = history_of_profile(profile.pk, now=timezone.now())
    assert set(found.items) == {"42", "hat"}
    assert set(found.visit) == {"42", "hat"}
