"""Under an asynchronous server."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, override_settings
from django.urls import path

from personalization.delivery.middleware import CacheKeyMiddleware, PersonalizationMiddleware
from tests.delivery import fuzz, pages
from tests.delivery.people import Person, make_person, make_segments
from tests.delivery.rendering import counted

pytestmark = pytest.mark.django_db(transaction=True)


async def in_a_thread(request: HttpRequest) -> HttpResponse:
    return await sync_to_async(pages.rendered)(request, "slot")


async def in_the_loop(request: HttpRequest) -> HttpResponse:
    """As views are written that forget that rendering may read the database."""
    return pages.rendered(request, "slot")


async def asking(request: HttpRequest) -> HttpResponse:
    visitor = request.personalization  # type: ignore[attr-defined]
    return HttpResponse(f"{visitor.in_segment('a')} {visitor.has_consent('analytics')}")


urlpatterns = [
    path("thread", in_a_thread),
    path("loop", in_the_loop),
    path("asking", asking),
    *pages.urlpatterns,
]

STACK = [fuzz.OURS, fuzz.UPDATE, fuzz.KEY, fuzz.COMMON, fuzz.FETCH]


@pytest.fixture
def person() -> Person:
    make_segments("a", "b")
    return make_person("a")


def get(url: str, person: Person | None = None) -> Any:
    """Return the response of an ASGI handler with the whole stack around the view."""

    async def ask() -> Any:
        client = AsyncClient()
        if person is not None:
            client.cookies.load(person.cookies)
        return await client.get(url)

    with override_settings(MIDDLEWARE=STACK, ROOT_URLCONF=__name__):
        return async_to_sync(ask)()


def test_the_middleware_is_asynchronous_where_its_site_is() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    for middleware in (PersonalizationMiddleware, CacheKeyMiddleware):
        assert iscoroutinefunction(middleware(view))
        assert not iscoroutinefunction(middleware(lambda request: HttpResponse()))


@pytest.mark.parametrize("url", ["/thread", "/bare/slot", "/late/slot", "/generic/slot"])
def test_a_page_rendered_in_a_thread_is_personal(person: Person, url: str) -> None:
    response = get(url, person)
    assert response.content.startswith(b"a ")
    assert response["Cache-Control"] == "private, no-cache"
    assert response["Vary"] == "Cookie"


def test_pages_of_unknown_visitors_are_kept_apart(person: Person) -> None:
    first, second = get("/thread").content, get("/thread").content
    assert first == second
    assert first.startswith(b"everybody")
    assert get("/thread", person).content.startswith(b"a ")
    assert get("/thread").content == first


def test_a_page_rendered_in_the_loop_shows_the_default(person: Person) -> None:
    before = counted("slots.failed")
    response = get("/loop", person)
    assert response.status_code == 200
    assert response.content.startswith(b"everybody ")
    assert response["Cache-Control"] == "private, no-cache"
    assert counted("slots.failed") == before + 1


def test_code_that_asks_in_the_loop_gets_an_answer(person: Person) -> None:
    assert get("/asking", person).content == b"False False"
    assert get("/asking").content == b"False False"


@pytest.mark.parametrize("url", ["/thread", "/bare/slot", "/late/two", "/cached/nested"])
def test_keyed_pages_are_kept_once_for_each_version(person: Person, url: str) -> None:
    people = [person, make_person("a"), make_person("b"), None]
    with override_settings(PERSONALIZATION_DELIVERY="keyed"):
        for who in people * 2:
            get(url, who)
        first, same, other, unknown = (get(url, who) for who in people)
        assert [get(url, who).content for who in people] == [
            answer.content for answer in (first, same, other, unknown)
        ]
    assert first.content == same.content
    assert len({answer.content for answer in (first, other, unknown)}) == 3
    for answer in (first, other, unknown):
        assert answer["Cache-Control"] == "private, no-cache"
        assert "Vary" not in answer


def test_a_keyed_page_that_is_rendered_in_the_loop_is_right_or_the_default(person: Person) -> None:
    """Whoever looks for its version reads the visitor, where reading is possible."""
    with override_settings(PERSONALIZATION_DELIVERY="keyed"):
        shown = [get("/loop", who).content.partition(b" ")[0] for who in (person, None) * 3]
    assert shown[:2] == [b"everybody", b"everybody"]
    assert set(shown[2::2]) <= {b"a", b"everybody"}
    assert set(shown[1::2]) == {b"everybody"}
