"""What operators do with profiles, down to the memberships that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from personalization.ingest.apply import apply_events
from personalization.profiles import merges
from personalization.profiles.locks import ProfileMoved
from personalization.profiles.models import Merge
from personalization.profiles.moves import Moves, Reason


def merge_profiles(
    one: int,
    other: int,
    *,
    now: datetime,
    by: Any = None,
    cause: Merge.Cause = Merge.Cause.OPERATOR,
) -> int:
    """Make two profiles one and return the number of it. `by` is the user who says so.

    :raises MergeRefused: when they are one already, or one of them does not exist.
    """
    reason = Reason(cause, now, by)
    moves = _carry_out(lambda: merges.merge(one, other, reason=reason), now=now)
    return moves.merged.get(one, one)


def undo_merge(merge: Merge, *, now: datetime, by: Any = None) -> frozenset[int]:
    """Part again what the merge put together; return the profiles that changed.

    :raises UndoRefused: when it was undone before, or there is nobody to part from.
    """
    reason = Reason(Merge.Cause.UNDO, now, by)
    return _carry_out(lambda: merges.undo(merge, reason=reason), now=now).changed


def resolve_profiles(profile_ids: Collection[int], *, now: datetime) -> int:
    """Resolve anew who is one person among those of the profiles; return how many changed."""
    reason = Reason(Merge.Cause.LIMITS, now)
    moves = _carry_out(lambda: merges.resolve_again(profile_ids, reason=reason), now=now)
    return len(moves.changed) + len(moves.merged)


def _carry_out(work: Callable[[], Moves], *, now: datetime) -> Moves:
    """Do the work and what follows from it, together or not at all; a second time if
    somebody else was at the same profiles."""
    try:
        return _once(work, now=now)
    except (IntegrityError, ProfileMoved):
        return _once(work, now=now)


def _once(work: Callable[[], Moves], *, now: datetime) -> Moves:
    with transaction.atomic():
        moves = work()
        apply_events({}, {}, moves=moves, now=now)
    return moves
