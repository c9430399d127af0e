"""Jinja2 as one of the engines of a site: pages, and what is found in their templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.template import engines
from django.test import override_settings

from personalization.delivery.models import Slot
from personalization.delivery.templates import (
    blocks_in_templates,
    segments_named,
    templates_naming,
)
from tests.delivery.people import make_person, make_segments, make_slot
from tests.delivery.rendering import HERO, request_of

EXTENSION = "personalization.contrib.jinja2.PersonalizationExtension"
PAGE = """{% extends "base.html" %}{% block a %}{% if in_segment("asked") %}{% for x in y %}
{%- personalized_block "hero" %}default{% variant "loyal" "asleep" %}<b>
{% personalized_block "inner" deferred reserve=7 %}default{% variant "gone" %}x
{% endpersonalized_block %}</b>{% endpersonalized_block %}{% endfor %}{% endif %}{% endblock %}"""

Write = Callable[[str, str], None]


@pytest.fixture
def options() -> dict[str, Any]:
    return {"extensions": [EXTENSION]}


@pytest.fixture
def templates(tmp_path: Path, options: dict[str, Any]) -> Iterator[Write]:
    """Return a function that writes a template of Jinja2; those of Django are of the app."""
    backends = [
        {
            "BACKEND": "django.template.backends.jinja2.Jinja2",
            "DIRS": [tmp_path],
            "OPTIONS": options,
        },
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": settings.TEMPLATES[0]["OPTIONS"],
        },
    ]

    def write(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))

    write("base.html", "{% block a %}{% endblock %}")
    with override_settings(TEMPLATES=backends):
        yield write


def said() -> list[str]:
    found = run_checks(databases=["default"])
    return [
        f"{one.id}: {one.msg}"
        for one in found
        if one.id in ("personalization.W006", "personalization.W007")
    ]


@pytest.mark.django_db
def test_a_page_of_the_site_is_personal(templates: Write) -> None:
    make_segments("loyal", "abandoners")
    make_slot("hero")
    templates("page.html", HERO)
    page = engines["jinja2"].get_template("page.html")
    assert page.render({}, request_of(make_person("loyal"))) == "for the loyal"
    assert page.render({}, request_of(None)) == "default"


@pytest.mark.django_db
def test_slots_and_segments_that_do_not_exist_are_named(templates: Write) -> None:
    make_segments("loyal", "asked")
    templates("shop/page.html", PAGE)
    assert said() == [
        "personalization.W006: shop/page.html: there is no slot “hero”.",
        "personalization.W007: shop/page.html: there is no active segment “asleep”.",
        "personalization.W006: shop/page.html: there is no slot “inner”.",
        "personalization.W007: shop/page.html: there is no active segment “gone”.",
    ]


@pytest.mark.django_db
def test_slots_and_segments_that_exist_are_not(templates: Write) -> None:
    make_segments("loyal", "asleep", "gone")
    for slug in ("hero", "inner"):
        Slot.objects.create(slug=slug, name=slug)
    templates("page.html", PAGE)
    assert said() == []


def test_all_that_a_block_states_is_found(templates: Write) -> None:
    templates("page.html", PAGE)
    (name, hero), (_, inner) = blocks_in_templates()
    assert (name, hero.slot, hero.mode, hero.options.reserve) == ("page.html", "hero", "", None)
    assert [one.segments for one in hero.candidates] == [("loyal", "asleep")]
    assert (inner.slot, inner.mode, inner.options.reserve) == ("inner", "deferred", 7)
    assert [one.key for one in inner.candidates] == ["template:0:gone"]


@pytest.mark.parametrize(
    "text",
    [
        "{% personalized_block %}",
        "{% personalized_block 'a' %}",
        "{% foreign personalized_block %}",
        "personalized_block \udcff",
    ],
)
def test_broken_templates_are_left_to_jinja2(templates: Write, text: str) -> None:
    templates("broken.html", text)
    templates("page.html", HERO)
    assert [name for name, _ in blocks_in_templates()] == ["page.html"]


def test_templates_that_name_a_segment_are_found(templates: Write) -> None:
    templates("page.html", PAGE)
    templates("other.html", "{{ 1 if in_segment('asked') }}{%+ personalized_block 'loyal' %}")
    assert templates_naming("asked") == ["other.html", "page.html"]
    assert templates_naming("gone") == ["page.html"]
    assert templates_naming("loyal") == ["page.html"]
    assert templates_naming("nobody") == []
    assert segments_named() == {"asked", "loyal", "asleep", "gone"}


@pytest.mark.django_db
def test_a_site_may_have_a_banner_of_its_own(templates: Write) -> None:
    templates("page.html", "{{ consent_banner() }}")
    page = engines["jinja2"].get_template("page.html")
    assert 'class="pz-consent"' in page.render({}, request_of(None))
    templates("personalization/consent_banner.html", "Cookies? Policy {{ policy }}, {{ next }}")
    assert page.render({}, request_of(None)) == "Cookies? Policy 1, /"


@pytest.mark.parametrize("options", [{}])
def test_an_environment_without_our_tags_is_not_looked_into(templates: Write) -> None:
    templates("page.html", HERO + "{{ in_segment('loyal') }}")
    assert list(blocks_in_templates()) == []
    assert segments_named() == set()
