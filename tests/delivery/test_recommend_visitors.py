"""Who a list is for when the visitor changes, is pretended, or cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import override_settings

from personalization.delivery.preview import Preview
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.delivery.visitor import Visitor
from personalization.ml.serving import recommend as serving
from personalization.segments.models import Segment
from personalization.shortcuts import track
from personalization.testing import drain, exposures_at_once, memory_buffer
from tests.calm import CALM
from tests.delivery.people import Person, make_person, make_segments
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import counted, render, render_in, request_of
from tests.delivery.showing import BROWSER, written
from tests.ml.serving.stored import serve_what_follows

pytestmark = pytest.mark.django_db(transaction=True)

LIST = (
    '{% recommend "home" limit=3 as items %}{% for one in items %}{{ one.item.key }} {% endfor %}'
)
POPULAR, OWN = "hat shoe sock ", "sock belt scarf "


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    with override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM):
        yield


@pytest.fixture
def person() -> Person:
    make_items("hat", "shoe", "sock", "scarf", "belt")
    make_crowd(["hat", "shoe", "sock", "scarf", "belt"])
    serve_what_follows({"shoe": ["sock", "belt"], "hat": ["scarf"]})
    person = make_person()
    look_at(person, "hat", "shoe")
    return person


@pytest.fixture
def request_(person: Person) -> HttpRequest:
    request = request_of(person)
    request.META["HTTP_USER_AGENT"] = BROWSER
    return request


def visitor_of(request: HttpRequest) -> Visitor:
    visitor = request.personalization  # type: ignore[attr-defined]
    assert isinstance(visitor, Visitor)
    return visitor


def exclude_for(slug: str, key: str) -> None:
    RecommendationRule.objects.create(
        segment=Segment.objects.get(slug=slug), action="exclude", target="item", value=key
    )


def test_without_numpy_the_popular_are_listed(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_has_numpy", lambda: False)
    assert render(LIST, person) == "sock scarf belt ", "what the visitor knows is left out"


def test_a_list_for_one_visitor_makes_the_page_theirs(request_: HttpRequest) -> None:
    render_in(LIST, request_)
    visitor = visitor_of(request_)
    assert (visitor.used, visitor.beside, visitor.asked) == (True, True, True)


@pytest.mark.parametrize("mode", ["keyed", "deferred"])
def test_a_list_for_all_leaves_the_page_to_caches(request_: HttpRequest, mode: str) -> None:
    assert render_in(LIST.replace(" as ", f" mode={mode!r} as "), request_) == POPULAR
    visitor = visitor_of(request_)
    assert (visitor.used, visitor.beside, visitor.asked) == (False, False, False)


def test_after_the_headers_are_out_nothing_personal_follows(request_: HttpRequest) -> None:
    visitor_of(request_).sealed = True
    before = counted("slots.too_late")
    assert render_in(LIST, request_) == POPULAR
    assert counted("slots.too_late") > before


def test_who_was_asked_for_before_gets_their_list_in_a_streamed_page(
    request_: HttpRequest,
) -> None:
    assert visitor_of(request_).visitor_id
    visitor_of(request_).sealed = True
    assert render_in(LIST, request_) == OWN


def test_who_logs_out_gets_what_is_popular(request_: HttpRequest) -> None:
    assert render_in(LIST, request_) == OWN
    visitor_of(request_).switch(None)
    assert render_in(LIST, request_) == POPULAR


def test_somebody_else_on_the_same_request_gets_their_own(request_: HttpRequest) -> None:
    other = make_person()
    look_at(other, "hat", minutes=0)
    assert render_in(LIST, request_) == OWN
    visitor_of(request_).switch(other.visitor_id)
    assert render_in(LIST, request_).startswith("scarf ")


def test_what_is_done_in_this_very_request_counts_in_its_lists(request_: HttpRequest) -> None:
    assert render_in(LIST, request_) == OWN
    track("Product Viewed", request=request_, properties={"product_id": "hat"}, apply=True)
    drain()
    assert render_in(LIST, request_).startswith("scarf ")


def test_a_visitor_who_is_gone_gets_what_is_popular(person: Person) -> None:
    person.profile.delete()
    assert render(LIST, person) == POPULAR


def test_staff_see_the_rules_of_whom_they_pretend_to_be_and_count_for_nothing(
    request_: HttpRequest,
) -> None:
    make_segments("loyal")
    exclude_for("loyal", "hat")
    visitor = visitor_of(request_)
    visitor.pretend(Preview(segments=frozenset({"loyal"})))
    with memory_buffer(), exposures_at_once():
        assert render_in(LIST, request_) == "shoe sock scarf "
        assert written() == []


def test_a_failing_read_leaves_the_transaction_of_the_page_alone(
    request_: HttpRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> list[object]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")
        return []

    monkeypatch.setattr("personalization.ml.serving.histories._done", broken)
    with transaction.atomic():
        User.objects.create_user("somebody")
        assert render_in(LIST, request_) == POPULAR
        assert User.objects.filter(username="somebody").exists()
    assert User.objects.filter(username="somebody").exists()


def test_two_people_who_turn_out_to_be_one_have_one_history(person: Person) -> None:
    other = make_person()
    assert render(LIST, other) == POPULAR
    other_identity = other.profile.identities.get()
    other_identity.profile = person.profile
    other_identity.save()
    assert render(LIST, other) == OWN
