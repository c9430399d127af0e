"""A page in which its visitor becomes another one is kept for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from tests.delivery import fuzz, pages
from tests.delivery.people import Person, make_person, make_segments

pytestmark = pytest.mark.django_db

LOCAL = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STACK = [fuzz.OURS, *fuzz.STACKS["whole site with keys"]]


def leaving(request: HttpRequest, kind: str) -> HttpResponse:
    """Forget the visitor whom a device had last, as a link that logs out does."""
    if request.headers.get("X-Leaves"):
        request.personalization.switch(None)  # type: ignore[attr-defined]
    return pages.rendered(request, kind)


urlpatterns = [path("<kind>", leaving)]


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    make_segments("a", "b")
    with override_settings(CACHES=LOCAL, MIDDLEWARE=STACK, ROOT_URLCONF=__name__):
        yield


def get(person: Person, kind: str, **headers: str) -> Any:
    return person.client().get(f"/{kind}", headers=headers)


@pytest.mark.parametrize("kind", ["slot", "keyed", "flag", "asked"])
def test_what_is_shown_after_the_switch_is_kept_for_no_other_visitor(kind: str) -> None:
    left = get(make_person("a"), kind, **{"X-Leaves": "1"})
    assert left.content.startswith(b"everybody")
    assert left["Cache-Control"] == "private, no-cache"
    assert get(make_person("a"), kind).content.startswith(b"a ")
