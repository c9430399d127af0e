"""What a rule would have done in days that have passed: profiles replayed, nothing written.

Each profile is folded from its events before the span, then walked from event to event and
from departure to departure. Profiles come in an order that has nothing to do with them, so
those that are done are a sample of all at any time, and more of them make it exact.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from personalization.clock import microseconds, site_zone
from personalization.exceptions import NotReplayable
from personalization.profiles.models import Snapshot
from personalization.rules.nodes import Rule
from personalization.segments.estimate import Estimate as Matched
from personalization.segments.interest import weights_in_force
from personalization.segments.lasting import median_length
from personalization.segments.models import Segment
from personalization.segments.replaying import Progress, Replaying
from personalization.segments.stays import Replayed

#: Profiles that are replayed where nobody asks for all of them.
SAMPLE = 1000
#: Profiles that are read and walked together; then there is a new partial answer.
CHUNK = 250


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with the ends of its 95 % interval; all three are equal where it is exact."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, matched: int, *, looked_at: int, total: int, scale: float = 1.0) -> Estimate:
        """Return how many of `total` match, `scale`d, from those that were looked at."""
        low, high = Matched(matched=matched, looked_at=looked_at, total=total).interval()
        value = total * matched / looked_at if looked_at else 0.0
        return cls(value=value * scale, low=min(low, value) * scale, high=max(high, value) * scale)


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How large a share of those who matched were in a segment at some time of the span."""

    segment_id: int
    name: str
    share: Estimate


@dataclass(frozen=True, kw_only=True)
class Day:
    """How many entered on a calendar day of the site; with a sample, about how many."""

    date: date
    entries: float


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What the rule would have done from `start` until `end`, as far as replayed.

    `replayed` of the `wanted` profiles are done, of the `population` that was seen before
    `end`. `visitors` matched at some time, which is a `share` of all. `median_stay` is how
    long half of those who entered stay at least; None where half of them or more are still
    inside, or nobody entered. `overlaps` come largest first. With `progress`, a replay goes
    on where this one stands.
    """

    start: datetime
    end: datetime
    population: int
    wanted: int
    replayed: int
    visitors: Estimate
    share: Estimate
    median_stay: timedelta | None
    days: tuple[Day, ...]
    overlaps: tuple[Overlap, ...]
    progress: Progress

    @property
    def finished(self) -> bool:
        return self.replayed == self.wanted

    @property
    def exact(self) -> bool:
        return self.replayed == self.population


def replay(rule: Rule, *, start: datetime, end: datetime, sample: int | None = SAMPLE) -> Replay:
    """Return what a linked rule would have done between `start` and `end`.

    Of a `sample` of so many profiles, the same ones each time; None: of all.

    :raises NotReplayable: for a rule that looks at requests, or a span that is none.
    """
    answers = replays(rule, start=start, end=end, sample=sample)
    return deque(answers, maxlen=1).pop()


def replays(
    rule: Rule,
    *,
    start: datetime,
    end: datetime,
    sample: int | None = SAMPLE,
    chunk: int = CHUNK,
    progress: Progress | None = None,
) -> Iterator[Replay]:
    """Yield answers that become better, one for each `chunk` of profiles; the last is finished.

    To cancel, stop asking. To go on later, hand in the `progress` of an earlier answer for
    the same rule and span.

    :raises NotReplayable: for a rule that looks at requests, or a span that is none.
    """
    if rule.live_only:
        raise NotReplayable
    if start >= end:
        raise NotReplayable(f"The span must begin before it ends: {start:%c} – {end:%c}.")
    return _replays(rule, start, end, sample, chunk, progress or Progress())


def _replays(
    rule: Rule, start: datetime, end: datetime, sample: int | None, chunk: int, done: Progress
) -> Iterator[Replay]:
    ids = sorted(_seen_before(end), key=place)
    wanted = ids if sample is None else ids[:sample]
    span = Replaying(
        Replayed.of(rule, weights=weights_in_force()), microseconds(start), microseconds(end)
    )
    left = [pk for pk in wanted if place(pk) > done.place]
    for first in range(0, max(len(left), 1), chunk):
        some = left[first : first + chunk]
        if some:
            done = span.replayed(some, done, place=place(some[-1]))
        answer = _Answer(done, len(ids), len(wanted) - len(left) + first + len(some))
        yield answer.replay(start, end, wanted=len(wanted))


def _seen_before(end: datetime) -> Iterator[int]:
    seen = Snapshot.objects.filter(first_seen__lt=end)
    return seen.order_by().values_list("pk", flat=True).iterator(chunk_size=10_000)


def place(profile_id: int) -> int:
    """Return where a profile stands in the order of replays: a bijection of 64-bit numbers
    that mixes them well (the finalizer of SplitMix64, G. Steele et al., OOPSLA 2014)."""
    mixed = profile_id & _64
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ mixed >> shift) * factor & _64
    return mixed ^ mixed >> 31


_64 = 2**64 - 1


@dataclass(frozen=True)
class _Answer:
    """What was found of `replayed` profiles, as an answer about all of the `population`."""

    found: Progress
    population: int
    replayed: int

    def replay(self, start: datetime, end: datetime, *, wanted: int) -> Replay:
        found = self.found
        median = median_length(found.stays)
        return Replay(
            start=start,
            end=end,
            population=self.population,
            wanted=wanted,
            replayed=self.replayed,
            visitors=self._share_of_all(1.0),
            share=self._share_of_all(1 / self.population if self.population else 0.0),
            median_stay=None if median is None else timedelta(microseconds=median),
            days=tuple(self._days(start, end)),
            overlaps=tuple(sorted(self._overlaps(), key=lambda each: -each.share.value)),
            progress=found,
        )

    def _share_of_all(self, scale: float) -> Estimate:
        return Estimate.of(
            self.found.matched, looked_at=self.replayed, total=self.population, scale=scale
        )

    def _days(self, start: datetime, end: datetime) -> Iterator[Day]:
        zone = ZoneInfo(site_zone())
        last = (end - timedelta(microseconds=1)).astimezone(zone).date()
        day = start.astimezone(zone).date()
        factor = self.population / self.replayed if self.replayed else 0.0
        while day <= last:
            yield Day(date=day, entries=self.found.entries.get(day.isoformat(), 0) * factor)
            day += timedelta(days=1)

    def _overlaps(self) -> Iterator[Overlap]:
        """Yield the overlaps; those who matched are themselves a sample of all who would."""
        matched = self.found.matched
        every = round(self._share_of_all(1.0).value)
        names = dict(Segment.objects.listed().values_list("pk", "name"))
        for segment_id, n in self.found.overlaps.items():
            if segment_id in names and matched:
                share = Estimate.of(n, looked_at=matched, total=every, scale=1 / every)
                yield Overlap(segment_id=segment_id, name=names[segment_id], share=share)
