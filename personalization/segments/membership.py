"""Move memberships on: evaluate, write the rows, tell the strangers.

The caller holds the lock on the snapshots and saves them; here their
`memberships` and `due_at` are set and the rows of `Membership` written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.db import transaction

from personalization import bulk, signals
from personalization.clock import microseconds, moment, span
from personalization.conf import settings
from personalization.profiles.models import Snapshot
from personalization.rules.evaluate import membership
from personalization.rules.interval import Interval
from personalization.rules.need import Counters
from personalization.rules.state import Facts
from personalization.segments.by_hand import end_by_hand
from personalization.segments.linking import LiveVersion
from personalization.segments.live import LiveRules
from personalization.segments.log import read_log
from personalization.segments.models import Membership, Segment, Webhook
from personalization.segments.spans import Span, Step, advance, quiet, take_over
from personalization.segments.telling import Telling
from personalization.segments.webhooks import enqueue
from personalization.types import Microseconds


def facts_of(snapshot: Snapshot, live: LiveRules) -> Facts:
    """Return all that rules may look at of the profile."""
    spans = load_spans(snapshot)
    return Facts(
        traits=snapshot.traits,
        features=snapshot.features,
        counters=Counters(snapshot.counters),
        segments={
            version.slug: ending(_interval(spans[version.id]), version.ends_at)
            for version in live.by_hand
            if version.id in spans
        },
        consents=snapshot.consents,
        visit=newest_visit(snapshot),
        log=partial(read_log, snapshot.pk),
    )


def newest_visit(snapshot: Snapshot) -> Interval | None:
    """Return the newest visit, which lasts until a visit gap after its last event."""
    if snapshot.visit_started_at is None or snapshot.last_seen is None:
        return None
    end = microseconds(snapshot.last_seen) + span(settings.VISIT_GAP)
    return Interval(microseconds(snapshot.visit_started_at), end)


def load_spans(snapshot: Snapshot) -> dict[int, Span]:
    """Return the memberships kept in the snapshot by the version that they follow."""
    return {
        int(key): Span(since, until, bool(told), told == _SILENT)
        for key, (since, until, told) in snapshot.memberships.items()
    }


#: What stands in the place of `told` for an entry of which nobody was told.
_SILENT = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One step of one membership, from the span known before it."""

    profile_id: int
    segment_id: int
    version_id: int
    known: Span | None
    step: Step


@dataclass
class Changes:
    """The changes of a transaction, written and told together; of `internal` segments nobody
    is told."""

    steps: list[Change] = field(default_factory=list)
    internal: frozenset[int] = frozenset()

    def advance(
        self,
        snapshot: Snapshot,
        segment_ids: Iterable[int],
        live: LiveRules,
        *,
        now: Microseconds,
    ) -> None:
        """Bring the profile's memberships of the segments to `now`, from edge to edge.

        In each version of theirs that is live; and where another version has taken over,
        what becomes of the memberships of the one before.
        """
        versions = [
            version
            for segment_id in sorted(segment_ids)
            for version in live.of_segment.get(segment_id, ())
        ]
        if not versions and not snapshot.memberships:
            return
        profile = self._begin(snapshot, facts_of(snapshot, live), live)
        self._hand_over(profile, live)
        for version in versions:
            self._bring(profile, version, until=now)
        put_spans(snapshot, profile.spans)

    def hand_over(self, snapshot: Snapshot, live: LiveRules) -> None:
        """Compare the memberships of versions that served with those that took over."""
        profile = self._begin(snapshot, facts_of(snapshot, live), live)
        self._hand_over(profile, live)
        put_spans(snapshot, profile.spans)

    def put(
        self,
        snapshot: Snapshot,
        segment_id: int,
        interval: Interval | None,
        live: LiveRules,
        *,
        now: Microseconds,
    ) -> None:
        """Set the membership of a segment kept by hand; None takes the profile out."""
        profile = self._begin(snapshot, Facts(), live)
        for version in live.of_segment.get(segment_id, ()):
            if version.by_hand:
                given = ending(interval, version.ends_at) if interval else None
                self._note(profile, version, given, now)
        put_spans(snapshot, profile.spans)

    def leave_all(self, snapshot: Snapshot, live: LiveRules, *, now: Microseconds) -> None:
        """Take a profile that is about to be deleted out of every segment."""
        profile = self._begin(snapshot, Facts(), live)
        self._hand_over(profile, live)
        for version_id in list(profile.spans):
            self._note(profile, live.versions[version_id], None, now)
        put_spans(snapshot, profile.spans)

    def _begin(self, snapshot: Snapshot, facts: Facts, live: LiveRules) -> _Profile:
        self.internal |= live.internal
        return _Profile(snapshot.pk, facts, load_spans(snapshot))

    def _bring(self, profile: _Profile, version: LiveVersion, *, until: Microseconds) -> None:
        for at in _stops(profile.spans, version.id, until):
            answer = _answer(version, profile, at)
            self._note(profile, version, answer, at)

    def _note(
        self, profile: _Profile, version: LiveVersion, answer: Interval | None, at: Microseconds
    ) -> None:
        known = profile.spans.get(version.id)
        step = advance(known, answer, now=at)
        if not version.serving:
            step = quiet(step, serving=profile.serving_span(version))
        self._take(profile, version.segment_id, version.id, step)

    def _take(self, profile: _Profile, segment_id: int, version_id: int, step: Step) -> None:
        known = profile.spans.pop(version_id, None)
        if step.current is not None:
            profile.spans[version_id] = step.current
        if step.current != known or step.closed:
            self.steps.append(Change(profile.id, segment_id, version_id, known, step))

    def _hand_over(self, profile: _Profile, live: LiveRules) -> None:
        """Move on from versions that do not live any more to those that took over."""
        for version_id, retiring in live.retiring.items():
            successor = live.versions.get(retiring.successor)
            old, new = profile.spans.get(version_id), profile.spans.get(retiring.successor)
            if successor is None or (old is None and not _untold(new, retiring.at)):
                continue
            if new is not None and (edge := new.next_edge()) is not None and edge <= retiring.at:
                self._bring(profile, replace(successor, serving=False), until=retiring.at)
                new = profile.spans.get(retiring.successor)
            handover = take_over(old, new, at=retiring.at)
            self._take(profile, retiring.segment_id, version_id, handover.old)
            self._take(profile, retiring.segment_id, retiring.successor, handover.new)
        for version_id in [one for one in profile.spans if one not in live.versions]:
            self._take(profile, 0, version_id, Step())  # its segment is gone, or it never served

    def write(self) -> None:
        """Write the rows, what webhooks are to be told and, after commit, send the signals."""
        moves: dict[tuple[int, int], Moves] = {}
        for change in self.steps:
            key = (change.profile_id, change.version_id)
            moves.setdefault(key, Moves(change.segment_id, change.known)).add(change.step)
        _write(moves)
        if told := _told(step for step in self.steps if step.segment_id not in self.internal):
            enqueue(told)
            transaction.on_commit(partial(_send, told))
        self.steps.clear()


@dataclass
class Moves:
    """What the steps of one membership add up to: from `known`, over `closed`, to `current`."""

    segment_id: int
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


@dataclass
class _Profile:
    """A profile while its memberships are brought on."""

    id: int
    facts: Facts
    spans: dict[int, Span]

    def serving_span(self, version: LiveVersion) -> Span | None:
        return self.spans.get(version.beside) if version.beside is not None else None


def _stops(spans: Mapping[int, Span], version_id: int, now: Microseconds) -> Iterator[Microseconds]:
    """Yield the instants to evaluate at: each edge that has passed, then `now`."""
    while (span := spans.get(version_id)) and (edge := span.next_edge()) is not None:
        if edge >= now:
            break
        yield edge
    yield now


def _untold(span: Span | None, at: Microseconds) -> bool:
    """Return whether nobody knows yet of an entry that lies before `at`."""
    return span is not None and (span.silent or (not span.told and span.since <= at))


def _answer(version: LiveVersion, profile: _Profile, at: Microseconds) -> Interval | None:
    if version.rule is not None:
        if version.live_only:
            return None  # decided with each request
        return membership(version.rule, profile.facts, now=at)
    if not version.by_hand and not version.frozen:
        return None
    known = profile.spans.get(version.id)
    if version.by_hand and not version.serving:
        known = profile.serving_span(version) or known  # who was in by rule stays in by hand
    if known is None:
        return None
    end = known.until
    if version.by_hand and end is not None and end == end_by_hand(version.filled):
        end = None  # it was the segment's end, which may be another one now
    answer = ending(Interval(known.since, end), version.ends_at)
    return None if answer.over(at) else answer


def _interval(span: Span) -> Interval:
    return Interval(span.since, span.until)


def ending(interval: Interval, end: Microseconds | None) -> Interval:
    """Return the interval as it is in a segment that ends."""
    if end is None:
        return interval
    return Interval(interval.start, end if interval.end is None else min(interval.end, end))


def put_spans(snapshot: Snapshot, spans: Mapping[int, Span]) -> None:
    """Put `spans` and the instant at which time next changes one into `snapshot`."""
    snapshot.memberships = {
        str(version_id): [span.since, span.until, _SILENT if span.silent else int(span.told)]
        for version_id, span in sorted(spans.items())
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
        {
            "profile_id": key[0],
            "segment_id": move.segment_id,
            "version_id": key[1],
            **_columns(span, settled),
        }
        for key, move in moves.items()
        for span, settled in move.rows()[key in gone :]
    ]
    bulk.insert(Membership, rows)


def _remove_open_rows(keys: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Remove the open rows of (profile, version); return those that had one."""
    rows = Membership.objects.filter(
        settled=False,
        profile__in={profile_id for profile_id, _ in keys},
        version__in={version_id for _, version_id in keys},
    ).values_list("pk", "profile", "version")
    found = {(profile, version): pk for pk, profile, version in rows}
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


def tell_entries(entered: Sequence[tuple[int, int]], live: LiveRules, *, at: Microseconds) -> None:
    """Tell of the (profile, version) that were entered at once, if anybody listens."""
    listens = signals.segment_entered.has_listeners(Segment)
    if not entered or not (listens or Webhook.objects.filter(active=True).exists()):
        return
    segments = (live.versions[version_id].segment_id for _, version_id in entered)
    told = [
        Telling(at, True, profile_id, segment_id)
        for (profile_id, _), segment_id in zip(entered, segments, strict=True)
        if segment_id not in live.internal
    ]
    if told:
        enqueue(told)
        transaction.on_commit(partial(_send, told))


def _send(told: Iterable[Telling]) -> None:
    for telling in told:
        signal = signals.segment_entered if telling.entered else signals.segment_left
        signal.send_robust(
            Segment,
            segment_id=telling.segment_id,
            profile_id=telling.profile_id,
            at=moment(telling.at),
        )
