"""What only Jinja2 has: environments, macros, inclusion, inheritance, compiled templates, loops
of events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest
from jinja2 import DictLoader, Environment, FileSystemBytecodeCache, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from personalization.contrib.jinja2 import PersonalizationExtension
from tests.delivery.people import Person, make_person, make_segments, make_slot
from tests.delivery.rendering import HERO, counted, request_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("abandoners", "loyal")
    make_slot("hero")


def environment(templates: dict[str, str], **options: Any) -> Environment:
    options.setdefault("autoescape", True)
    options.setdefault("extensions", [PersonalizationExtension])
    return Environment(loader=DictLoader(templates), **options)  # noqa: S701 - on, unless a test says


def page(templates: dict[str, str], person: Person | None = None, **options: Any) -> str:
    """Return what the template `page` renders to."""
    request = request_of(person)
    return environment(templates, **options).get_template("page").render(request=request)


class Cache(Extension):
    """`{% cache %}…{% endcache %}`, as far as it matters here."""

    tags = {"cache"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endcache",), drop_needle=True)


def test_a_block_cannot_stand_in_what_is_cached() -> None:
    extensions = [PersonalizationExtension, Cache]
    inside = "{% cache %}{% if 1 %}" + HERO + "{% endif %}{% endcache %}"
    with pytest.raises(TemplateSyntaxError, match=r"“hero” cannot stand inside \{% cache %\}"):
        page({"page": inside}, extensions=extensions)
    deferred = inside.replace('"hero"', '"hero" deferred')
    assert "default" in page({"page": deferred}, extensions=extensions)
    around = HERO.replace("default", "{% cache %}kept{% endcache %}")
    assert page({"page": around}, extensions=extensions) == "kept"


def test_a_variable_called_request_does_not_hide_the_real_one() -> None:
    source = (
        '{% set request = "for holidays" %}' + HERO + "{% if in_segment('loyal') %}!{% endif %}"
    )
    assert page({"page": source}, make_person("loyal")) == "for the loyal!"


def test_a_template_that_is_included_with_its_context_has_the_request() -> None:
    templates = {"page": "{% include 'part' %}", "part": HERO}
    assert page(templates, make_person("loyal")) == "for the loyal"


def test_one_that_is_included_without_has_none_and_shows_defaults() -> None:
    before = counted("slots.without_request")
    templates = {"page": "{% include 'part' without context %}", "part": HERO}
    assert page(templates, make_person("loyal")) == "default"
    assert counted("slots.without_request") == before + 1


def test_a_macro_of_the_page_can_hold_a_block() -> None:
    source = "{% macro hero(word) %}" + HERO.replace("default", "{{ word }}") + "{% endmacro %}"
    source += "{{ hero('<a>') }}"
    assert page({"page": source}) == "&lt;a&gt;"
    assert page({"page": source}, make_person("loyal")) == "for the loyal"


CARD = (
    "{% macro bold() %}<b>{{ caller() }}</b>{% endmacro %}"
    # It may be called with more than it uses.
    "{% macro card() %}{{ varargs[9] }}{{ kwargs.nothing }}"
    + HERO.replace("default", "CALLED")
    + "{% endmacro %}{% call card(1, to=2) %}a card{% endcall %}"
)


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        ("{{ caller() }}", "a card"),
        ("{{ varargs[0] }}{{ kwargs.to }}{{ caller() }}", "12a card"),
        ("{% call bold() %}bold{% endcall %}{{ caller() }}", "<b>bold</b>a card"),
    ],
)
def test_a_content_knows_what_the_macro_around_it_was_called_with(called: str, shown: str) -> None:
    source = CARD.replace("CALLED", called)
    assert page({"page": source}) == shown
    assert page({"page": source}, make_person("loyal")) == "for the loyal"


def test_blocks_inside_of_each_other_hold_it_too() -> None:
    inner = HERO.replace("default", "{{ caller() }}").replace('"hero"', '"inner"')
    source = CARD.replace("CALLED", "[" + inner + "]")
    assert page({"page": source}) == "[a card]"


def test_what_a_content_sets_stays_inside() -> None:
    source = "{% set x = 1 %}" + HERO.replace("default", "{% set x = 2 %}{{ x }}") + "{{ x }}"
    assert page({"page": source}) == "21"


def test_blocks_of_inheritance_may_stand_around_and_inside() -> None:
    base = "{% block around %}{% endblock %}|" + HERO.replace(
        "default", "{% block inside %}of the base{% endblock %}"
    )
    child = (
        "{% extends 'base' %}{% block around %}" + HERO + "{% endblock %}"
        "{% block inside %}of the page, not {{ super() }}{% endblock %}"
    )
    templates = {"base": base, "page": child}
    assert page(templates) == "default|of the page, not of the base"
    assert page(templates, make_person("loyal")) == "for the loyal|for the loyal"


@pytest.mark.parametrize(("autoescape", "shown"), [(True, "&lt;"), (False, "<")])
def test_escaping_is_that_of_the_environment(autoescape: bool, shown: str) -> None:
    source = "{% set kept %}" + HERO.replace("default", "{{ '<' }}") + "{% endset %}{{ kept }}"
    assert page({"page": source}, autoescape=autoescape) == shown


def test_elements_are_not_escaped() -> None:
    shown = page({"page": "{{ personalization_tracker() }}"})
    assert shown.startswith("<script ")


def test_compiled_templates_that_are_kept_on_disk_know_their_block(tmp_path: Path) -> None:
    for _ in range(2):
        cache = FileSystemBytecodeCache(str(tmp_path))
        shown = page({"page": HERO}, make_person("loyal"), bytecode_cache=cache)
        assert shown == "for the loyal"
    assert len(list(tmp_path.iterdir())) == 1


def test_tags_may_be_written_in_other_signs() -> None:
    source = HERO.replace("{%", "<?").replace("%}", "?>")
    options = {"block_start_string": "<?", "block_end_string": "?>"}
    assert page({"page": source}, make_person("loyal"), **options) == "for the loyal"


def test_an_overlay_has_the_tags_too() -> None:
    overlay = environment({"page": HERO}).overlay(trim_blocks=True)
    request = request_of(make_person("loyal"))
    assert overlay.get_template("page").render(request=request) == "for the loyal"


# -- in a loop of events -----------------------------------------------------------------


def test_pages_that_are_rendered_at_once_do_not_mix_their_visitors() -> None:
    template = environment({"page": HERO}, enable_async=True).get_template("page")
    people = [make_person("loyal"), None, make_person("abandoners"), make_person()]

    async def pages(requests: list[HttpRequest]) -> list[str]:
        return await asyncio.gather(*(template.render_async(request=one) for one in requests))

    shown = async_to_sync(pages)([request_of(person) for person in people])
    assert shown == ["for the loyal", "default", "for abandoners", "default"]


def test_what_is_awaited_in_a_content_is_awaited_once() -> None:
    async def word() -> str:
        await asyncio.sleep(0)
        words.append("a word")
        return "a word"

    words: list[str] = []
    source = HERO.replace("for the loyal", "{{ word() }}")
    template = environment({"page": source}, enable_async=True).get_template("page")
    render = async_to_sync(template.render_async)
    assert render(request=request_of(make_person("loyal")), word=word) == "a word"
    assert render(request=request_of(None), word=word) == "default"
    assert words == ["a word"]


def test_an_asynchronous_environment_renders_without_a_loop_too() -> None:
    assert page({"page": HERO}, enable_async=True) == "default"
