"""What is rendered after the headers are out must not be more personal than they say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from tests.delivery.people import Person, make_person, make_segments
from tests.delivery.rendering import HERO, counted, render_in, request_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    make_segments("a", "b", "abandoners", "loyal")
    with override_settings(ROOT_URLCONF="tests.delivery.pages"):
        yield


@pytest.fixture
def person() -> Person:
    return make_person("a", "loyal")


def test_a_streamed_page_shows_the_default_and_counts_it(person: Person) -> None:
    before = counted("slots.too_late")
    response = person.client().get("/public-streamed/slot")
    assert response["Cache-Control"] == "public, max-age=600"
    assert response.getvalue().startswith(b"everybody")
    assert counted("slots.too_late") == before + 1


def test_a_streamed_page_that_asked_in_time_is_personal_and_private(person: Person) -> None:
    response = person.client().get("/asked-and-streamed/slot")
    assert response["Cache-Control"] == "private, no-cache"
    assert response.getvalue().startswith(b"a ")


def test_nothing_personal_is_told_once_the_headers_are_out(person: Person) -> None:
    request = request_of(person)
    visitor = request.personalization  # type: ignore[attr-defined]
    visitor.sealed = True
    assert visitor.visitor_id is None
    assert visitor.segments == frozenset()
    assert not visitor.in_segment("loyal")
    assert not visitor.has_consent("analytics")
    assert visitor.decide("hero").reason == "too_late"
    assert render_in(HERO, request) == "default"
    assert not visitor.used


def test_what_was_said_to_be_private_may_go_on(person: Person) -> None:
    request = request_of(person)
    visitor = request.personalization  # type: ignore[attr-defined]
    assert visitor.in_segment("loyal")
    visitor.sealed = True
    assert render_in(HERO, request) == "for the loyal"


def test_a_streamed_page_of_an_unknown_visitor_counts_nothing() -> None:
    before = counted("slots.too_late")
    request = request_of(None)
    request.personalization.sealed = True  # type: ignore[attr-defined]
    assert render_in(HERO, request) == "default"
    assert counted("slots.too_late") == before
