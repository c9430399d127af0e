"""Move memberships on: evaluate, write the rows, tell the strangers.

The caller holds the lock on the snapshots and saves them; here their
`memberships` and `due_at` are set and the rows of `Membership` written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction

from personalization import bulk, signals
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


@dataclass(frozen=True, slots=True)
class Change:
    """One step of one membership, from the span known before it."""

    profile_id: int
    segment_id: int
    known: Span | None
    step: Step


@dataclass(frozen=True, slots=True)
class Telling:
    """An entry or a departure, as listeners are told of it."""

    at: Microseconds
    entered: bool
    profile_id: int
    segment_id: int


@dataclass
class Changes:
    """The changes of a transaction, written and told together."""

    steps: list[Change] = field(default_factory=list)

    def advance(
        self,
        snapshot: Snapshot,
        segment_ids: Iterable[int],
        live: LiveRules,
        *,
        now: Microseconds,
    ) -> None:
        """Bring the profile's memberships of the segments to `now`, from edge to edge."""
        facts = facts_of(snapshot, live)
        spans = load_spans(snapshot)
        for segment_id in sorted(segment_ids):
            for at in _stops(spans, segment_id, now):
                answer = _answer(segment_id, spans.get(segment_id), facts, live, at)
                self._note(snapshot.pk, segment_id, spans, answer, at)
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
        at: Microseconds,
    ) -> None:
        known = spans.pop(segment_id, None)
        step = advance(known, answer, now=at)
        if step.current is not None:
            spans[segment_id] = step.current
        if step.current != known or step.closed:
            self.steps.append(Change(profile_id, segment_id, known, step))

    def write(self) -> None:
        """Write the rows and, after commit, send the signals."""
        moves: dict[tuple[int, int], Moves] = {}
        for change in self.steps:
            key = (change.profile_id, change.segment_id)
            moves.setdefault(key, Moves(change.known)).add(change.step)
        _write(moves)
        if told := _told(self.steps):
            transaction.on_commit(partial(_send, told))
        self.steps.clear()


@dataclass
class Moves:
    """What the steps of one membership add up to: from `known`, over `closed`, to `current`."""

    known: Span | None
    closed: list[Span] = field(default_factory=list)
    current: Span | None = None

    def add(self, step: Step) -> None:
        self.current = step.current
        if step.closed is not None:
            self.closed.append(step.closed)

    @property
    def changes_the_open_row(self) -> bool:
        return self.known is not None and (bool(self.closed) or not self._same(self.current))

    def rows(self) -> list[tuple[Span, bool]]:
        """Return the spans to write, each with whether it is settled."""
        rows = [(span, True) for span in self.closed]
        if self.current is not None and (self.closed or not self._same(self.current)):
            rows.append((self.current, False))
        return rows

    def _same(self, span: Span | None) -> bool:
        """Return whether the row of what was known says this of `span` already."""
        if self.known is None or span is None:
            return False
        return (span.since, span.until) == (self.known.since, self.known.until)


def _stops(spans: Mapping[int, Span], segment_id: int, now: Microseconds) -> Iterator[Microseconds]:
    """Yield the instants to evaluate at: each edge that has passed, then `now`."""
    while (span := spans.get(segment_id)) and (edge := span.next_edge()) is not None:
        if edge >= now:
            break
        yield edge
    yield now


def _answer(
    segment_id: int, known: Span | None, facts: Facts, live: LiveRules, at: Microseconds
) -> Interval | None:
    if segment_id in live.manual:
        by_hand = Interval(known.since, known.until) if known else None
        return by_hand if by_hand and not by_hand.over(at) else None
    rule = live.rules.get(segment_id)
    return membership(rule, facts, now=at) if rule else None


def put_spans(snapshot: Snapshot, spans: Mapping[int, Span]) -> None:
    """Put `spans` and the instant at which time next changes one into `snapshot`."""
    snapshot.memberships = {
        str(segment_id): [span.since, span.until, int(span.told)]
        for segment_id, span in sorted(spans.items())
    }
    edges = [span.next_edge() for span in spans.values()]
    due = min((edge for edge in edges if edge is not None), default=None)
    snapshot.due_at = moment(due) if due is not None else None


def _write(moves: Mapping[tuple[int, int], Moves]) -> None:
    """Settle, move or remove the open rows and create new ones: three statements in all."""
    outdated = {key for key, move in moves.items() if move.changes_the_open_row}
    found = _remove_open_rows(outdated) if outdated else set()
    gone = outdated - found  # with its segment; so is what became of it
    rows = [
        {"profile_id": key[0], "segment_id": key[1], **_columns(span, settled)}
        for key, move in moves.items()
        for span, settled in move.rows()[key in gone :]
    ]
    bulk.insert(Membership, rows)


def _remove_open_rows(keys: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Remove the open rows of (profile, segment); return those that had one."""
    rows = Membership.objects.filter(
        settled=False,
        profile__in={profile_id for profile_id, _ in keys},
        segment__in={segment_id for _, segment_id in keys},
    ).values_list("pk", "profile", "segment")
    found = {(profile, segment): pk for pk, profile, segment in rows}
    Membership.objects.filter(pk__in=[found[key] for key in keys if key in found]).delete()
    return found.keys() & set(keys)


def _columns(span: Span, settled: bool) -> dict[str, Any]:
    until = moment(span.until) if span.until is not None else None
    return {"since": moment(span.since), "until": until, "settled": settled}


def _told(changes: Iterable[Change]) -> list[Telling]:
    """Return what is to be told in order of time, departures first."""
    found = []
    for change in changes:
        who = (change.profile_id, change.segment_id)
        if change.step.left is not None:
            found.append(Telling(change.step.left, False, *who))
        if change.step.entered is not None:
            found.append(Telling(change.step.entered, True, *who))
    return sorted(found, key=lambda telling: telling.at)


def _send(told: Iterable[Telling]) -> None:
    for telling in told:
        signal = signals.segment_entered if telling.entered else signals.segment_left
        signal.send_robust(
            Segment,
            segment_id=telling.segment_id,
            profile_id=telling.profile_id,
            at=moment(telling.at),
        )
