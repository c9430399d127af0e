"""`{% in_segment "slug" as flag %}`"""

from __future__ import annotations

import pytest
from django.template import TemplateSyntaxError, engines

from tests.delivery.people import make_person, make_segments, make_variation
from tests.delivery.rendering import render, render_in, request_of

pytestmark = pytest.mark.django_db

FLAG = "{% in_segment 'loyal' as loyal %}{{ loyal|yesno }}"


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("loyal", "asleep")


def test_it_tells_whether_the_visitor_is_in_the_segment() -> None:
    assert render(FLAG, make_person("loyal")) == "yes"
    assert render(FLAG, make_person("asleep")) == "no"
    assert render(FLAG) == "no"


def test_without_consent_nobody_is_in_a_segment() -> None:
    assert render(FLAG, make_person("loyal", consents=("analytics",))) == "no"


def test_the_slug_may_come_from_a_variable() -> None:
    request = request_of(make_person("loyal"))
    source = "{% for slug in slugs %}{% in_segment slug as flag %}{{ flag|yesno }} {% endfor %}"
    assert render_in(source, request, slugs=["loyal", "asleep", "gone"]) == "yes no no "


def test_variations_have_no_part_in_it() -> None:
    make_variation("asleep", "content", slot="loyal")
    assert render(FLAG, make_person("asleep")) == "no"


def test_without_a_request_nobody_is_in_a_segment() -> None:
    assert render_in(FLAG, None) == "no"


def test_it_works_in_a_template_that_gets_nothing_but_its_own_variables() -> None:
    part = engines["django"].from_string("{% load personalization %}" + FLAG).template
    request = request_of(make_person("loyal"))
    assert render_in("{% include part only %}", request, part=part) == "yes"


def test_it_takes_one_slug() -> None:
    with pytest.raises(TemplateSyntaxError, match="in_segment"):
        render("{% in_segment %}")
