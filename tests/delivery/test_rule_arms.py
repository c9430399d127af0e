"""An experiment that compares versions of a rule: each arm is a segment that nobody sees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from personalization.delivery.published import published_now
from personalization.delivery.rule_arms import (
    NoSuchVersion,
    drop_rule_arms,
    keep_rule_arms,
    segment_of,
)
from personalization.events.models import Event
from personalization.experiments.models import Arm, Experiment
from personalization.rules.writing import happened, rule
from personalization.segments.models import Segment
from personalization.testing import drain
from tests.delivery.people import make_people, make_variation
from tests.delivery.rendering import render

pytestmark = pytest.mark.django_db

SEEN, BOUGHT = rule(happened("Product Viewed")), rule(happened("Order Completed"))
SLOT = '{% personalized_block "hero" wrap %}everybody{% endpersonalized_block %}'


@pytest.fixture
def segment(make_segment: Callable[..., Segment]) -> Segment:
    """A segment whose rule was another one before."""
    found = make_segment("keen", SEEN)
    found.rule = BOUGHT
    found.save()
    drain()
    make_variation("keen", "for the keen")
    return found


@pytest.fixture
def experiment(segment: Segment) -> Experiment:
    found = Experiment.objects.create(
        slug="which", name="Which", kind="rules", place="hero", status="running"
    )
    Arm.objects.create(experiment=found, key="old", content="keen:1", position=0)
    Arm.objects.create(experiment=found, key="new", content="keen:2", position=1)
    return found


def arms() -> dict[str, object]:
    found = Segment.objects.filter(slug__startswith="arm:")
    assert all(one.internal for one in found)
    return {one.slug: one.rule for one in found}


def test_each_arm_keeps_who_its_version_matches(experiment: Experiment) -> None:
    keep_rule_arms(experiment)
    expected = {"arm:which:old": SEEN, "arm:which:new": BOUGHT}
    assert arms() == expected
    keep_rule_arms(experiment)
    assert arms() == expected
    drop_rule_arms(experiment)
    assert arms() == {}


def test_nobody_is_in_any_arm_before_all_of_them_are_filled(experiment: Experiment) -> None:
    """Nor in the first one, by which a visitor whom the rule matches sees nothing."""
    assert published_now().trials == ()
    keep_rule_arms(experiment)
    assert published_now().trials == ()
    drain()
    assert [one.key for one in published_now().trials] == ["which"]
    Segment.objects.get(slug="arm:which:new").delete()
    assert published_now().trials == ()


def test_visitors_see_what_the_version_of_their_arm_says(
    experiment: Experiment, make_event: Callable[..., Event]
) -> None:
    """Whoever looked and did not buy: the new version says no, the old one says yes."""
    keep_rule_arms(experiment)
    people = make_people(12)
    for person in people:
        make_event(person.profile, "Product Viewed", at=timezone.now() - timedelta(hours=1))
    drain()
    seen = {"for the keen" in render(SLOT, person) for person in people}
    assert seen == {True, False}
    drop_rule_arms(experiment)
    assert {"for the keen" in render(SLOT, person) for person in people} == {False}


def test_an_arm_weighs_what_its_segment_does(experiment: Experiment, segment: Segment) -> None:
    keep_rule_arms(experiment)
    segment.weight = 7.0
    segment.save()
    drain()
    weights = published_now().weights
    assert weights["arm:which:old"] == weights["arm:which:new"] == weights["keen"] == 7.0


def test_their_names_are_none_that_anybody_sees(experiment: Experiment) -> None:
    keep_rule_arms(experiment)
    drain()
    assert set(published_now().segments) == {"keen"}
    assert not Segment.objects.listed().filter(slug__startswith="arm:")


def test_a_name_fits_into_the_column_however_long_those_are_that_it_is_made_of() -> None:
    long = segment_of("e" * 50, "a" * 30)
    assert len(long) <= 50
    assert long != segment_of("e" * 50, "a" * 29)
    assert segment_of("which", "old") == "arm:which:old"


@pytest.mark.parametrize(
    "content", ["", "keen", "keen:", "keen:9", "keen:x", "keen:²", "gone:1", "keen:" + "9" * 30]
)
def test_what_is_no_version_of_a_rule_is_refused_as_a_whole(
    experiment: Experiment, content: str
) -> None:
    Arm.objects.filter(key="new").update(content=content)
    with pytest.raises(NoSuchVersion, match="is no version of a rule"):
        keep_rule_arms(experiment)
    assert arms() == {}


def test_an_experiment_of_another_kind_keeps_none(experiment: Experiment) -> None:
    Experiment.objects.update(kind="variations")
    experiment.refresh_from_db()
    keep_rule_arms(experiment)
    drop_rule_arms(experiment)
    assert arms() == {}
