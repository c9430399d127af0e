"""Segments of the peer, with a rule each, of all its kinds that need no service elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import time
from typing import Any

from wagtail.models import Page
from wagtail_personalisation.models import Segment
from wagtail_personalisation.rules import (
    DayRule,
    DeviceRule,
    QueryRule,
    ReferralRule,
    TimeRule,
    UserIsLoggedInRule,
    VisitCountRule,
)

from project.benchmarks.content import is_member

Rule = Callable[[Any, bool, Page], Any]


def _visits(segment: Any, holds: bool, page: Page) -> Any:
    count = 0 if holds else 30_000
    return VisitCountRule(segment=segment, counted_page=page, operator="more_than", count=count)


def _time(segment: Any, holds: bool, page: Page) -> Any:
    day = time.min, time.max
    start, end = day if holds else reversed(day)
    return TimeRule(segment=segment, start_time=start, end_time=end)


def _day(segment: Any, holds: bool, page: Page) -> Any:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return DayRule(segment=segment, **dict.fromkeys(days, holds))


def _device(segment: Any, holds: bool, page: Page) -> Any:
    return DeviceRule(segment=segment, desktop=holds, mobile=not holds)


def _query(segment: Any, holds: bool, page: Page) -> Any:
    return QueryRule(segment=segment, parameter="utm_source", value="letter" if holds else "ad")


def _referral(segment: Any, holds: bool, page: Page) -> Any:
    return ReferralRule(segment=segment, regex_string=r"example\.org" if holds else r"example\.net")


def _login(segment: Any, holds: bool, page: Page) -> Any:
    return UserIsLoggedInRule(segment=segment, is_logged_in=not holds)


KINDS: Sequence[Rule] = (_visits, _time, _day, _device, _query, _referral, _login)


def seed_segments(n: int, *, page: Page) -> list[int]:
    """Add `n` segments; return the ids of those that the visitor is in."""
    found = []
    for number in range(n):
        segment = Segment.objects.create(name=f"Segment {number}")
        holds = is_member(number)
        KINDS[number % len(KINDS)](segment, holds, page).save()
        if holds:
            found.append(segment.pk)
    return found
