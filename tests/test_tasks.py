"""Tasks are thin: each does what the function of its name does, with the time of now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app

from personalization import hints, shortcuts, tasks
from personalization.events.models import Event
from personalization.profiles.models import Snapshot
from personalization.segments.models import Membership, Segment
from personalization.testing import drain
from tests.factories import make_segment
from tests.rules.building import happened, rule

__all__ = ["make_segment"]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "name",
    [
        hints.PROCESS_EVENTS,
        hints.SETTLE_MEMBERSHIPS,
        hints.REFRESH_SEGMENTS,
        hints.PARTITION_EVENTS,
    ],
)
def test_a_worker_finds_each_task_by_the_name_that_is_hinted_at(name: str) -> None:
    assert name in current_app.tasks
    assert current_app.tasks[name].ignore_result


def test_events_are_processed() -> None:
    shortcuts.track("Product Viewed", user_id="u1")
    shortcuts.track("Product Viewed", user_id="u2")
    assert tasks.process_events_task() == 2
    assert Event.objects.count() == 2
    assert tasks.process_events_task() == 0


def test_changed_rules_are_followed(make_segment: Callable[..., Segment]) -> None:
    shortcuts.track("Product Viewed", user_id="u1")
    drain()
    make_segment("viewers", rule(happened("Product Viewed")))
    assert tasks.refresh_segments_task() >= 1
    assert Membership.objects.get().segment.slug == "viewers"
    assert tasks.refresh_segments_task() == 0


def test_memberships_that_are_due_end(make_segment: Callable[..., Segment]) -> None:
    make_segment("recent", rule(happened("Product Viewed", last="PT1H")))
    shortcuts.track("Product Viewed", user_id="u1")
    drain()
    past = datetime.now(UTC) - timedelta(minutes=1)
    membership = Membership.objects.get()
    assert membership.until is not None
    snapshot = Snapshot.objects.get()
    since, _, told = snapshot.memberships[str(membership.version_id)]
    until = int(past.timestamp() * 1_000_000)
    snapshot.memberships = {str(membership.version_id): [since, until, told]}
    snapshot.due_at = past
    snapshot.save()
    assert tasks.settle_memberships_task() == 1
    assert tasks.settle_memberships_task() == 0
