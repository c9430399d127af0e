"""A slot with the candidates of its template is put together once for all pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from personalization.delivery import places
from personalization.delivery.places import place_of
from personalization.delivery.published import Candidate, Place, Published

A, B, C = (Candidate((slug,), f"template:{slug}") for slug in "abc")
CONFIG = Published(revision=1, segments={}, slots={"hero": Place("hero", (A,), name="Hero")})


@pytest.fixture
def config() -> Published:
    return replace(CONFIG, places={})


def test_candidates_of_the_template_come_after_those_from_the_admin(config: Published) -> None:
    place = place_of(config, "hero", (B, C))
    assert (place.candidates, place.name) == ((A, B, C), "Hero")
    assert place_of(config, "strip", (B,)) == Place("strip", (B,), strategy="priority")


def test_a_template_gets_the_same_place_for_every_page(config: Published) -> None:
    candidates = (B, C)
    first = place_of(config, "hero", candidates)
    assert place_of(config, "hero", candidates) is first


def test_what_is_published_next_is_put_together_anew(config: Published) -> None:
    candidates = (B,)
    place_of(config, "hero", candidates)
    later = replace(config, slots={}, places={})
    assert place_of(later, "hero", candidates).candidates == (B,)


def test_slots_with_the_same_candidates_stay_two(config: Published) -> None:
    candidates = (B,)
    slugs = [place_of(config, slug, candidates).slug for slug in ("hero", "strip", "hero")]
    assert slugs == ["hero", "strip", "hero"]


def test_candidates_that_change_are_never_mistaken_for_what_they_were(config: Published) -> None:
    candidates = [B]
    assert place_of(config, "hero", candidates).candidates == (A, B)
    candidates.append(C)
    assert place_of(config, "hero", candidates).candidates == (A, B, C)


def test_new_candidates_never_get_the_place_of_some_that_are_gone(config: Published) -> None:
    for number in range(1000):  # each at the address of one before, if that was freed
        one = Candidate(("a",), f"template:{number}")
        assert place_of(config, "strip", (one,)).candidates == (one,)


def test_another_strategy_of_the_site_holds_at_once(config: Published, settings: Any) -> None:
    candidates = (B,)
    assert place_of(config, "hero", candidates).strategy == "priority"
    settings.PERSONALIZATION_OVERLAP = "all"
    assert place_of(config, "hero", candidates).strategy == "all"
    assert place_of(config, "hero", candidates, overlap="weight").strategy == "weight"


def test_the_strategy_of_the_slot_comes_first(config: Published) -> None:
    config = replace(config, slots={"hero": Place("hero", strategy="random")})
    assert place_of(config, "hero", (B,), overlap="all").strategy == "random"


def test_no_more_are_kept_than_there_is_room_for(
    config: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST", 3)
    for number in range(10):
        assert place_of(config, f"slot-{number}", ()).slug == f"slot-{number}"
        assert len(config.places) <= 3
