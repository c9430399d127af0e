"""Replaying some profiles after others, and what they add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet

from personalization.clock import microseconds, moment, site_zone
from personalization.profiles.models import Snapshot
from personalization.rules.interval import Interval
from personalization.segments.log import read_log
from personalization.segments.models import Membership, Segment
from personalization.segments.replay_log import read_logs
from personalization.segments.stays import Past, Replayed, stays
from personalization.types import Microseconds

ByHand = Mapping[int, Mapping[str, list[Interval]]]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the profiles replayed so far add up to; `place` is that of the last one.

    `entries` are by day (ISO 8601), `overlaps` by segment. `stays` holds the length of each
    stay that began within the span, and whether it is over: 16 bytes of numbers per stay
    are all that grows.
    """

    place: int = -1
    matched: int = 0
    entries: Mapping[str, int] = field(default_factory=dict)
    overlaps: Mapping[int, int] = field(default_factory=dict)
    stays: Sequence[tuple[Microseconds, bool]] = ()


@dataclass(frozen=True)
class Replaying:
    """A rule over a span of time."""

    rule: Replayed
    start: Microseconds
    end: Microseconds

    def replayed(self, profile_ids: Sequence[int], done: Progress, *, place: int) -> Progress:
        """Return what is added up once these profiles are done, too."""
        entries, overlaps = Counter(done.entries), Counter(done.overlaps)
        lengths, matched = list(done.stays), []
        zone = ZoneInfo(site_zone())
        for profile_id, since, found in self._stays(profile_ids):
            if found:
                matched.append(profile_id)
            for stay in found:
                # Who is inside when the span begins came before; when is not known.
                if stay.start == self.start and since < self.start:
                    continue
                entries[moment(stay.start).astimezone(zone).date().isoformat()] += 1
                until = self.end if stay.end is None else stay.end
                lengths.append((until - stay.start, stay.end is not None))
        if matched:
            overlaps.update(self._segments_of(matched))
        return Progress(
            place=place,
            matched=done.matched + len(matched),
            entries=dict(entries),
            overlaps=dict(overlaps),
            stays=lengths,
        )

    def _stays(
        self, profile_ids: Sequence[int]
    ) -> Iterator[tuple[int, Microseconds, list[Interval]]]:
        """Yield each profile with when it was first seen and its stays."""
        pasts = self._pasts(profile_ids)
        logs = read_logs(
            profile_ids,
            names=self.rule.events,
            learns=self.rule.learns,
            until=moment(self.end),
        )
        walk = partial(stays, self.rule, start=self.start, end=self.end)
        for profile_id, events in logs:
            if (past := pasts.pop(profile_id, None)) is not None:
                yield profile_id, past.since, walk(past, events)
        for profile_id, past in pasts.items():
            yield profile_id, past.since, walk(past, ())

    def _pasts(self, profile_ids: Sequence[int]) -> dict[int, Past]:
        by_hand = self._by_hand(profile_ids)
        rows = Snapshot.objects.filter(pk__in=profile_ids, first_seen__isnull=False)
        return {
            snapshot.pk: Past(
                since=microseconds(snapshot.first_seen),  # type: ignore[arg-type]
                traits={
                    name: value
                    for name, value in snapshot.traits.items()
                    if name not in snapshot.trait_times
                },
                features=snapshot.features,
                consents=snapshot.consents,
                memberships=by_hand.get(snapshot.pk, {}),
                log=partial(read_log, snapshot.pk),
            )
            for snapshot in rows.only("traits", "trait_times", "features", "consents", "first_seen")
        }

    def _by_hand(self, profile_ids: Sequence[int]) -> ByHand:
        """Return the memberships of segments kept by hand that the rule looks at."""
        slugs = self.rule.segments
        if not slugs:
            return {}
        found: dict[int, dict[str, list[Interval]]] = {}
        rows = self._memberships(profile_ids).filter(
            segment__slug__in=slugs, segment__kind=Segment.Kind.MANUAL
        )
        for profile_id, slug, since, until in rows.order_by("since").values_list(
            "profile", "segment__slug", "since", "until"
        ):
            end = None if until is None else microseconds(until)
            spans = found.setdefault(profile_id, {}).setdefault(slug, [])
            spans.append(Interval(microseconds(since), end))
        return found

    def _segments_of(self, profile_ids: Sequence[int]) -> Counter[int]:
        """Return for each segment how many of the profiles were in it in the span."""
        pairs = self._memberships(profile_ids).order_by().values_list("segment", "profile")
        return Counter(segment_id for segment_id, _ in pairs.distinct())

    def _memberships(self, profile_ids: Sequence[int]) -> QuerySet[Membership]:
        """Return the memberships in the span; of versions of a segment, of the one that serves."""
        return Membership.objects.filter(
            Q(until=None) | Q(until__gt=moment(self.start)),
            Q(version=None) | Q(version=F("segment__serving")),
            profile__in=profile_ids,
            since__lt=moment(self.end),
        )
