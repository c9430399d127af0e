"""What rules of a site may speak of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization.events.models import Event, EventSchema
from personalization.profiles.features import definitions
from personalization.profiles.models import Profile
from personalization.rules.derived import derived_features
from personalization.segments.catalogue import catalogue, editor_catalogue
from personalization.segments.models import Segment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_new_site_offers_what_is_shipped() -> None:
    found = catalogue()
    assert set(found.features) == {*definitions.names(), *derived_features.names()}
    assert found.events["Product Added"].properties["price"].type == "number"
    assert found.traits["plan"].type == "text"
    assert found.segments == {}


def test_events_and_properties_that_were_sent_are_offered(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    properties = {"length": 90, "title": "Spring", "hd": True, "tags": ["a"], "note": None}
    make_event(make_profile(), "Video Played", at=NOW, properties=properties)
    kind = catalogue().events["Video Played"]
    types = {name: field.type for name, field in kind.properties.items()}
    assert types == {"length": "number", "title": "text", "hd": "boolean"}
    assert kind.phrase == "did “Video Played”"


def test_a_property_sent_with_several_types_is_left_to_the_author(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    visitor = make_profile()
    make_event(visitor, "Video Played", at=NOW, properties={"length": 90})
    make_event(visitor, "Video Played", at=NOW, properties={"length": "90"})
    assert catalogue().events["Video Played"].properties == {}


def test_the_shipped_type_of_a_property_stands(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    make_event(make_profile(), "Product Added", at=NOW, properties={"price": "59", "size": 42})
    properties = catalogue().events["Product Added"].properties
    assert (properties["price"].type, properties["size"].type) == ("number", "number")


def test_traits_that_profiles_have_are_offered(make_profile: Callable[..., Profile]) -> None:
    make_profile(traits={"city": "Köln", "plan": 5, "beta": True})
    traits = catalogue().traits
    assert traits["city"].type == "text"
    assert traits["beta"].type == "boolean"
    assert traits["plan"].type == "number"


def test_names_that_no_rule_can_hold_are_not_offered(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    visitor = make_profile(traits={"2fa": "on", 'a"b': "x", "a.b": "x", "größe": "XL"})
    make_event(visitor, "Video Played", at=NOW, properties={"1st": True, "second": True})
    found = catalogue()
    assert "größe" in found.traits
    assert not {"2fa", 'a"b', "a.b"} & set(found.traits)
    assert set(found.events["Video Played"].properties) == {"second"}


def test_active_segments_are_offered(make_segment: Callable[..., Segment]) -> None:
    make_segment("vips", name="VIPs")
    make_segment("old", name="Old", active=False)
    assert catalogue().segments == {"vips": "VIPs"}


def test_events_are_kept_as_long_as_the_settings_say(settings: Any) -> None:
    settings.PERSONALIZATION_RETENTION = timedelta(days=90)
    assert catalogue().retention == timedelta(days=90)


def test_events_with_a_schema_are_offered_before_anybody_sent_one() -> None:
    EventSchema.objects.create(
        name="Video Played",
        properties={
            "length": {"type": "integer"},
            "tags": {"type": "list"},
            "1st": {"type": "text"},
        },
    )
    kind = catalogue().events["Video Played"]
    assert {name: field.type for name, field in kind.properties.items()} == {"length": "number"}


def test_the_type_that_a_schema_states_stands(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    EventSchema.objects.create(name="Product Added", properties={"price": {"type": "text"}})
    make_event(make_profile(), "Product Added", at=NOW, properties={"price": 59, "size": 42})
    properties = catalogue().events["Product Added"].properties
    assert (properties["price"].type, properties["size"].type) == ("text", "number")


def test_a_catalogue_costs_five_queries(django_assert_num_queries: Any) -> None:
    catalogue()
    with django_assert_num_queries(5):
        catalogue()


def test_the_editor_reads_the_same_catalogue(make_segment: Callable[..., Segment]) -> None:
    make_segment("vips", name="VIPs")
    found: Any = editor_catalogue(catalogue())
    assert found["segments"] == [{"slug": "vips", "name": "VIPs"}]
    assert [one["name"] for one in found["features"]] == [
        *definitions.names(), *derived_features.names(),
    ]  # fmt: skip
    assert [one["value"] for one in found["operators"]["boolean"]] == [
        "=", "!=", "is set", "is not set",
    ]  # fmt: skip
    assert [one["value"] for one in found["count_operators"]] == [">=", ">", "<=", "<", "=", "!="]
    assert [one["value"] for one in found["purposes"]][0] == "necessary"
    (added,) = [one for one in found["events"] if one["name"] == "Product Added"]
    assert {"name": "price", "label": "price", "type": "number", "unit": ""} in added["properties"]


def test_features_with_few_values_are_offered_with_all_of_them() -> None:
    found: Any = editor_catalogue(catalogue())
    features = {one["name"]: one for one in found["features"]}
    assert [each["value"] for each in features["rfm.recency"]["values"]] == [5, 4, 3, 2, 1]
    assert features["engagement.class"]["values"] == [
        {"value": "active", "label": "active"}, {"value": "passive", "label": "passive"},
    ]  # fmt: skip
    assert features["engagement.class"]["type"] == "text"
    assert "values" not in features["orders.count"]
