"""What is written of lists that were shown, so that clicks can be told by model version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import override_settings

from personalization.events.catalogue import RECOMMENDATION_SHOWN
from personalization.events.models import Event
from personalization.shortcuts import recommend
from personalization.testing import drain, exposures_at_once, memory_buffer
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import render_in, request_of
from tests.delivery.showing import BROWSER, written
from tests.ml.serving.stored import serve_what_follows

pytestmark = pytest.mark.django_db(transaction=True)

LIST = '{% recommend "home" limit=3 as items %}'


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    with memory_buffer(), exposures_at_once():
        yield


@pytest.fixture
def person() -> Person:
    make_items("hat", "shoe", "sock", "scarf", "belt")
    make_crowd(["hat", "shoe", "sock", "scarf", "belt"])
    serve_what_follows({"shoe": ["sock", "belt"]}, number=4)
    person = make_person()
    look_at(person, "shoe")
    return person


def page_of(person: Person | None) -> HttpRequest:
    request = request_of(person)
    request.META["HTTP_USER_AGENT"] = BROWSER
    return request


def only() -> Any:
    (event,) = written()
    return event


def test_a_list_that_was_shown_is_an_event_with_what_stood_in_it(person: Person) -> None:
    with override_settings(PERSONALIZATION_RECOMMENDATIONS={"*": {"explore": 0.5}}):
        shown = recommend(page_of(person), "home", limit=4)
    event = only()
    assert event["name"] == RECOMMENDATION_SHOWN
    assert event["message_id"] == shown.id
    assert event["properties"] == {
        "place": "home",
        "items": [one.item.key for one in shown],
        "propensities": [round(one.propensity, 6) for one in shown],
        "model": "recommend 4",
        "decision_id": shown.id,
    }
    assert event["context"] == {"page": {"path": "/", "url": "http://testserver/"}}


def test_a_list_of_the_popular_says_so(person: Person) -> None:
    person.agree_to("analytics")
    render_in(LIST, page_of(person))
    assert only()["properties"]["model"] == "popularity"


def test_each_list_of_a_page_counts_by_itself(person: Person) -> None:
    render_in(LIST + LIST.replace("home", "cart"), page_of(person))
    assert sorted(event["properties"]["place"] for event in written()) == ["cart", "home"]


@pytest.mark.parametrize("case", ["nobody", "refused", "bot", "empty", "for all", "unasked"])
def test_what_nobody_is_shown_counts_for_nobody(person: Person, case: str) -> None:
    request = page_of(None if case == "nobody" else person)
    page = LIST
    if case == "refused":
        request.COOKIES["pz_consent"] = "1."
    if case == "bot":
        request.META["HTTP_USER_AGENT"] = "Googlebot/2.1"
    if case == "empty":
        page = LIST.replace("limit=3", "limit=3 item='x'").replace("home", "none")
        with override_settings(PERSONALIZATION_RECOMMENDATIONS={"none": {"kinds": ["none"]}}):
            render_in(page, request)
    elif case == "unasked":
        assert len(recommend(request, "home", expose=False)) > 0
    else:
        render_in(page.replace("as", "mode='deferred' as") if case == "for all" else page, request)
    assert written() == []


def test_the_event_fits_its_schema_and_is_stored(person: Person) -> None:
    render_in(LIST, page_of(person))
    drain()
    event = Event.objects.get(name=RECOMMENDATION_SHOWN)
    assert event.properties["items"][0] == "sock"
