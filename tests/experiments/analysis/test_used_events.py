"""What experiments have the tracker collect."""

from __future__ import annotations

import pytest

from personalization.events.collection import kinds_to_collect
from personalization.experiments.models import Experiment
from personalization.experiments.used_events import events_of_experiments
from tests.experiments.analysis.world import make_experiment, make_goal, metric

pytestmark = pytest.mark.django_db


def test_what_a_running_experiment_is_judged_by_is_collected_and_no_longer() -> None:
    film = make_goal("Video Playback Completed", is_active=False)
    sent = make_goal("Form Submitted", is_active=False)
    experiment = make_experiment(
        (metric("ratio", goal=film, per=sent), "primary"),
        (metric("engaged_time"), "guardrail"),
        (metric("bounce"), "secondary"),
    )
    assert events_of_experiments() == {"Video Playback Completed", "Form Submitted", "Engaged"}
    assert kinds_to_collect() == ("engaged", "video", "form")
    for status in (Experiment.Status.DRAFT, Experiment.Status.STOPPED):
        experiment.status = status
        experiment.save()
        assert events_of_experiments() == frozenset()
        assert kinds_to_collect() == ()


def test_it_is_one_query_however_many_there_are(django_assert_num_queries: object) -> None:
    for number in range(3):
        make_experiment((metric("count", goal=make_goal()), "primary"), slug=f"e{number}")
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert events_of_experiments() == {"Order Completed"}
