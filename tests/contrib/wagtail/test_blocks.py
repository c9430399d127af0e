"""What may stand in a block, and what its editors are told."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from wagtail import blocks

from personalization.contrib.wagtail.blocks import Contents, PersonalizedBlock
from personalization.contrib.wagtail.segments import segment_choices
from personalization.segments.models import Segment
from tests.contrib.wagtail.building import Part, around, block, make_page, words
from tests.contrib.wagtail.site.models import Banner, OfferBlock
from tests.delivery.people import make_segments

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("a", "b")


def cleaned(part: Part) -> Any:
    """Return the value of a block as it is stored once its form was sent."""
    offer = OfferBlock()
    return offer.get_prep_value(offer.clean(offer.to_python(part["value"])))


def errors_of(part: Part) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        cleaned(part)
    found: dict[str, Any] = caught.value.block_errors  # type: ignore[attr-defined]
    return found


# -- what may stand in it --------------------------------------------------------------


class Stream(blocks.StreamBlock):
    words = blocks.CharBlock()

    class Meta:
        block_counts = {"words": {"max_num": 2}}


@pytest.mark.parametrize(
    "contents", [[("words", blocks.CharBlock())], Stream, Stream(), Stream([("more", Stream())])]
)
def test_contents_are_what_streams_take(contents: Contents) -> None:
    personalized = PersonalizedBlock(contents)
    variant = personalized.child_blocks["variants"].child_block
    inside, default = variant.child_blocks["content"], personalized.child_blocks["default"]
    assert list(inside.child_blocks) == list(default.child_blocks)
    assert "words" in inside.child_blocks
    assert (inside.name, default.name) == ("content", "default")
    assert (inside.required, default.required) == (True, False)
    assert isinstance(inside, type(default))
    assert isinstance(contents, list) or inside.meta.block_counts == {"words": {"max_num": 2}}


def test_a_site_may_call_the_block_as_it_likes() -> None:
    offer = OfferBlock()
    assert (offer.label, offer.meta.group, offer.meta.icon) == ("Offer", "Marketing", "pick")
    assert PersonalizedBlock([], group="Marketing").meta.group == "Marketing"
    assert PersonalizedBlock([]).meta.label == "Personalized block"


def test_migrations_of_a_site_freeze_no_class_of_ours() -> None:
    path, _args, _kwargs = OfferBlock().deconstruct()
    assert path == "wagtail.blocks.StructBlock"


# -- its slot --------------------------------------------------------------------------


@pytest.mark.parametrize("slot", ["", "no slug", "x" * 51])
def test_a_slot_is_named_by_a_slug(slot: str) -> None:
    assert list(errors_of(block({"a": "for a"}, slot=slot))) == ["slot"]


@pytest.mark.parametrize("reserve", [0, 61])
def test_a_block_reserves_what_there_is_a_class_for(reserve: int) -> None:
    assert list(errors_of(block({"a": "for a"}, reserve=reserve))) == ["reserve"]
    assert cleaned(block({"a": "for a"}, reserve=60))["reserve"] == 60


@pytest.mark.parametrize(
    "body",
    [
        [block({"a": "for a"}), words("between"), block({"b": "for b"})],
        [around(block({"a": "for a"}, slot="outer"))],
    ],
)
def test_no_two_places_of_a_page_are_of_one_slot(body: list[Part]) -> None:
    page = make_page(words("only"))
    page.body = body
    with pytest.raises(ValidationError) as caught:
        page.full_clean()
    assert list(caught.value.message_dict) == ["body"]
    assert str(body[0]["value"]["slot"]) in caught.value.messages[0]


def test_two_places_of_two_slots_are_fine() -> None:
    page = make_page(block({"a": "for a"}), block({"b": "for b"}, slot="second"))
    page.full_clean()
    Banner(name="Banner", body=[block({"a": "for a"})]).full_clean()


# -- its segments ----------------------------------------------------------------------


def test_editors_choose_among_the_active_segments_that_are_shown() -> None:
    Segment.objects.filter(slug="b").update(active=False)
    Segment.objects.create(slug="cap:slot:hero", name="cap", internal=True)
    assert segment_choices() == [("a", "a")]


def test_a_variant_is_for_some_segment_and_shows_something() -> None:
    part = block({"a": "for a"})
    part["value"]["variants"][0]["value"] = {"segments": [], "content": []}
    (error,) = errors_of(part)["variants"].block_errors.values()
    assert set(error.block_errors) == {"segments", "content"}


def test_a_block_has_a_variant() -> None:
    assert list(errors_of(block({}))) == ["variants"]


def test_segments_that_are_off_or_gone_stay_until_somebody_takes_them_out() -> None:
    Segment.objects.filter(slug="b").update(active=False)
    kept = cleaned(block({"a+b+gone": "for some"}))["variants"][0]["value"]
    assert kept["segments"] == ["a", "b", "gone"]


def test_what_can_be_no_segment_is_refused_by_name() -> None:
    (error,) = errors_of(block({"no slug": "for nobody"}))["variants"].block_errors.values()
    assert "no slug" in str(error.block_errors["segments"])


# -- what others get of it -------------------------------------------------------------


def represented(part: Part) -> dict[str, Any]:
    page = make_page(part)
    found: dict[str, Any] = page.body.stream_block.get_api_representation(page.body)[0]["value"]
    return found


def test_a_front_end_without_pages_gets_what_everyone_else_sees() -> None:
    found = represented(block({"a": "for a"}))
    assert [each["value"] for each in found.pop("default")] == ["everybody"]
    assert found == {"slot": "hero"}


def test_of_a_deferred_block_it_gets_all_that_it_can_ask_about() -> None:
    found = represented(block({"a+b": "for both"}, mode="deferred"))
    (variant,) = found["variants"]
    assert (variant["key"], variant["segments"]) == ("template:0:a+b", ["a", "b"])
    assert [each["value"] for each in variant["content"]] == ["for both"]
    assert [each["value"] for each in found["default"]] == ["everybody"]


def test_pages_are_found_by_what_everybody_sees() -> None:
    page = make_page(words("before"), block({"a": "for a"}))
    assert page.body.stream_block.get_searchable_content(page.body) == ["before", "everybody"]
