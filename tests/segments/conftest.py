"""Visitors who do things, the rows that follow, and what listeners are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction

from personalization import signals
from personalization.events.models import Event
from personalization.ingest.apply import apply_events
from personalization.profiles.locks import hold
from personalization.profiles.models import Profile, Snapshot
from personalization.profiles.moves import Moves
from personalization.segments.models import Membership, Segment
from personalization.segments.rebuild import occurrence_of

Row = tuple[datetime, datetime | None, bool]


@pytest.fixture
def happen(make_event: Callable[..., Event]) -> Callable[..., None]:
    """Store events of a profile and bring its snapshot up to them, as the worker does."""

    def do(
        profile: Profile,
        *names: str,
        at: datetime,
        now: datetime | None = None,
        kind: str = "track",
        **properties: Any,
    ) -> None:
        events = [
            make_event(profile, name, at=at, type=kind, properties=properties) for name in names
        ]
        with transaction.atomic():
            occurrences = {profile.pk: [occurrence_of(event) for event in events]}
            held = hold(occurrences, lambda: occurrences)
            apply_events(occurrences, held, moves=Moves(), now=now or at)

    return do


def rows(profile: Profile, segment: Segment) -> list[Row]:
    """Return the memberships in the table; at most the last one is open."""
    found = Membership.objects.filter(profile=profile, segment=segment).order_by("since", "pk")
    return [(row.since, row.until, row.settled) for row in found]


def snapshot(profile: Profile) -> Snapshot:
    return Snapshot.objects.get(pk=profile.pk)


Told = list[tuple[str, str, int, datetime]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """What listeners were told, after commit: a test's own transaction never commits."""
    heard: Told = []

    def entered(sender: type, segment_id: int, profile_id: int, at: datetime, **_: Any) -> None:
        heard.append(("entered", sender.objects.get(pk=segment_id).slug, profile_id, at))

    def left(sender: type, segment_id: int, profile_id: int, at: datetime, **_: Any) -> None:
        heard.append(("left", sender.objects.get(pk=segment_id).slug, profile_id, at))

    monkeypatch.setattr(transaction, "on_commit", lambda function: function())
    signals.segment_entered.connect(entered)
    signals.segment_left.connect(left)
    yield heard
    signals.segment_entered.disconnect(entered)
    signals.segment_left.disconnect(left)
