"""Deferred slots: a page that asks nothing of its visitor, and so is the same for everybody."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.template import TemplateSyntaxError, engines
from django.test import RequestFactory

from personalization.delivery.block import PersonalizedBlock
from personalization.delivery.decide_body import read_question
from personalization.delivery.deferred import LEAST_RESERVE, MOST_RESERVE
from personalization.delivery.visitor import Visitor
from personalization.exceptions import UnknownSegment
from personalization.testing import drain, exposures, exposures_at_once
from tests.delivery.people import Person, make_person, make_segments, make_variation
from tests.delivery.rendering import counted, render, render_in, request_of
from tests.housekeeping.repository import PACKAGE

STATIC = PACKAGE / "static" / "personalization"
HERO = (
    '{% personalized_block "hero" deferred reserve=20 %}<p>everybody</p>'
    '{% variant "a" %}<p>for a</p>{% variant "b" "c" %}<p>for b or c</p>'
    "{% endpersonalized_block %}"
)
PLACEHOLDER = (
    '<div class="pz-slot pz-reserve-20" data-personalization-slot="hero"'
    " data-personalization-deferred><p>everybody</p>"
    '<template data-personalization-variation="template:0:a" data-personalization-segments="a">'
    "<p>for a</p></template>"
    '<template data-personalization-variation="template:1:b+c"'
    ' data-personalization-segments="b c"><p>for b or c</p></template></div>'
)


@pytest.fixture
def person() -> Person:
    make_segments("a", "b", "c")
    make_variation("a", "from the admin")
    return make_person("a")


def block(arguments: str, default: str = "default") -> str:
    return f"{{% personalized_block {arguments} %}}{default}{{% endpersonalized_block %}}"


@pytest.mark.django_db
def test_everybody_gets_the_same_placeholder(person: Person) -> None:
    assert render(HERO) == render(HERO, person) == PLACEHOLDER
    other_order = HERO.replace("deferred reserve=20", "reserve=20 deferred")
    assert render(other_order, person) == PLACEHOLDER


def test_nothing_is_asked_of_the_visitor_nor_of_the_database() -> None:
    """No mark `django_db`: a read would fail."""
    request = RequestFactory().get("/")
    visitor = Visitor(request)
    visitor._id = "0" * 32  # somebody we know
    request.personalization = visitor  # type: ignore[attr-defined]
    assert render_in(HERO, request) == PLACEHOLDER
    assert not visitor.asked
    assert not visitor.used


def test_a_page_without_a_request_is_static() -> None:
    assert render_in(HERO, None) == PLACEHOLDER


@pytest.mark.django_db
def test_a_site_may_defer_all_its_slots(person: Person, settings: Any) -> None:
    settings.PERSONALIZATION_DELIVERY = "deferred"
    assert render(HERO.replace(" deferred", ""), person) == PLACEHOLDER
    assert render(block('"hero" inline'), person) == "from the admin"


@pytest.mark.django_db
def test_space_that_is_reserved_for_deferral_does_not_stand_in_the_way_of_another_mode(
    person: Person,
) -> None:
    assert render(HERO.replace(" deferred", ""), person) == "from the admin"


def test_without_reserved_space_there_is_no_class_for_it() -> None:
    assert 'class="pz-slot"' in render_in(block('"hero" deferred'), None)


def test_there_is_no_style_attribute_and_no_script() -> None:
    assert not re.search(r"style=|<script|<style", PLACEHOLDER)


def test_every_height_that_can_be_reserved_has_its_class() -> None:
    css = (STATIC / "slots.css").read_text()
    found = dict(re.findall(r"\.pz-reserve-(\d+) \{ min-block-size: (\d+)rem; \}", css))
    assert found == {str(n): str(n) for n in range(LEAST_RESERVE, MOST_RESERVE + 1)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('"hero" deferred reserve=0', "reserves 1 to 60 rem"),
        ('"hero" deferred reserve=61', "got '61'"),
        ('"hero" deferred reserve=2.5', "got '2.5'"),
        ('"hero" deferred reserve=-1', "got '-1'"),
        ('"hero" deferred reserve=', "got ''"),
        ('"hero" deferred reserve=height', "got 'height'"),
        ('"hero" deferred reserve=²', "got '²'"),
        ('"hero" inline reserve=20', "it is inline"),
        ('"hero" keyed reserve=20', "it is keyed"),
        ("deferred", "takes one quoted slug"),
    ],
)
def test_what_cannot_be_reserved_is_refused_with_what_can(arguments: str, said: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=re.escape(said)):
        render_in(block(arguments), None)


def test_it_may_stand_inside_of_a_fragment_cache() -> None:
    """It is the same for everybody, whoever comes first."""
    source = "{% load cache %}{% cache 60 deferred-hero %}" + HERO + "{% endcache %}"
    assert render_in(source, None) == render_in(source, None) == PLACEHOLDER
    with pytest.raises(TemplateSyntaxError, match="cannot stand inside"):
        render_in(source.replace(" deferred reserve=20", ""), None)


def test_an_inline_block_inside_of_one_that_is_cached_is_still_refused() -> None:
    inner = block('"strip" inline')
    source = "{% load cache %}{% cache 60 x %}" + block('"hero" deferred', inner) + "{% endcache %}"
    with pytest.raises(TemplateSyntaxError, match="cannot stand inside"):
        render_in(source, None)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["inline", "keyed"])
def test_a_block_inside_of_a_variant_waits_as_the_variant_does(mode: str) -> None:
    """Else it would be shown, and counted, where nobody sees it, and the page be personal."""
    make_segments("a", "b")
    inner = (
        '{% personalized_block "strip" '
        + mode
        + (' %}inner{% variant "a" %}inner a{% endpersonalized_block %}')
    )
    source = (
        '{% personalized_block "hero" deferred %}outer{% variant "a" %}'
        + inner
        + "{% endpersonalized_block %}"
    )
    request = request_of(make_person("a"))
    with exposures_at_once():
        shown = render_in(source, request)
    drain()
    assert shown == render_in(source, request_of(None))
    assert 'data-personalization-slot="strip" data-personalization-deferred' in shown
    assert not request.personalization.asked  # type: ignore[attr-defined]
    assert exposures() == []


def test_a_variant_that_fails_is_left_out() -> None:
    source = HERO.replace("<p>for a</p>", "{{ broken }}")

    def broken() -> str:
        raise RuntimeError("the template of a variant")

    failed = counted("slots.failed")
    shown = render_in(source, None, broken=broken)
    assert "template:0:a" not in shown
    assert "<p>everybody</p>" in shown
    assert "template:1:b+c" in shown
    assert counted("slots.failed") == failed + 1


@pytest.mark.django_db
def test_a_developer_hears_of_a_segment_that_does_not_exist(person: Person, settings: Any) -> None:
    settings.DEBUG = True
    request = request_of(person)
    assert render_in(HERO, request) == PLACEHOLDER
    assert not request.personalization.asked  # type: ignore[attr-defined]
    with pytest.raises(UnknownSegment, match=r"“aa”. Allowed: a, b, c\."):
        render_in(HERO.replace('variant "a"', 'variant "aa"'), request)


def test_the_tree_tells_which_slots_and_segments_a_page_may_show() -> None:
    source = "{% load personalization %}" + HERO
    template: Any = engines["django"].from_string(source)
    [node] = template.template.nodelist.get_nodes_by_type(PersonalizedBlock)
    assert (node.slot, node.mode, node.options.reserve) == ("hero", "deferred", 20)
    assert [candidate.segments for candidate in node.candidates] == [("a",), ("b", "c")]


ELEMENTS = "{% personalization_slots %}"


def test_the_head_gets_a_style_sheet_and_a_script_that_are_files() -> None:
    html = render_in(ELEMENTS, None)
    assert html == (
        '<link rel="stylesheet" href="/static/personalization/slots.css">'
        '<script id="personalization-slots" type="module" src="/static/personalization/slots.js"'
        ' data-endpoint="/p/v1/decide" data-lists="/p/v1/recommend"'
        ' data-triggers="/static/personalization/triggers.js"'
        ' data-consent-cookie="pz_consent" data-policy="1" data-close-text="Close"></script>'
    )
    for name in re.findall(r"/static/personalization/([\w.]+)", html):
        assert Path(STATIC / name).is_file()


@pytest.mark.django_db
def test_the_head_is_the_same_for_everybody(person: Person) -> None:
    request = request_of(person)
    assert render_in(ELEMENTS, request) == render_in(ELEMENTS, None)
    assert not request.personalization.asked  # type: ignore[attr-defined]


def test_the_head_carries_a_nonce_on_both_elements() -> None:
    html = render_in('{% personalization_slots nonce="r4nd0m" %}', None)
    assert html.count(' nonce="r4nd0m"') == 2


def test_the_head_knows_the_settings_of_the_site(settings: Any) -> None:
    settings.PERSONALIZATION_CONSENT_COOKIE = "agreed"
    settings.PERSONALIZATION_POLICY_VERSION = "2026"
    html = render_in(ELEMENTS, None)
    assert 'data-consent-cookie="agreed" data-policy="2026"' in html


def test_whatever_a_variant_is_for_the_browser_can_ask_about_it() -> None:
    slugs = [letter * 50 for letter in "abcdefg"]
    named = " ".join(f'"{slug}"' for slug in slugs)
    page = render(
        '{% personalized_block "hero" deferred %}x{% variant '
        + named
        + " %}y{% endpersonalized_block %}"
    )
    (key,) = re.findall(r'data-personalization-variation="([^"]*)"', page)
    asked = {"slot": "hero", "candidates": [{"key": key, "segments": slugs}]}
    assert read_question(json.dumps({"slots": [asked]}).encode()).slots[0].candidates
