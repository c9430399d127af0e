"""Features of people at instants, from the event log: each row knows nothing later than its own.

People who do not consent to personalization have no row. The log is read a few people at a
time, so the memory it takes is that of the table and of the longest of their histories.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TypeAlias

import numpy as np

from personalization.clock import microseconds, moment, site_zone, span
from personalization.conf import settings
from personalization.events.models import Event
from personalization.ml.arrays import Doubles, Indices, Instants
from personalization.ml.consenting import consenting
from personalization.ml.features.deeds import Deed, deed_of
from personalization.ml.features.definitions import Definition, definition_of, version_of
from personalization.ml.features.joined import Joined, joined_later
from personalization.ml.features.past import Past
from personalization.ml.features.shipped import names
from personalization.rules.occurrence import Occurrence
from personalization.types import Microseconds

#: People that are read at a time, and events that are fetched at a time.
_PEOPLE, _EVENTS = 200, 2000
#: A profile, and an instant of which its features are wanted.
Wanted: TypeAlias = tuple[int, Microseconds]


@dataclass(frozen=True, kw_only=True)
class FeatureTable:
    """Rows (n × features; NaN: not known), each of a visitor at an instant.

    `visitors` are numbers that say nothing of who it is; `profiles` has, in their order, the
    profiles that they stand for. It never leaves the site unless somebody asks for it.
    """

    rows: Doubles
    features: tuple[str, ...]
    visitors: Indices
    at: Instants
    #: Of the definitions of `features` (definitions.py).
    version: str
    profiles: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def profile(self, row: int) -> int:
        """Return whose the row is."""
        return self.profiles[int(self.visitors[row])]


def feature_table(
    wanted: Iterable[Wanted], *, features: Sequence[str] | None = None
) -> FeatureTable:
    """Return a row for each of `wanted` whose profile consents, in their order.

    `features` are names; None: all that there are but those of paths. Three queries for 200
    profiles, and a fourth if some of these were found to be one person later.

    :raises UnknownFeature: for a name that there is not.
    """
    chosen = names() if features is None else tuple(features)
    gap, zone = span(settings.VISIT_GAP), site_zone()
    version = version_of(chosen, gap=gap, zone=zone)
    definitions = [definition_of(name) for name in chosen]
    asked = list(wanted)
    rows = np.full((len(asked), len(chosen)), np.nan)
    agreed: set[int] = set()
    places = _places(asked)
    for some in _chunks(sorted(places)):
        agreed.update(agree := consenting(some))
        instants = [asked[place][1] for each in agree for place in places[each]]
        joined = joined_later(agree, than=min(instants)) if agree else {}
        for profile_id, deeds in deeds_of(agree, until=max(instants, default=0)):
            links = joined.get(profile_id)
            for place in places[profile_id]:
                past = past_of(deeds, at=asked[place][1], gap=gap, zone=zone, joined=links)
                rows[place] = row_of(past, definitions)
    kept = [place for place, (profile_id, _) in enumerate(asked) if profile_id in agreed]
    numbers = {
        profile_id: number
        for number, profile_id in enumerate(dict.fromkeys(asked[place][0] for place in kept))
    }
    return FeatureTable(
        rows=rows[kept],
        features=chosen,
        visitors=np.array([numbers[asked[place][0]] for place in kept], np.int32),
        at=np.array([asked[place][1] for place in kept], np.int64),
        version=version,
        profiles=tuple(numbers),
    )


def past_of(
    deeds: Sequence[Deed],
    *,
    at: Microseconds,
    gap: Microseconds,
    zone: str,
    joined: Joined | None = None,
) -> Past:
    """Return the past at an instant: of `deeds`, in their order, those that are not later, and of
    them those of who was there last, as far as it was known by then who that is."""
    known = deeds[: bisect_right(deeds, at, key=attrgetter("at"))]
    if joined is not None and known:
        strangers = joined.strangers(known[-1].identity, at=at)
        known = [deed for deed in known if deed.identity not in strangers]
    return Past(deeds=known, at=at, gap=gap, zone=zone)


def row_of(past: Past, definitions: Sequence[Definition]) -> Doubles:
    """Return what each of the definitions says of a past."""
    return np.array([each.value(past) for each in definitions], np.float64)


def deeds_of(
    profile_ids: Sequence[int], *, until: Microseconds, since: Microseconds | None = None
) -> Iterator[tuple[int, list[Deed]]]:
    """Yield what each of the profiles did since an instant and up to another, in its order (one
    query)."""
    if not profile_ids:
        return
    events = Event.objects.filter(
        identity__profile__in=profile_ids, timestamp__lte=moment(until)
    ).order_by("identity__profile", "timestamp")
    if since is not None:
        events = events.filter(timestamp__gte=moment(since))
    rows = events.values_list(
        "identity__profile_id", "type", "name", "properties", "timestamp", "message_id", "context",
        "identity",
    )  # fmt: skip
    left = dict.fromkeys(profile_ids)
    for profile_id, of_profile in groupby(rows.iterator(chunk_size=_EVENTS), key=itemgetter(0)):
        del left[profile_id]
        yield (
            profile_id,
            sorted(
                deed_of(
                    Occurrence(kind, name, properties, microseconds(at), message_id),
                    context,
                    identity=identity,
                )
                for _, kind, name, properties, at, message_id, context, identity in of_profile
            ),
        )
    yield from ((profile_id, []) for profile_id in left)


def _places(asked: Sequence[Wanted]) -> dict[int, list[int]]:
    places: dict[int, list[int]] = {}
    for place, (profile_id, _) in enumerate(asked):
        places.setdefault(profile_id, []).append(place)
    return places


def _chunks(profile_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(profile_ids), _PEOPLE):
        yield profile_ids[start : start + _PEOPLE]
