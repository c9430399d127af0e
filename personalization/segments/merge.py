"""What becomes of the memberships of a profile that is merged into another."""

from __future__ import annotations

from personalization.profiles.models import Snapshot
from personalization.rules.interval import Interval
from personalization.segments.live import LiveRules
from personalization.segments.membership import Changes, load_spans
from personalization.segments.spans import Span
from personalization.types import Microseconds


def hand_over(
    emptied: Snapshot, target: Snapshot, live: LiveRules, changes: Changes, *, now: Microseconds
) -> None:
    """Have the emptied profile leave its segments; what a person entered goes to the target.

    Segments by rule need no handing over: the target is rebuilt from the events of both.
    """
    kept, handed = load_spans(target), load_spans(emptied)
    for version in live.by_hand:
        span = handed.get(version.id)
        by_hand = Interval(span.since, span.until) if span else None
        if by_hand and not by_hand.over(now):
            joined = _joined(by_hand, kept.get(version.id))
            changes.put(target, version.segment_id, joined, live, now=now)
    changes.leave_all(emptied, live, now=now)


def _joined(one: Interval, other: Span | None) -> Interval:
    if other is None:
        return one
    start = min(one.start, other.since)
    if one.end is None or other.until is None:
        return Interval(start)
    return Interval(start, max(one.end, other.until))
