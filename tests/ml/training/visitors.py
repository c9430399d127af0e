"""Visitors who agree to personalization, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from personalization.profiles.models import Profile

MakeProfile: TypeAlias = Callable[..., Profile]
Does: TypeAlias = Callable[..., Any]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
AGREES = {"personalization": True}


def after(minutes: float) -> datetime:
    """Return the instant so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def visitors(make_profile: MakeProfile) -> MakeProfile:
    """Return what makes a profile that agrees to personalization."""
    return lambda **fields: make_profile(**{"consents": AGREES, **fields})


def doing(make_event: Callable[..., Any]) -> Does:
    """Return what stores an event so many minutes after noon; `page` is the path of the page."""

    def do(profile: Profile, name: str, minutes: float, /, *, page: Any = None, **said: Any) -> Any:
        context = {"page": {"path": page}} if page is not None else {}
        return make_event(profile, name, at=after(minutes), properties=said, context=context)

    return do
