"""Suggest which profiles may be one person, from what the visitors agreed to have used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay

from personalization.events.models import Event
from personalization.ingest.merges import merge_profiles
from personalization.ingest.network import AGENT, PREFIX
from personalization.privacy.encryption import is_sealed
from personalization.profiles.models import LinkVerdict, Merge, MergeSuggestion, Profile, Snapshot
from personalization.profiles.suggestions import (
    Pair,
    Portrait,
    Suggestion,
    compared_traits,
    suggest,
)
from personalization.types import Purpose

#: How far back somebody must have been here, and how far back habits are looked for.
SEEN, HABITS = timedelta(days=180), timedelta(days=60)
#: Whose events are fewer has no habits.
_FEWEST = 5
_WEEKEND, _DAY_PARTS = 6, ("night", "morning", "afternoon", "evening")

Values = dict[str, frozenset[str]]


def renew_suggestions(*, now: datetime, at_least: float) -> int:
    """Replace the suggestions nobody has decided on; return how many there are.

    Only of visitors who agreed to personalization. A pair that an operator dismissed,
    or parted, is not suggested again.
    """
    portraits = list(portraits_of_visitors(now=now))
    with transaction.atomic():
        MergeSuggestion.objects.filter(status=MergeSuggestion.Status.OPEN).delete()
        found = suggest(portraits, apart=_decided(), at_least=at_least)
        # Some may have been merged away since they were looked at.
        there = Profile.objects.in_bulk({number for each in found for number in each.pair})
        rows = [_row(each, now) for each in found if there.keys() >= set(each.pair)]
        MergeSuggestion.objects.bulk_create(rows)
    return len(rows)


def accept_suggestion(suggestion: MergeSuggestion, *, now: datetime, by: Any) -> int:
    """Merge the two profiles and return the number of the one that is left.

    :raises MergeRefused: when one of them is gone.
    """
    one, other = suggestion.one_id, suggestion.other_id
    return merge_profiles(one, other, now=now, by=by, cause=Merge.Cause.SUGGESTION)


def dismiss_suggestions(suggestions: QuerySet[MergeSuggestion], *, now: datetime, by: Any) -> int:
    """Have the pairs never suggested again; return how many were open."""
    waiting = suggestions.filter(status=MergeSuggestion.Status.OPEN)
    return waiting.update(status=MergeSuggestion.Status.DISMISSED, decided_at=now, decided_by=by)


def _row(found: Suggestion, now: datetime) -> MergeSuggestion:
    one, other = found.pair
    return MergeSuggestion(
        one_id=one,
        other_id=other,
        probability=found.probability,
        weights={
            name: {"agrees": agrees, "weight": round(weight, 2)}
            for name, (agrees, weight) in found.weights.items()
        },
        created_at=now,
    )


def _decided() -> set[Pair]:
    dismissed = MergeSuggestion.objects.values_list("one", "other")
    apart = LinkVerdict.objects.filter(together=False).values_list("one__profile", "other__profile")
    return {(min(pair), max(pair)) for pair in (*dismissed, *apart)}


def portraits_of_visitors(*, now: datetime) -> Iterator[Portrait]:
    """Yield what is compared of each visitor who agreed to it and was here of late."""
    habits = _habits(now=now)
    for profile_id, traits in (
        _agreed().filter(last_seen__gte=now - SEEN).values_list("pk", "traits").iterator()
    ):
        # What is encrypted is another text each time, and would speak against everybody.
        plain = {name: value for name, value in traits.items() if not is_sealed(value)}
        values = {**compared_traits(plain), **habits.get(profile_id, {})}
        if values:
            yield Portrait(profile_id, values)


def _agreed() -> QuerySet[Snapshot]:
    return Snapshot.objects.filter(**{f"consents__{Purpose.PERSONALIZATION.value}": True})


def _habits(*, now: datetime) -> Mapping[int, Values]:
    """Return the networks, browsers and times of day of each profile (three queries)."""
    events = Event.objects.filter(
        timestamp__gte=now - HABITS, identity__profile__snapshot__in=_agreed()
    ).order_by()
    found: defaultdict[int, Values] = defaultdict(dict)
    for name, key in (("network", PREFIX), ("agent", AGENT)):
        rows = events.values_list("identity__profile", f"context__network__{key}").distinct()
        for profile_id, values in _collected(rows).items():
            found[profile_id][name] = values
    for profile_id, part in _daytimes(events):
        found[profile_id]["daytime"] = frozenset([part])
    return found


def _collected(rows: Iterable[tuple[int, Any]]) -> dict[int, frozenset[str]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    for profile_id, value in rows:
        if isinstance(value, str):
            found[profile_id].add(value)
    return {profile_id: frozenset(values) for profile_id, values in found.items()}


def _daytimes(events: QuerySet[Event]) -> Iterator[tuple[int, str]]:
    """Yield the part of the day in which each profile does most, where it does enough."""
    rows = events.annotate(day=ExtractIsoWeekDay("timestamp"), hour=ExtractHour("timestamp"))
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for profile_id, day, hour, n in rows.values_list("identity__profile", "day", "hour").annotate(
        n=Count("pk")
    ):
        week = "weekend" if day >= _WEEKEND else "workday"
        counts[profile_id][f"{week} {_DAY_PARTS[hour // 6]}"] += n
    for profile_id, parts in counts.items():
        if parts.total() >= _FEWEST:
            yield profile_id, min(parts, key=lambda part: (-parts[part], part))
