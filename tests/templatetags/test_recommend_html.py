"""`{% recommend %}` without `as`: the list as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings
from django.utils.html import conditional_escape

from personalization.delivery.recommendations import list_in, wanted_of
from tests.calm import CALM
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import counted, render, request_of
from tests.ml.serving.stored import serve_what_follows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    with override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM):
        yield


@pytest.fixture
def person() -> Person:
    make_items("hat", "shoe", "sock", "scarf", url="/things/")
    make_crowd(["hat", "shoe", "sock", "scarf"])
    serve_what_follows({"shoe": ["sock", "scarf"]})
    person = make_person()
    look_at(person, "hat", "shoe")
    return person


@pytest.fixture
def of_the_site(tmp_path: Path) -> Iterator[Path]:
    """The templates of a site, which come before ours."""
    folder = tmp_path / "personalization" / "recommendations"
    folder.mkdir(parents=True)
    engine = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(tmp_path)],
        "APP_DIRS": True,
    }
    with override_settings(TEMPLATES=[engine]):
        yield folder


def titles(html: str) -> list[str]:
    return re.findall(r"The (\w+)</span>", html)


def test_the_tag_alone_shows_the_list(person: Person) -> None:
    html = render('{% recommend "home" limit=2 %}', person)
    assert titles(html) == ["sock", "scarf"]
    assert '<a href="/things/">' in html
    assert "data-personalization" not in html


def test_a_list_in_a_variable_is_html_too(person: Person) -> None:
    source = '{% recommend "home" limit=2 as items %}'
    once = render(source + "{{ items }}", person)
    assert titles(once) == ["sock", "scarf"]
    assert "&lt;" not in once
    assert (
        render("{% autoescape off %}" + source + "{{ items }}{% endautoescape %}", person) == once
    )
    alone = "{% autoescape off %}" + '{% recommend "home" limit=2 %}' + "{% endautoescape %}"
    assert render(alone, person) == once


def test_of_a_page_that_caches_keep_the_browser_may_fill_it(person: Person) -> None:
    html = render('{% recommend "home" limit=2 item="a<b" mode="deferred" %}', person)
    assert titles(html) == ["hat", "shoe"]
    assert html.startswith(
        '<div class="pz-list" data-personalization-list="home" data-personalization-limit="2" '
        'data-personalization-item="a&lt;b">'
    )


def test_where_there_is_nothing_yet_the_browser_finds_the_place_all_the_same() -> None:
    assert render('{% recommend "home" %}') == ""
    html = render('{% recommend "home" mode="keyed" %}')
    assert html.endswith('data-personalization-item=""></div>')


def test_a_site_has_a_template_of_its_own_for_all_places_or_one(
    person: Person, of_the_site: Path
) -> None:
    (of_the_site.parent / "recommendations.html").write_text(
        "all: {% for one in items %}{{ one.item.key }} {% endfor %}"
    )
    (of_the_site / "cart.html").write_text("cart: {{ items|length }} at {{ items.place }}")
    assert render('{% recommend "home" limit=2 %}', person) == "all: sock scarf "
    assert render('{% recommend "cart" limit=2 %}', person) == "cart: 2 at cart"


def test_a_template_that_fails_leaves_nothing_and_is_counted(
    person: Person, of_the_site: Path
) -> None:
    (of_the_site / "cart.html").write_text("{% include 'nowhere.html' %}")
    before = counted("slots.failed")
    assert render('a{% recommend "cart" %}b', person) == "ab"
    assert counted("slots.failed") == before + 1


def test_other_engines_take_it_for_html_as_well(person: Person) -> None:
    found = list_in(request_of(person), wanted_of("home", n=2))
    assert conditional_escape(found) == found.html == str(found)
