"""Versions of a segment: who changed its rule when, and why."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Max

from personalization.segments.models import Segment, SegmentVersion


def newest_number(segment: Segment) -> int:
    """Return the number of the newest version; 0 when there is none."""
    newest: int | None = segment.versions.aggregate(newest=Max("number"))["newest"]
    return newest or 0


def credit(
    segment: Segment, *, after: int, by: AbstractBaseUser | AnonymousUser, note: str
) -> bool:
    """Write down who made the versions newer than number `after`, and why.

    Returns whether there are any: a segment that is saved with the rule it had makes none.
    """
    made = SegmentVersion.objects.filter(segment=segment, number__gt=after)
    return bool(made.update(created_by_id=by.pk, note=note))
