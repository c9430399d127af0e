"""Why a profile is in a segment, as the pages of the admin say it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from personalization.profiles.models import Profile
from personalization.segments.catalogue import catalogue
from personalization.segments.explanation import explain_segments
from personalization.segments.live import live_rules
from personalization.segments.models import Segment
from tests.rules.building import context, rule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.django_db
def test_what_a_request_decides_is_explained_without_a_span(
    make_profile: Callable[..., Profile], make_segment: Callable[..., Segment]
) -> None:
    profile = make_profile()
    # Each of the two turns every day, and never do both hold.
    never = make_segment(
        "never", rule(context("hour", "between", [9, 12]), context("hour", "between", [12, 15]))
    )
    noon = make_segment("noon", rule(context("hour", "between", [12, 13])))
    found = explain_segments(
        profile.snapshot, live_rules(), catalogue(), segments=[never, noon], now=NOW
    )
    assert [(each.segment.slug, each.holds, each.until) for each in found] == [
        ("noon", True, None),
        ("never", False, None),
    ]
    (first, second) = found[1].why.reasons[0].reasons if found[1].why else ()
    assert (first.actual, first.holds, second.holds) == ("12", False, True)
