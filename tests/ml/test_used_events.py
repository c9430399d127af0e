"""What models and goals have the tracker collect."""

from __future__ import annotations

import re
from typing import Any

import pytest

from personalization.events.collection import EVENTS, kinds_to_collect, uses
from personalization.events.goals import Goal
from personalization.ml.features import shipped  # noqa: F401  # the definitions
from personalization.ml.features.definitions import features
from personalization.ml.models import FeedbackWeight, Item, ModelVersion
from personalization.ml.used_events import OF_FEATURES, events_of_models

pytestmark = pytest.mark.django_db


def serve(name: str, status: str = ModelVersion.Status.SERVING) -> None:
    ModelVersion.objects.create(name=name, number=1, algorithm="any", status=status)


def test_without_items_goals_and_models_nothing_is_used() -> None:
    serve("churn", ModelVersion.Status.CANDIDATE)
    Goal.objects.create(slug="order", name="Order", event="Order Completed", is_active=False)
    assert events_of_models() == frozenset()
    assert kinds_to_collect() == ()


def test_where_there_are_items_time_spent_with_them_is_collected() -> None:
    Item.objects.create(key="sock")
    assert kinds_to_collect() == ("engaged",)
    assert "Product Viewed" in events_of_models()


def test_time_that_weighs_nothing_is_not_collected() -> None:
    Item.objects.create(key="sock")
    FeedbackWeight.objects.create(event="Engaged", weight=0)
    FeedbackWeight.objects.create(event="Form Submitted", weight=2, property="item_id")
    assert kinds_to_collect() == ("form",)


def test_a_goal_uses_its_event_and_what_features_are_made_of() -> None:
    Goal.objects.create(slug="video", name="Film", event="Video Playback Completed")
    assert kinds_to_collect() == ("scroll", "engaged", "video", "outbound", "search")


def test_a_model_that_serves_uses_what_it_looks_at() -> None:
    serve("churn")
    assert events_of_models() == OF_FEATURES


def test_a_recommender_looks_at_items_alone() -> None:
    serve("recommend")
    assert kinds_to_collect() == ("engaged",)


def test_it_is_asked_with_one_query(django_assert_num_queries: Any) -> None:
    for number in range(3):
        Item.objects.create(key=str(number))
        Goal.objects.create(slug=f"goal-{number}", name="Goal", event=f"Event {number}")
    events_of_models()
    with django_assert_num_queries(1):
        assert {"Event 0", "Event 1", "Event 2"} <= events_of_models()


def test_it_is_a_use_that_the_manifest_knows() -> None:
    assert uses.get("models and goals") is events_of_models


def test_what_features_are_made_of_is_what_they_say() -> None:
    """Of all that the tracker collects by the way, what the definitions speak of."""
    by_the_way = frozenset().union(*EVENTS.values())
    spoken = {
        event
        for _, definition in features.items()
        for event in re.findall("“([^”]+)”", definition.description)
    }
    assert spoken & by_the_way <= OF_FEATURES <= by_the_way
