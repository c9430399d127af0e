"""People who agreed to be counted, and enough ε that noise is next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from personalization.profiles.models import Profile
from personalization.segments.manual import add_members
from personalization.segments.models import Segment

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
#: With this, noise is 0 but for once in e⁴⁰ draws.
PLENTY = 40.0
AGREED = {"analytics": True}


@pytest.fixture
def make_people(make_profile: Callable[..., Profile]) -> Callable[..., list[Profile]]:
    """Make so many profiles, which agreed to analytics unless it says otherwise."""

    def make(n: int, *, consents: Any = AGREED) -> list[Profile]:
        return [make_profile(consents=consents) for _ in range(n)]

    return make


@pytest.fixture
def make_crowd(
    make_people: Callable[..., list[Profile]], make_segment: Callable[..., Segment]
) -> Callable[..., Segment]:
    """Make a segment kept by hand with so many members."""

    def make(slug: str, n: int, **fields: Any) -> Segment:
        segment = make_segment(slug)
        add_members(segment, [each.pk for each in make_people(n, **fields)], now=NOW)
        return segment

    return make
