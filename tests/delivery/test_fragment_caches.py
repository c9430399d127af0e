"""`{% cache %}` never keeps what one visitor saw, however it got inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.template import engines
from django.test import RequestFactory, override_settings

from personalization.delivery.middleware import PersonalizationMiddleware
from tests.delivery.people import Person, make_person, make_segments

pytestmark = pytest.mark.django_db

INCLUDED = (
    '{% load personalization %}{% personalized_block "hero" %}everybody'
    '{% variant "a" %}a{% endpersonalized_block %}'
)
DEFERRED = INCLUDED.replace('"hero"', '"hero" deferred')
AROUND = "{% load cache %}{% cache 60 around %}{% include part %} {{ n }}{% endcache %}"
NESTED = (
    "{% load cache %}{% cache 60 outer %}{% cache 60 inner %}{% include part %}{% endcache %}"
    " {{ n }}{% endcache %}"
)
BESIDE = "{% load cache %}{% include part %}{% cache 60 beside %} {{ n }}{% endcache %}"


@pytest.fixture(autouse=True)
def _segments() -> Iterator[None]:
    make_segments("a")
    local = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    with override_settings(CACHES=local):
        yield


def page(source: str, part: str, person: Person | None, n: int) -> str:
    """Return what a page shows whose template includes another one."""
    shown: list[str] = []

    def view(request: Any) -> Any:
        template = engines["django"].from_string(source)
        included = engines["django"].from_string(part).template  # type: ignore[attr-defined]
        shown.append(template.render({"part": included, "n": n}, request))
        return HttpResponse()

    request = RequestFactory().get("/")
    request.COOKIES.update(person.cookies if person else {})
    PersonalizationMiddleware(view)(request)
    return shown[0]


@pytest.mark.parametrize("source", [AROUND, NESTED])
@pytest.mark.parametrize("mode", ["inline", "keyed"])
def test_what_is_included_is_kept_for_nobody(source: str, mode: str) -> None:
    in_a = make_person("a")
    with override_settings(PERSONALIZATION_DELIVERY=mode):
        assert page(source, INCLUDED, in_a, 1) == "a 1"
        assert page(source, INCLUDED, None, 2) == "everybody 2"
        assert page(source, INCLUDED, in_a, 3) == "a 3"


def test_what_is_the_same_for_everybody_is_kept() -> None:
    first = page(AROUND, DEFERRED, make_person("a"), 1)
    assert page(AROUND, DEFERRED, None, 2) == first
    assert first.endswith(" 1")


def test_a_fragment_beside_a_slot_is_kept() -> None:
    in_a = make_person("a")
    assert page(BESIDE, INCLUDED, in_a, 1) == "a 1"
    assert page(BESIDE, INCLUDED, None, 2) == "everybody 1"


def streamed(person: Person | None, n: int) -> str:
    """Return what a page shows that asks for its visitor, and is rendered after its headers."""
    template = engines["django"].from_string(AROUND)
    included = engines["django"].from_string(INCLUDED).template  # type: ignore[attr-defined]

    def parts(request: Any) -> Iterator[str]:
        yield template.render({"part": included, "n": n}, request)

    def view(request: Any) -> StreamingHttpResponse:
        request.personalization.in_segment("a")
        return StreamingHttpResponse(parts(request))

    request = RequestFactory().get("/")
    request.COOKIES.update(person.cookies if person else {})
    response: Any = PersonalizationMiddleware(view)(request)
    return str(response.getvalue().decode())


def test_what_is_streamed_is_kept_for_nobody() -> None:
    assert streamed(make_person("a"), 1) == "a 1"
    assert streamed(None, 2) == "everybody 2"
