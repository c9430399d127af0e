"""Move memberships on: evaluate, write the rows, tell the strangers.

The caller holds the lock on the snapshots and saves them; here their
`memberships` and `due_at` are set and the rows of `Membership` written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import transaction

from personalization import signals
from personalization.clock import moment
from personalization.profiles.models import Snapshot
from personalization.profiles.state import load_counters
from personalization.rules.evaluate import membership
from personalization.rules.state import Facts, Interval
from personalization.segments.live import LiveRules
from personalization.segments.models import Membership, Segment
from personalization.segments.spans import Span, Step, advance
from personalization.types import Microseconds


def facts_of(snapshot: Snapshot, live: LiveRules) -> Facts:
    """Return all that rules may look at of the profile."""
    spans = load_spans(snapshot)
    return Facts(
        traits=snapshot.traits,
        features=snapshot.features,
        counters=load_counters(snapshot.counters),
        segments={
            slug: Interval(spans[pk].since, spans[pk].until)
            for pk, slug in live.manual.items()
            if pk in spans
        },
        consents=snapshot.consents,
    )


def load_spans(snapshot: Snapshot) -> dict[int, Span]:
    return {
        int(key): Span(since, until, bool(told))
        for key, (since, until, told) in snapshot.memberships.items()
    }


@dataclass
class Changes:
    """The changes of a transaction, written and told together."""

    steps: list[tuple[int, int, Span | None, Step]] = field(default_factory=list)

    def advance(
        self,
        snapshot: Snapshot,
        segment_ids: Iterable[int],
        live: LiveRules,
        *,
        now: Microseconds,
    ) -> None:
        """Evaluate the segments for one profile at `now` and note what changes."""
        facts = facts_of(snapshot, live)
        spans = load_spans(snapshot)
        for segment_id in sorted(segment_ids):
            if segment_id in live.manual:
                answer = _by_hand(spans.get(segment_id), now)
            else:
                rule = live.rules.get(segment_id)
                answer = membership(rule, facts, now=now) if rule else None
            self._note(snapshot.pk, segment_id, spans, answer, now)
        put_spans(snapshot, spans)

    def put(
        self,
        snapshot: Snapshot,
        segment_id: int,
        interval: Interval | None,
        *,
        now: Microseconds,
    ) -> None:
        """Set the membership of a segment kept by hand; None takes the profile out."""
        spans = load_spans(snapshot)
        self._note(snapshot.pk, segment_id, spans, interval, now)
        put_spans(snapshot, spans)

    def _note(
        self,
        profile_id: int,
        segment_id: int,
        spans: dict[int, Span],
        answer: Interval | None,
        now: Microseconds,
    ) -> None:
        known = spans.pop(segment_id, None)
        step = advance(known, answer, now=now)
        if step.current is not None:
            spans[segment_id] = step.current
        if step.current != known or step.closed:
            self.steps.append((profile_id, segment_id, known, step))

    def write(self) -> None:
        """Write the rows and, after commit, send the signals."""
        rows: list[Membership] = []
        for profile_id, segment_id, known, step in self.steps:
            rows += _write_step(profile_id, segment_id, known, step)
        Membership.objects.bulk_create(rows)
        for profile_id, segment_id, _, step in self.steps:
            if step.entered or step.left:
                transaction.on_commit(partial(_tell, profile_id, segment_id, step))
        self.steps.clear()


def put_spans(snapshot: Snapshot, spans: Mapping[int, Span]) -> None:
    """Put `spans` and the instant at which time next changes one into `snapshot`."""
    snapshot.memberships = {
        str(segment_id): [span.since, span.until, int(span.told)]
        for segment_id, span in sorted(spans.items())
    }
    edges = [span.next_edge() for span in spans.values()]
    due = min((edge for edge in edges if edge is not None), default=None)
    snapshot.due_at = moment(due) if due is not None else None


def _by_hand(span: Span | None, now: Microseconds) -> Interval | None:
    return Interval(span.since, span.until) if span and not span.over(now) else None


def _write_step(
    profile_id: int, segment_id: int, known: Span | None, step: Step
) -> list[Membership]:
    """Settle, move or remove the open row; return the rows to create."""
    fresh = list(step.closed)
    open_row = Membership.objects.filter(
        profile_id=profile_id, segment_id=segment_id, settled=False
    )
    if known is not None and fresh:
        over = fresh.pop(0)
        open_row.update(since=moment(over.since), until=_moment(over.until), settled=True)
    elif known is not None and step.current is not None:
        span = step.current
        open_row.update(since=moment(span.since), until=_moment(span.until))
        return []
    elif known is not None:
        open_row.delete()
    spans = [(span, True) for span in fresh]
    if step.current is not None:
        spans.append((step.current, False))
    return [
        Membership(
            profile_id=profile_id,
            segment_id=segment_id,
            since=moment(span.since),
            until=_moment(span.until),
            settled=settled,
        )
        for span, settled in spans
    ]


def _moment(instant: Microseconds | None) -> datetime | None:
    return moment(instant) if instant is not None else None


def _tell(profile_id: int, segment_id: int, step: Step) -> None:
    changes = [(at, signals.segment_left) for at in step.left]
    changes += [(at, signals.segment_entered) for at in step.entered]
    for at, signal in sorted(changes, key=lambda change: change[0]):
        signal.send_robust(Segment, segment_id=segment_id, profile_id=profile_id, at=moment(at))
