"""What a response tells the caches outside, and what the middleware never does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings

from personalization.delivery.caching import META_KEY, mark_private, vary_for_clients
from personalization.delivery.middleware import CacheKeyMiddleware, PersonalizationMiddleware
from tests.delivery import fuzz, pages
from tests.delivery.people import Person, make_person, make_segments

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    make_segments("a", "b")
    with override_settings(ROOT_URLCONF="tests.delivery.pages"):
        yield


@pytest.fixture
def person() -> Person:
    return make_person("a")


def cache_control(response: Any) -> set[str]:
    return {part.strip() for part in response.get("Cache-Control", "").split(",")} - {""}


SLOTS = ["slot", "flag", "asked", "id"]


@pytest.mark.parametrize("kind", SLOTS)
@pytest.mark.parametrize("style", ["bare", "late", "cached", "public", "for-cdn"])
def test_a_personal_response_is_private(person: Person, style: str, kind: str) -> None:
    response = person.client().get(f"/{style}/{kind}")
    assert cache_control(response) == {"private", "no-cache"}
    assert response["Vary"] == "Cookie"
    kept = {"expires", "cdn-cache-control", "surrogate-control", "x-accel-expires"}
    assert kept.isdisjoint(name.lower() for name in response.headers)


@pytest.mark.parametrize("kind", SLOTS)
def test_a_slot_page_for_an_unknown_visitor_varies_by_cookie_and_may_be_kept(kind: str) -> None:
    response = Client().get(f"/public/{kind}")
    assert cache_control(response) == {"public", "max-age=600", "s-maxage=900", "immutable"}
    assert response["Vary"] == "Cookie"


@pytest.mark.parametrize("style", ["bare", "public", "cached", "for-cdn"])
def test_a_page_without_slots_is_the_business_of_its_site(person: Person, style: str) -> None:
    for client in (Client(), person.client()):
        response = client.get(f"/{style}/plain")
        assert "Vary" not in response
        assert "private" not in cache_control(response)
    if style == "for-cdn":
        assert response["CDN-Cache-Control"] == "max-age=600"


def test_a_personal_error_page_is_private_too(person: Person) -> None:
    response = person.client().get("/missing/slot")
    assert response.status_code == 404
    assert response.content.startswith(b"a ")
    assert cache_control(response) == {"private", "no-cache"}


def test_no_store_stays() -> None:
    response = HttpResponse(headers={"Cache-Control": "no-store, max-age=0, must-revalidate"})
    mark_private(response)
    assert cache_control(response) == {"no-store", "must-revalidate", "private", "no-cache"}


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("X-Personalization-Visitor", "Cookie"),
        ("x-personalization-visitor, Accept", "Accept, Cookie"),
        ("Cookie, X-Personalization-Visitor", "Cookie"),
        ("Accept,COOKIE , X-Personalization-Visitor", "Accept, COOKIE"),
        ("Accept", "Accept"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_our_own_header_never_leaves(inside: str, outside: str) -> None:
    response = HttpResponse(headers={"Vary": inside})
    vary_for_clients(response)
    assert response["Vary"] == outside


@pytest.mark.parametrize("sent", ["known", "unknown", "", "loyal, known"])
def test_a_header_that_a_client_sends_is_overwritten(person: Person, sent: str) -> None:
    seen = []

    def view(request: Any) -> HttpResponse:
        seen.append(request.META[META_KEY])
        return HttpResponse()

    ours = PersonalizationMiddleware(view)
    headers = {"X-Personalization-Visitor": sent}
    ours(RequestFactory().get("/", headers=headers))
    known = RequestFactory().get("/", headers=headers)
    known.COOKIES.update(person.cookies)
    ours(known)
    assert seen == ["unknown", "known"]


@pytest.mark.parametrize("style", pages.STYLES)
def test_rendering_sets_no_cookie_and_leaves_the_session_alone(person: Person, style: str) -> None:
    session = "django.contrib.sessions.middleware.SessionMiddleware"
    with override_settings(MIDDLEWARE=[fuzz.OURS, session, fuzz.COMMON]):
        for client in (Client(), person.client()):
            for kind in pages.SOURCES:
                response = client.get(f"/{style}/{kind}")
                request: Any = response.wsgi_request  # type: ignore[attr-defined]
                response.getvalue()
                assert not response.cookies
                assert not request.session.accessed
                assert not request.session.modified


def test_an_answer_to_the_banner_is_the_only_thing_that_sets_cookies() -> None:
    client = Client(headers={"Origin": "http://testserver"})
    response = client.post(
        "/p/consent/", {"purposes": ["personalization"]}, content_type="application/json"
    )
    assert set(response.cookies) == {"pz_id", "pz_consent"}
    assert "no-store" in cache_control(response)
    assert not client.get("/bare/slot").cookies


def test_a_known_visitor_is_told_apart_from_the_first_answer_on() -> None:
    """The page that was kept for everybody unknown is not shown to who just agreed."""
    stack = [fuzz.OURS, *fuzz.STACKS["whole site with keys"]]
    with override_settings(MIDDLEWARE=stack):
        client = Client(headers={"Origin": "http://testserver"})
        before = client.get("/bare/slot").content
        assert client.get("/bare/slot").content == before
        client.post("/p/consent/", {"choice": "all"})
        assert client.get("/bare/slot").content != before


def test_the_key_middleware_alone_does_nothing() -> None:
    answer = HttpResponse("x")
    middleware = CacheKeyMiddleware(lambda request: answer)
    assert middleware(RequestFactory().get("/")) is answer
    assert "Vary" not in answer


def test_the_key_middleware_tells_other_caches_inside_that_a_page_is_private(
    person: Person,
) -> None:
    seen: list[set[str]] = []

    def other_cache(request: Any) -> Any:
        inside = CacheKeyMiddleware(lambda request: pages.rendered(request, "slot"))
        response = inside(request)
        seen.append(cache_control(response))
        return response

    request = RequestFactory().get("/")
    request.COOKIES.update(person.cookies)
    PersonalizationMiddleware(other_cache)(request)
    assert seen == [{"private", "no-cache"}]
