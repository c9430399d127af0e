"""What a slot shows to who is in several of its segments: by slot, or as the site says."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.delivery.models import Slot
from personalization.segments.models import Segment
from personalization.shortcuts import choose
from tests.delivery.people import make_person, make_segments, make_slot, make_variation
from tests.delivery.rendering import HERO, counted, render, request_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("abandoners", "loyal", "asleep")
    make_slot("hero")


def decide_by(strategy: str, slot: str = "hero") -> None:
    found = Slot.objects.get(slug=slot)
    found.strategy = strategy
    found.save()


def weigh(**weights: float) -> None:
    for slug, weight in weights.items():
        segment = Segment.objects.get(slug=slug)
        segment.weight = weight
        segment.save()


def test_without_a_word_the_first_by_priority_is_shown() -> None:
    weigh(loyal=100)
    assert render(HERO, make_person("abandoners", "loyal")) == "for abandoners"


@pytest.mark.parametrize("by", ["slot", "site"])
def test_the_heaviest_is_shown_where_weights_decide(by: str, settings: Any) -> None:
    weigh(abandoners=1, loyal=1.5)
    if by == "slot":
        decide_by("weight")
    else:
        settings.PERSONALIZATION_OVERLAP = "weight"
    assert render(HERO, make_person("abandoners", "loyal")) == "for the loyal"
    assert render(HERO, make_person("abandoners")) == "for abandoners"
    assert render(HERO, make_person("asleep")) == "default"


@pytest.mark.parametrize("by", ["slot", "site"])
def test_all_that_match_are_shown_one_after_the_other(by: str, settings: Any) -> None:
    if by == "slot":
        decide_by("all")
    else:
        settings.PERSONALIZATION_OVERLAP = "all"
    make_variation("loyal", "<b>from the admin</b>")
    shown = render(HERO, make_person("abandoners", "loyal"))
    assert shown == "<b>from the admin</b>for abandonersfor the loyal"
    assert render(HERO, make_person("abandoners")) == "for abandoners"
    assert render(HERO, make_person()) == "default"


def test_a_slot_outweighs_what_the_site_says(settings: Any) -> None:
    settings.PERSONALIZATION_OVERLAP = "all"
    decide_by("priority")
    assert render(HERO, make_person("abandoners", "loyal")) == "for abandoners"


def test_a_slot_that_nobody_made_does_as_the_site_says(settings: Any) -> None:
    settings.PERSONALIZATION_OVERLAP = "all"
    source = HERO.replace('"hero"', '"nowhere"')
    assert render(source, make_person("abandoners", "loyal")) == "for abandonersfor the loyal"


def test_a_variant_of_several_segments_weighs_as_much_as_all_of_them() -> None:
    decide_by("weight")
    weigh(abandoners=1, loyal=1, asleep=1.5)
    source = (
        '{% personalized_block "hero" %}default{% variant "asleep" %}asleep'
        '{% variant "abandoners" "loyal" %}both{% endpersonalized_block %}'
    )
    assert render(source, make_person("abandoners", "loyal", "asleep")) == "both"
    assert render(source, make_person("abandoners", "asleep")) == "asleep"


def test_a_changed_weight_reaches_the_next_page() -> None:
    decide_by("weight")
    person = make_person("abandoners", "loyal")
    weigh(abandoners=2, loyal=1)
    assert render(HERO, person) == "for abandoners"
    weigh(abandoners=2, loyal=3)
    assert render(HERO, person) == "for the loyal"


def test_variations_of_one_priority_stand_in_the_order_of_their_segments() -> None:
    person = make_person("abandoners", "loyal")
    make_variation("loyal", "for the loyal, older")
    make_variation("abandoners", "for abandoners, younger")
    assert render(HERO, person) == "for the loyal, older"
    abandoners = Segment.objects.get(slug="abandoners")
    abandoners.priority = 1
    abandoners.save()
    assert render(HERO, person) == "for abandoners, younger"


def test_a_decision_tells_all_that_is_shown() -> None:
    decide_by("all")
    request = request_of(make_person("abandoners", "loyal"))
    decision = choose(request, "hero", segments=["loyal", "asleep", "abandoners"])
    assert decision is not None
    assert [candidate.key for candidate in decision.candidates] == ["loyal", "abandoners"]
    assert decision.candidate == decision.candidates[0]
    nobody = choose(request_of(make_person()), "hero", segments=["loyal"])
    assert nobody is not None
    assert (nobody.candidate, nobody.candidates) == (None, ())


def test_flags_are_all_there_whatever_a_slot_shows(settings: Any) -> None:
    settings.PERSONALIZATION_OVERLAP = "weight"
    request = request_of(make_person("abandoners", "loyal"))
    visitor = request.personalization  # type: ignore[attr-defined]
    assert visitor.segments == {"abandoners", "loyal"}
    flags = '{% in_segment "loyal" as a %}{% in_segment "abandoners" as b %}{{ a }}{{ b }}'
    assert render(flags, make_person("abandoners", "loyal")) == "TrueTrue"


def test_a_part_that_fails_leaves_the_default() -> None:
    decide_by("all")
    before = counted("slots.failed")
    source = (
        '{% personalized_block "hero" %}default{% variant "loyal" %}fine'
        '{% variant "abandoners" %}{% include "nowhere.html" %}{% endpersonalized_block %}'
    )
    assert render(source, make_person("abandoners", "loyal")) == "default"
    assert counted("slots.failed") == before + 1
