"""How long the histories of people are. Models read all of one for each score, so that is what a
score costs; the snapshots know it without the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from django.db.models import BigIntegerField, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from personalization.profiles.features import EVENTS
from personalization.profiles.models import Snapshot

#: Events of one person, or of several together, that may be read while others wait.
LONG: Final = 5_000

#: A profile, and how many events it has.
Counted: TypeAlias = tuple[int, int]

_EVENTS = Coalesce(Cast(KeyTextTransform(EVENTS, "sums"), BigIntegerField()), 0)


def counted(snapshots: QuerySet[Snapshot]) -> list[Counted]:
    """Return the profiles of the snapshots, in their order, with their events (one query)."""
    return list(snapshots.annotate(events=_EVENTS).values_list("pk", "events"))


def short(snapshots: QuerySet[Snapshot]) -> QuerySet[Snapshot]:
    """Return those of the snapshots whose history is not long."""
    return snapshots.annotate(events=_EVENTS).filter(events__lte=LONG)


def portions(people: Iterable[Counted], *, most: int) -> Iterator[list[int]]:
    """Yield the profiles in their order, at most so many together, and of no more than `LONG`
    events; whoever has more alone is alone."""
    portion: list[int] = []
    events = 0
    for profile_id, n in people:
        if portion and (len(portion) == most or events + n > LONG):
            yield portion
            portion, events = [], 0
        portion.append(profile_id)
        events += n
    if portion:
        yield portion
