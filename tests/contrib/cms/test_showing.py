"""A block shows the variant of its visitor, and the default whatever goes wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.contrib.cms.building import (
    add_block,
    add_variant,
    add_words,
    make_page,
    place_on,
    published,
    words_in,
)
from tests.delivery.people import Person, make_person, make_segments, make_slot, make_variation
from tests.delivery.rendering import counted

pytestmark = pytest.mark.django_db


def seen(url: str, person: Person | None = None) -> list[str]:
    client = person.client() if person else Client()
    response = client.get(url)
    assert response.status_code == 200
    return words_in(response.content.decode())


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("a", "b")


def test_each_visitor_sees_their_variant_and_everyone_else_the_default() -> None:
    page = make_page()
    add_block(place_on(page), {"a": "for a", "b": "for b"})
    url = published(page)
    assert seen(url, make_person("a")) == ["for a"]
    assert seen(url, make_person("b")) == ["for b"]
    assert seen(url, make_person()) == ["everybody"]
    assert seen(url) == ["everybody"]


def test_a_variant_may_be_for_several_segments() -> None:
    page = make_page()
    add_block(place_on(page), {"a+b": "for both"})
    url = published(page)
    assert seen(url, make_person("b")) == ["for both"]


def test_the_first_variant_wins() -> None:
    page = make_page()
    add_block(place_on(page), {"b": "for b", "a": "for a"})
    assert seen(published(page), make_person("a", "b")) == ["for b"]


def test_what_stands_around_a_block_is_shown_to_all() -> None:
    page = make_page()
    add_words(place_on(page), "before")
    add_block(place_on(page), {"a": "for a"})
    add_words(place_on(page), "after")
    assert seen(published(page), make_person("a")) == ["before", "for a", "after"]


def test_a_block_inside_a_variant_is_decided_for_those_who_see_it() -> None:
    page = make_page()
    outer = add_block(place_on(page), {})
    variant = add_variant(outer, "a", "outer")
    add_block(place_on(page), {"b": "inner"}, default="inner default", inside=variant)
    url = published(page)
    assert seen(url, make_person("a", "b")) == ["outer", "inner"]
    assert seen(url, make_person("a")) == ["outer", "inner default"]
    assert seen(url, make_person("b")) == ["everybody"]


def test_variations_of_the_slot_it_names_come_first() -> None:
    make_slot("hero")
    make_variation("a", "«from the admin»", slot="hero")
    page = make_page()
    add_block(place_on(page), {"a": "for a", "b": "for b"}, slot="hero")
    url = published(page)
    assert seen(url, make_person("a")) == ["from the admin"]
    assert seen(url, make_person("b")) == ["for b"]


def test_the_strategy_of_the_slot_holds() -> None:
    slot = make_slot("hero")
    slot.strategy = "all"
    slot.save()
    page = make_page()
    add_block(place_on(page), {"a": "for a", "b": "for b"}, slot="hero")
    assert seen(published(page), make_person("a", "b")) == ["for a", "for b"]


def test_the_schedule_of_its_variations_holds() -> None:
    make_slot("hero")
    variation = make_variation("a", "«from the admin»", slot="hero")
    variation.ends_at = timezone.now() - timedelta(hours=1)
    variation.save()
    page = make_page()
    add_block(place_on(page), {"a": "for a"}, slot="hero")
    assert seen(published(page), make_person("a")) == ["for a"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_segment_that_went_away_takes_its_variant_along_and_no_more(debug: bool) -> None:
    page = make_page()
    add_block(place_on(page), {"gone": "for nobody", "a": "for a"})
    url = published(page)
    with override_settings(DEBUG=debug):
        assert seen(url, make_person("a")) == ["for a"]
        assert seen(url, make_person("b")) == ["everybody"]


def test_a_segment_that_went_away_is_counted() -> None:
    page = make_page()
    add_block(place_on(page), {"gone": "for nobody", "a": "for a"})
    url, before = published(page), counted("slots.segment_missing")
    seen(url, make_person("a"))
    seen(url)
    assert counted("slots.segment_missing") == before + 1


def test_without_a_default_there_is_nothing() -> None:
    page = make_page()
    add_block(place_on(page), {"a": "for a"}, default="")
    url = published(page)
    assert seen(url, make_person("b")) == []
    assert seen(url, make_person("a")) == ["for a"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_variant_that_breaks_is_replaced_by_the_default(debug: bool) -> None:
    page = make_page()
    add_block(place_on(page), {"a": "breaks"})
    with override_settings(DEBUG=debug):
        assert seen(published(page), make_person("a")) == ["everybody"]


def test_a_page_reads_its_visitor_once_however_many_blocks_there_are() -> None:
    page = make_page()
    for _ in range(6):
        add_block(place_on(page), {"a": "for a", "b": "for b"})
    url, person = published(page), make_person("a")
    seen(url, person)
    with CaptureQueriesContext(connection) as queries:
        assert seen(url, person) == ["for a"] * 6
    asked = [query["sql"] for query in queries if "personalization_" in query["sql"]]
    ours = [sql for sql in asked if "personalization_cms_" not in sql]
    assert len(ours) == 1
    assert len(asked) == 3  # all blocks, and all variants: django CMS reads the page
