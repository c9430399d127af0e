"""Results of what was sent: whatever was sent twice, late or in another order."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from personalization.events.models import Event, StoredMessage
from personalization.experiments import comparing
from personalization.experiments.analysis import result_of
from personalization.profiles.models import Identity, Profile
from personalization.testing import drain
from tests.delivery.people import make_person
from tests.experiments.analysis.world import (
    DAY,
    HOUR,
    MINUTE,
    make_experiment,
    make_goal,
    metric,
    told,
)

pytestmark = pytest.mark.django_db
KEY = "server-of-results"
PEOPLE = 10


def send(calls: list[dict[str, Any]]) -> None:
    client = Client(headers={"authorization": f"Bearer {KEY}"})
    for at in range(0, len(calls), 7):
        body = {"batch": calls[at : at + 7]}
        answer = client.post("/p/v1/batch", body, content_type="application/json")
        assert answer.status_code == 200, answer.content
    drain()


def calls_of(visitors: list[str], begin: Any) -> list[dict[str, Any]]:
    """Return what visitors did: each sees an arm, half of them order, some click and return."""
    rng, calls = random.Random(3), []  # noqa: S311
    for number, visitor in enumerate(visitors):
        at = begin + number * HOUR
        shown = {"slot": "hero", "assigned": told("blue", "ab"[number % 2])}
        done: list[tuple[str, Any, dict[str, Any]]] = [
            ("Slot Shown", at, shown),
            ("Page Viewed", at, {}),
        ]
        if number % 4 < 2:
            done.append(
                ("Order Completed", at + 2 * HOUR, {"order_id": f"o{number}", "total": 0.1})
            )
        if number % 3 == 0:
            done.append(("Slot Clicked", at + MINUTE, {"slot": "hero"}))
        if number % 5 == 0:
            done.append(("Page Viewed", at + DAY, {}))
            done.append(("Slot Shown", at + DAY, shown))
        calls += [
            {
                "type": "track", "event": name, "anonymousId": visitor, "properties": properties,
                "timestamp": instant.isoformat(), "messageId": f"{number}-{place}",
            }
            for place, (name, instant, properties) in enumerate(done)
        ]  # fmt: skip
    rng.shuffle(calls)
    return calls


def test_what_is_sent_twice_late_or_in_another_order_is_the_same(
    make_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "LEAST_UNITS", 2)  # so that there are numbers
    make_source(write_key=KEY)
    now = timezone.now()
    begin = now - timedelta(days=5)
    goal = make_goal(worth="total", within=3 * DAY)
    kinds = ("conversion", "value", "click_through", "bounce", "return_visit")
    experiment = make_experiment(
        *((metric(kind, goal=goal, slug=kind), "secondary") for kind in kinds),
        started_at=begin - DAY,
    )
    found = []
    for times in (1, 2):
        visitors = [make_person().visitor_id for _ in range(PEOPLE)]
        calls = calls_of(visitors, begin)
        if times == 2:
            # First the end and then the beginning, and all of it again.
            calls = [*sorted(calls, key=lambda call: call["timestamp"], reverse=True), *calls]
        send(calls)
        assert Event.objects.count() == len({call["messageId"] for call in calls})
        found.append(result_of(experiment, now=now))
        Event.objects.all().delete()
        Identity.objects.all().delete()
        Profile.objects.all().delete()
        StoredMessage.objects.all().delete()  # the next visitors send the same ids
    assert found[0] == found[1]
    means = {each.metric: [arm.mean for arm in each.arms] for each in found[0].metrics}
    assert means["value"] == pytest.approx([0.06, 0.06])
    assert None not in means["bounce"]
    assert all(sum(mean or 0 for mean in each) > 0 for each in means.values())
    assert found[0].units == (PEOPLE // 2, PEOPLE // 2)
