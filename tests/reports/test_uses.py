"""What needs which data: live rules, features, schemas, and what a site registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from personalization.events.collection import uses as registered
from personalization.events.models import EventSchema
from personalization.reports.uses import collected, uses_now
from personalization.segments.models import Segment
from tests.rules.building import both, feature, happened, measured, prop, rule, trait

pytestmark = pytest.mark.django_db

GENRE = prop("genre", "=", "noir")


@pytest.fixture
def live(make_segment: Callable[..., Segment]) -> Callable[..., Segment]:
    return lambda slug, *children: make_segment(slug, rule(*children))


def test_the_event_of_a_rule_is_used_by_its_segment(live: Callable[..., Segment]) -> None:
    live("fans", happened("Video Watched"))
    assert uses_now().events["Video Watched"] == ("segment “Fans”",)


def test_everybody_who_uses_it_is_named(live: Callable[..., Segment]) -> None:
    live("fans", happened("Video Watched"))
    live("experts", happened("Video Watched"))
    assert uses_now().events["Video Watched"] == ("segment “Experts”", "segment “Fans”")


def test_a_rule_that_is_switched_off_uses_nothing(live: Callable[..., Segment]) -> None:
    segment = live("fans", happened("Video Watched"))
    segment.active = False
    segment.save()
    assert "Video Watched" not in uses_now().events


def test_a_condition_on_a_property_uses_it(live: Callable[..., Segment]) -> None:
    live("fans", happened("Video Watched", where=both(GENRE)))
    found = uses_now()
    assert found.of_property("Video Watched", "genre") == ("segment “Fans”",)
    assert found.of_property("Video Watched", "title") == ()


def test_of_a_path_it_is_the_property_that_it_begins_with(live: Callable[..., Segment]) -> None:
    live("fans", happened("Video Watched", where=both(prop("film.genre", "=", "noir"))))
    assert uses_now().of_property("Video Watched", "film") == ("segment “Fans”",)


def test_a_sum_uses_the_property_that_it_adds_up(live: Callable[..., Segment]) -> None:
    live("fans", measured("sum", "minutes", ">", 9, event="Video Watched"))
    assert uses_now().of_property("Video Watched", "minutes") == ("segment “Fans”",)


def test_a_condition_on_any_event_uses_the_property_of_each(live: Callable[..., Segment]) -> None:
    live("fans", happened("*", where=both(GENRE)))
    found = uses_now()
    assert found.of_property("Whatever", "genre") == ("segment “Fans”",)
    assert "*" not in found.events


def test_a_trait_is_used_by_the_rule_that_looks_at_it(live: Callable[..., Segment]) -> None:
    live("fans", trait("plan", "=", "pro"))
    assert uses_now().traits == {"plan": ("segment “Fans”",)}


def test_a_feature_uses_the_events_and_properties_that_it_adds_up(
    live: Callable[..., Segment],
) -> None:
    live("rich", feature("orders.revenue", ">", 100))
    found = uses_now()
    assert found.events["Order Completed"] == ("segment “Rich”",)
    assert found.of_property("Order Completed", "total") == ("segment “Rich”",)


def test_the_interest_score_uses_the_events_that_weigh_something(
    live: Callable[..., Segment],
) -> None:
    live("keen", feature("interest.score", ">", 3))
    assert uses_now().events["Product Added"] == ("segment “Keen”",)


def test_what_rules_decide_uses_what_they_look_at(live: Callable[..., Segment]) -> None:
    live("best", feature("rfm.frequency", ">=", 3))
    assert "segment “Best”" in uses_now().events["Order Completed"]


def test_a_segment_uses_what_those_use_that_it_names(live: Callable[..., Segment]) -> None:
    live("fans", happened("Video Watched", where=both(GENRE)))
    live("others", {"kind": "segment", "slug": "fans"})
    assert "segment “Others”" in uses_now().events["Video Watched"]


def test_a_schema_that_somebody_wrote_is_a_use() -> None:
    EventSchema.objects.create(name="Video Watched", properties={"genre": {"type": "text"}})
    found = uses_now()
    assert found.events["Video Watched"] == ("event schema “Video Watched”",)
    assert found.of_property("Video Watched", "genre") == ("event schema “Video Watched”",)


def test_a_schema_that_is_off_or_shipped_is_none() -> None:
    EventSchema.objects.create(name="Video Watched", active=False)
    found = uses_now()
    assert "Video Watched" not in found.events
    assert "Product Viewed" not in found.events


def test_what_became_of_slots_is_used_by_their_figures() -> None:
    assert uses_now().events["Slot Shown"] == ("figures of slots",)


def test_traits_that_profiles_are_compared_by_are_used_while_they_are(settings: Any) -> None:
    assert "email" not in uses_now().traits
    settings.PERSONALIZATION_IDENTITY_SUGGESTIONS = True
    assert uses_now().traits["email"] == ("suggestions of merges",)


@pytest.fixture
def heat_map() -> Iterator[None]:
    registered.register("heat map")(lambda: frozenset({"Element Hovered"}))
    yield
    del registered._entries["heat map"]


@pytest.mark.usefixtures("heat_map")
def test_what_a_site_registers_is_a_use_by_its_name() -> None:
    assert uses_now().events["Element Hovered"] == ("heat map",)


# -- what the tracker collects ---------------------------------------------------------------


def kinds() -> dict[str, Any]:
    return {str(each.kind): each for each in collected(uses_now())}


def test_nothing_is_collected_without_a_reason() -> None:
    found = kinds()
    assert set(found) >= {"scroll", "hover", "video"}
    assert not any(each.is_collected or each.reasons for each in found.values())


def test_what_is_collected_comes_with_the_rule_that_is_the_reason(
    live: Callable[..., Segment],
) -> None:
    live("readers", happened("Scroll Depth Reached"))
    found = kinds()
    assert found["scroll"].is_collected
    assert found["scroll"].reasons == ("segment “Readers”",)
    assert not found["hover"].is_collected


def test_a_site_that_collects_all_is_shown_what_of_it_has_no_reason(settings: Any) -> None:
    settings.PERSONALIZATION_COLLECT = "all"
    assert all(each.is_collected and not each.reasons for each in kinds().values())
