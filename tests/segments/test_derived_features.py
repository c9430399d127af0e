"""Segments of features that time alone changes: departures are exact (law 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from personalization.profiles.derived import made
from personalization.profiles.models import Profile
from personalization.profiles.shipped import lifecycle_cases
from personalization.rules.derived import derived_features
from personalization.segments.live import forget, live_rules
from personalization.segments.models import Segment
from personalization.segments.population import matching, members
from personalization.segments.rebuild import checksum, derived_snapshots
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from tests.rules.building import feature, rule
from tests.segments.conftest import rows, snapshot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
STAGES = ("new", "active", "at risk", "lapsed")


@pytest.fixture
def stages(make_segment: Callable[..., Segment]) -> dict[str, Segment]:
    made = {
        stage: make_segment(stage.replace(" ", "-"), rule(feature("lifecycle.stage", "=", stage)))
        for stage in STAGES
    }
    refresh_segments(now=NOW - DAY)
    return made


def stage_of(profile: Profile, stages: dict[str, Segment], now: datetime) -> list[str]:
    return [
        stage for stage, segment in stages.items() if members(segment, now=now).contains(profile)
    ]


def test_a_visitor_grows_older_with_no_event_and_to_the_microsecond(
    stages: dict[str, Segment], make_profile: Callable[..., Profile], happen: Callable[..., None]
) -> None:
    visitor = make_profile()
    happen(visitor, "Page Viewed", at=NOW)
    ends = [("new", 7 * DAY), ("active", 30 * DAY), ("at risk", 90 * DAY)]
    for (stage, length), after in zip(ends, STAGES[1:], strict=True):
        end = NOW + length + TICK  # “at most so long ago” holds through that instant
        settle_memberships(now=end - TICK)
        assert rows(visitor, stages[stage])[-1][1] == end
        assert stage_of(visitor, stages, end - TICK) == [stage]
        assert stage_of(visitor, stages, end) == [after]
        for each, segment in stages.items():
            found = matching(live_rules().rules[segment.pk], now=end)
            assert found == ({visitor.pk} if each == after else set())
    settle_memberships(now=NOW + 200 * DAY)
    (derived,) = derived_snapshots([snapshot(visitor)], live_rules(), now=NOW + 200 * DAY)
    assert checksum(derived) == checksum(snapshot(visitor))
    assert rows(visitor, stages["lapsed"]) == [(NOW + 90 * DAY + TICK, None, False)]


def test_who_comes_back_is_active_again_at_once(
    stages: dict[str, Segment], make_profile: Callable[..., Profile], happen: Callable[..., None]
) -> None:
    visitor = make_profile()
    happen(visitor, "Page Viewed", at=NOW)
    settle_memberships(now=NOW + 200 * DAY)
    happen(visitor, "Page Viewed", at=NOW + 200 * DAY)
    assert stage_of(visitor, stages, NOW + 200 * DAY) == ["active"]


def test_other_thresholds_fill_the_segments_anew(
    stages: dict[str, Segment],
    make_profile: Callable[..., Profile],
    happen: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a restart with other settings: the rules are as they were, and mean another thing."""
    visitor = make_profile()
    happen(visitor, "Page Viewed", at=NOW)
    assert stage_of(visitor, stages, NOW + 8 * DAY) == ["active"]
    known = dict(derived_features.items())
    other = made("stage", label="stage", kind="text", cases=lifecycle_cases((10, 30, 90)))
    assert other.meaning != known["lifecycle.stage"].meaning
    monkeypatch.setattr(derived_features, "_entries", {**known, "lifecycle.stage": other})
    forget()
    assert refresh_segments(now=NOW + 8 * DAY) > 0
    assert stage_of(visitor, stages, NOW + 8 * DAY) == ["new"]
    assert live_rules().outdated() == {}


def test_another_label_fills_nothing_anew(
    stages: dict[str, Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dict(derived_features.items())
    renamed = replace(known["lifecycle.stage"], label="Lebensphase")
    monkeypatch.setattr(derived_features, "_entries", {**known, "lifecycle.stage": renamed})
    forget()
    assert live_rules().outdated() == {}
