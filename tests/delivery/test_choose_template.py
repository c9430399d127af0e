"""Whole pages that differ, at one address: the view names another template."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from personalization.delivery.choose import Decision
from personalization.delivery.models import Slot
from personalization.delivery.visitor import Visitor
from personalization.exceptions import UnknownSegment
from personalization.shortcuts import choose_template
from tests.delivery.people import Person, make_person, make_segments, make_slot, make_variation
from tests.delivery.rendering import request_of

pytestmark = pytest.mark.django_db

PAGES = {"loyal": "home/loyal.html", "new": "home/new.html"}


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Decision]:
    """Whatever is noted as shown."""
    make_segments("loyal", "new", "other")
    found: list[Decision] = []
    monkeypatch.setattr(Visitor, "expose", lambda self, decision: found.append(decision))
    return found


def chosen(who: Person | HttpRequest | None, **options: Any) -> str:
    request = who if isinstance(who, HttpRequest) else request_of(who)
    return choose_template(request, "home", PAGES, default="home/all.html", **options)


@pytest.mark.parametrize(
    ("segments", "name"),
    [
        ((), "home/all.html"),
        (("other",), "home/all.html"),
        (("loyal",), "home/loyal.html"),
        (("new",), "home/new.html"),
        (("new", "loyal"), "home/loyal.html"),
    ],
)
def test_the_first_segment_of_the_visitor_decides(segments: tuple[str, ...], name: str) -> None:
    assert chosen(make_person(*segments)) == name


def test_nobody_known_gets_the_default() -> None:
    assert chosen(None) == "home/all.html"
    assert chosen(make_person("loyal", consents=())) == "home/all.html"


def test_a_request_that_did_not_go_through_the_middleware_gets_the_default() -> None:
    assert chosen(RequestFactory().get("/")) == "home/all.html"


def test_the_page_is_private_as_with_any_slot() -> None:
    request = request_of(make_person("loyal"))
    chosen(request)
    assert request.personalization.used  # type: ignore[attr-defined]
    keyed = request_of(make_person("loyal"))
    assert chosen(keyed, mode="keyed") == "home/loyal.html"
    assert not keyed.personalization.used  # type: ignore[attr-defined]


def test_the_page_counts_as_shown(shown: list[Decision]) -> None:
    chosen(make_person("loyal"))
    [decision] = shown
    assert (decision.slot, decision.variation) == ("home", "page:home/loyal.html")


def test_a_variation_of_the_admin_is_no_template(shown: list[Decision]) -> None:
    make_slot("home")
    make_variation("loyal", "<p>not a page</p>", slot="home")
    assert chosen(make_person("loyal")) == "home/all.html"
    assert shown == []


def test_a_page_is_made_of_one_template_where_all_would_be_shown(shown: list[Decision]) -> None:
    Slot.objects.create(slug="home", name="Home", strategy="all")
    assert chosen(make_person("loyal", "new")) == "home/loyal.html"
    assert shown[0].variation == "page:home/loyal.html"


def test_two_segments_may_share_a_template() -> None:
    pages = {"loyal": "same.html", "new": "same.html"}
    for slug in pages:
        request = request_of(make_person(slug))
        assert choose_template(request, "home", pages, default="all.html") == "same.html"


def test_a_developer_hears_of_a_segment_that_does_not_exist(settings: Any) -> None:
    settings.DEBUG = True
    with pytest.raises(UnknownSegment, match="“typo”"):
        choose_template(request_of(make_person()), "home", {"typo": "x.html"}, default="y.html")
