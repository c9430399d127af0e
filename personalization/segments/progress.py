"""How far memberships follow the rules, for those who ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Q, QuerySet

from personalization.segments.models import Segment, SegmentVersion
from personalization.segments.runs import STUCK, Refresh

State = Literal["fresh", "waiting", "running", "failing", "stuck", "broken", "off"]


def pending() -> Q:
    """Return what is true of segments whose memberships do not follow their rule yet."""
    waiting = SegmentVersion.objects.filter(state=SegmentVersion.State.WAITING)
    return Q(refreshed_at=None) | Q(pk__in=waiting.values("segment"), refresh_error="")


def pending_segments() -> QuerySet[Segment]:
    return Segment.objects.filter(pending())


@dataclass(frozen=True, kw_only=True)
class RefreshState:
    """How far the memberships of a segment follow its rule.

    `fresh`: they do. `waiting`: no worker has begun. `running`: `done` of `total` profiles
    follow. `failing`: the last try failed with `error`, and another follows. `stuck`: no
    worker has been heard of since `heartbeat_at`. `broken`: the rule cannot be used, and
    `error` says why; the version that served last goes on. `off`: the segment is off.

    `pending` is the number of the version that is being filled beside the one that serves;
    None where the one that serves is being filled itself.
    """

    state: State
    done: int = 0
    total: int = 0
    error: str = ""
    heartbeat_at: datetime | None = None
    pending: int | None = None

    @property
    def share(self) -> float:
        """Return the share of the profiles that is done, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def is_stale(self) -> bool:
        return self.state not in ("fresh", "off")


def refresh_state(segment: Segment, *, now: datetime) -> RefreshState:
    """Return how far the memberships of `segment` follow its rule (three queries at most)."""
    if not segment.active:
        return RefreshState(state="off")
    if segment.refresh_error:
        return RefreshState(state="broken", error=segment.refresh_error)
    waiting = segment.versions.filter(state=SegmentVersion.State.WAITING).first()
    if waiting is None and segment.refreshed_at is not None:
        return RefreshState(state="fresh")
    number = waiting.number if waiting else None
    version_id = waiting.pk if waiting else segment.serving_id
    run = Refresh.objects.filter(open=True).first()
    if run is None:
        late = segment.updated_at <= now - STUCK
        return RefreshState(state="stuck" if late else "waiting", pending=number)
    mine = str(version_id) in run.targets
    return RefreshState(
        state=_state_of(run, mine=mine, now=now),
        done=run.done if mine else 0,
        total=run.total if mine else 0,
        error=run.error,
        heartbeat_at=run.heartbeat_at,
        pending=number,
    )


def _state_of(run: Refresh, *, mine: bool, now: datetime) -> State:
    if run.failures:
        return "failing"
    if run.heartbeat_at <= now - STUCK:
        return "stuck"
    return "running" if mine else "waiting"
