"""A page of Wagtail that is made of another template as a whole, for some."""

from __future__ import annotations

import pytest

from personalization.testing import drain, exposures, exposures_at_once
from tests.contrib.wagtail.building import publish, seen
from tests.contrib.wagtail.site.models import LandingPage
from tests.delivery.people import make_person, make_segments

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> LandingPage:
    make_segments("a", "b")
    return publish(LandingPage(title="Landing", slug="landing"))


def test_each_visitor_gets_their_page_and_everyone_else_the_usual_one(page: LandingPage) -> None:
    assert seen(page, make_person("b")) == ["for b"]
    assert seen(page, make_person("a", "b")) == ["for a"]
    assert seen(page, make_person()) == seen(page) == ["everybody"]


def test_it_counts_as_shown(page: LandingPage) -> None:
    with exposures_at_once():
        assert seen(page, make_person("a")) == ["for a"]
        drain()
        assert [shown["slot"] for shown in exposures()] == ["landing"]
