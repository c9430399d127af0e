"""A block shows the variant of its visitor, and the default whatever goes wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization import metrics
from personalization.contrib.wagtail import showing
from personalization.contrib.wagtail.on_page import segments_on
from personalization.delivery.pages import pages_naming
from tests.contrib.wagtail.building import around, block, make_page, seen, words
from tests.contrib.wagtail.site.models import ScratchPage
from tests.delivery.people import make_person, make_segments, make_slot, make_variation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("a", "b")


def test_each_visitor_sees_their_variant_and_everyone_else_the_default() -> None:
    page = make_page(block({"a": "for a", "b": "for b"}))
    assert seen(page, make_person("a")) == ["for a"]
    assert seen(page, make_person("b")) == ["for b"]
    assert seen(page, make_person()) == ["everybody"]
    assert seen(page) == ["everybody"]


def test_who_did_not_agree_sees_the_default() -> None:
    page = make_page(block({"a": "for a"}))
    assert seen(page, make_person("a", consents=("analytics",))) == ["everybody"]


def test_a_variant_may_be_for_several_segments_and_the_first_wins() -> None:
    page = make_page(block({"a+b": "for both", "a": "for a"}))
    assert seen(page, make_person("b")) == ["for both"]
    assert seen(page, make_person("a")) == ["for both"]


def test_what_stands_around_a_block_is_shown_to_all() -> None:
    page = make_page(words("before"), block({"a": "for a"}), words("after"))
    assert seen(page, make_person("a")) == ["before", "for a", "after"]


def test_variations_of_the_slot_in_the_admin_come_first() -> None:
    make_slot("hero")
    make_variation("a", "«from the admin»")
    page = make_page(block({"a": "for a", "b": "for b"}))
    assert seen(page, make_person("a")) == ["from the admin"]
    assert seen(page, make_person("b")) == ["for b"]


def test_the_strategy_of_the_slot_holds() -> None:
    slot = make_slot("hero")
    slot.strategy = "all"
    slot.save()
    page = make_page(block({"a": "for a", "b": "for b"}))
    assert seen(page, make_person("a", "b")) == ["for a", "for b"]


@override_settings(PERSONALIZATION_HOLDOUT=0.5)
def test_some_are_held_out_from_a_variant_always_the_same() -> None:
    page = make_page(block({"a": "for a"}))
    people = [make_person("a") for _ in range(30)]
    first, second = ([seen(page, person) for person in people] for _ in range(2))
    assert first == second
    assert {words for [words] in first} == {"for a", "everybody"}


def test_the_schedule_of_its_variations_holds() -> None:
    make_slot("hero")
    variation = make_variation("a", "«from the admin»")
    variation.ends_at = timezone.now() - timedelta(hours=1)
    variation.save()
    assert seen(make_page(block({"a": "for a"})), make_person("a")) == ["for a"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_segment_that_went_away_takes_its_variant_along_and_no_more(debug: bool) -> None:
    page = make_page(block({"gone": "for nobody", "a": "for a"}))
    before = metrics.snapshot().get("slots.segment_missing", 0)
    with override_settings(DEBUG=debug):
        assert seen(page, make_person("a")) == ["for a"]
        assert seen(page, make_person("b")) == ["everybody"]
    counted = metrics.snapshot().get("slots.segment_missing", 0) - before
    assert counted == 2 or debug


def test_without_anything_for_everyone_else_there_is_nothing() -> None:
    page = make_page(words("before"), block({"a": "for a"}, default=""))
    assert seen(page) == ["before"]
    assert seen(page, make_person("a")) == ["before", "for a"]


def test_a_variant_that_fails_leaves_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    page = make_page(block({"a": "for a"}))
    person = make_person("a")

    def fail(content: object, context: object) -> str:
        if "for a" in str(content.stream):  # type: ignore[attr-defined]
            raise RuntimeError("no words")
        return str(content.stream.render_as_block(context))  # type: ignore[attr-defined]

    monkeypatch.setattr(showing.Content, "render", fail)
    assert seen(page, person) == ["everybody"]


def test_a_deferred_block_is_the_same_for_everybody() -> None:
    page = make_page(block({"a": "for a"}, mode="deferred"))
    assert seen(page) == seen(page, make_person("a")) == ["everybody", "for a"]


def test_a_deferred_block_reserves_its_space() -> None:
    page = make_page(block({"a": "for a"}, mode="deferred", reserve=12))
    assert "pz-reserve-12" in Client().get(page.url).content.decode()


def test_a_block_in_another_shows_what_its_own_variants_say() -> None:
    page = make_page(around(block({"a": "for a", "b": "for b"}, slot="inner")))
    assert seen(page, make_person("a")) == ["for a"]
    assert seen(page, make_person("b")) == ["for b"]
    assert seen(page) == ["everybody"]


def test_a_variant_for_no_segment_is_for_nobody() -> None:
    part = block({"a": "for a"})
    part["value"]["variants"][0]["value"]["segments"] = None
    assert seen(make_page(part), make_person("a")) == ["everybody"]


def test_a_page_reads_no_segments_to_know_whom_its_variants_are_for() -> None:
    """What its choices are is for editors: a page costs what it costs without blocks, and one read."""
    person = make_person("a")
    client = person.client()

    def queries(page: ScratchPage) -> int:
        assert client.get(page.url).status_code == 200
        with CaptureQueriesContext(connection) as captured:
            client.get(page.url)
        return sum(query["sql"].startswith("SELECT") for query in captured)

    plain = queries(make_page(words("only"), slug="plain"))
    parts = [block({"a": "for a", "a+b": "for both"}, slot=f"slot-{n}") for n in range(10)]
    assert queries(make_page(*parts, slug="parts")) == plain + 1


def test_it_is_known_which_pages_name_a_segment() -> None:
    make_page(block({"a+b": "for both"}), slug="both")
    page = make_page(words("only"), block({"a": "for a"}), slug="one")
    assert pages_naming("a") == ["Both", "One"]
    assert pages_naming("b") == ["Both"]
    assert pages_naming("c") == []
    assert segments_on(page) == {"a"}
