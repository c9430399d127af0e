"""What became of lists that were shown: how many led to one of their items, by what scored them.

Served lists are events (`Recommendation Shown`), and so is what was done with their items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

from django.db.models import F, QuerySet, Window
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import RowNumber

from personalization.events.catalogue import RECOMMENDATION_SHOWN
from personalization.events.models import Event
from personalization.ml.feedback import item_events
from personalization.ml.item_events import ItemEvents

#: How soon something has to be done with an item of a list to count for it.
WITHIN: Final = timedelta(minutes=30)
#: The newest lists alone are looked at.
LISTS: Final = 5000
#: Visitors whose events are asked for together.
_CHUNK: Final = 500
_COLUMNS: Final = ("identity", "timestamp", "properties")
_MODEL: Final = KeyTextTransform("model", "properties")


class Shown(NamedTuple):
    """A list that was shown to the visitor of an identity; `model` is what scored it."""

    identity_id: int
    at: datetime
    model: str
    items: frozenset[str]


class Touched(NamedTuple):
    """Something that was done with an item."""

    identity_id: int
    at: datetime
    item: str


@dataclass(frozen=True, kw_only=True)
class ClickThrough:
    """Lists that `model` scored (“recommend 7”, “popularity”), and how many of them led to
    one of their items."""

    model: str
    lists: int
    clicked: int

    @property
    def share(self) -> float:
        return self.clicked / self.lists


def click_through(*, since: datetime, until: datetime) -> list[ClickThrough]:
    """Return what became of the lists that were shown from `since` until before `until`, by what
    scored them: the one with most lists first. A query, and another for 500 visitors."""
    rows = _lists(since=since, until=until).order_by("-timestamp").values_list(*_COLUMNS)[:LISTS]
    shown = [one for row in rows if (one := _shown(*row)) is not None]
    return click_through_of(shown, list(_touched(shown, events=item_events())))


def click_through_of_each(
    models: Collection[str], *, since: datetime, until: datetime
) -> list[ClickThrough]:
    """Return the same of these models alone, of each the newest lists, so that none crowds the
    others out. As many queries, however many models there are."""
    newest = Window(
        RowNumber(), partition_by=_MODEL, order_by=(F("timestamp").desc(), F("pk").desc())
    )
    rows = (
        _lists(since=since, until=until)
        .filter(properties__model__in=sorted(models))
        .annotate(place=newest)
        .filter(place__lte=LISTS)
        .order_by("identity")
        .values_list(*_COLUMNS)
    )
    found: list[ClickThrough] = []
    events = item_events()
    # Visitor by visitor: of many models there are more lists than a process should hold.
    by_visitor = groupby(rows.iterator(chunk_size=2000), key=itemgetter(0))
    while some := [list(of_visitor) for _, of_visitor in islice(by_visitor, _CHUNK)]:
        shown = [one for of in some for row in of if (one := _shown(*row)) is not None]
        found += click_through_of(shown, _touched(shown, events=events))
    return _summed(found)


def _lists(*, since: datetime, until: datetime) -> QuerySet[Event]:
    return Event.objects.filter(
        name=RECOMMENDATION_SHOWN, timestamp__gte=since, timestamp__lt=until
    )


def _summed(found: Iterable[ClickThrough]) -> list[ClickThrough]:
    """Return what parts of the visitors led to as one."""
    lists: Counter[str] = Counter()
    clicked: Counter[str] = Counter()
    for one in found:
        lists[one.model] += one.lists
        clicked[one.model] += one.clicked
    return _in_order(lists, clicked)


def click_through_of(shown: Sequence[Shown], touched: Iterable[Touched]) -> list[ClickThrough]:
    """Return the same of given lists and deeds, in any order. Pure."""
    deeds: dict[int, list[Touched]] = {}
    for one in touched:
        deeds.setdefault(one.identity_id, []).append(one)
    lists: dict[str, int] = {}
    clicked: dict[str, int] = {}
    for each in shown:
        lists[each.model] = lists.get(each.model, 0) + 1
        if any(_follows(one, each) for one in deeds.get(each.identity_id, ())):
            clicked[each.model] = clicked.get(each.model, 0) + 1
    return _in_order(lists, clicked)


def _in_order(lists: Mapping[str, int], clicked: Mapping[str, int]) -> list[ClickThrough]:
    found = [
        ClickThrough(model=model, lists=n, clicked=clicked.get(model, 0))
        for model, n in lists.items()
    ]
    return sorted(found, key=lambda one: (-one.lists, one.model))


def _follows(deed: Touched, shown: Shown) -> bool:
    return deed.item in shown.items and timedelta(0) < deed.at - shown.at <= WITHIN


def _shown(identity_id: int, at: datetime, properties: Any) -> Shown | None:
    """Return the list of an event; None for one that a client made up badly."""
    if not isinstance(properties, Mapping):
        return None
    model, items = properties.get("model"), properties.get("items")
    if not isinstance(model, str) or not isinstance(items, list):
        return None
    return Shown(identity_id, at, model, frozenset(one for one in items if isinstance(one, str)))


def _touched(shown: Sequence[Shown], *, events: ItemEvents) -> Iterable[Touched]:
    if not shown:
        return
    names = sorted(name for name in events.names if events.weights[name] > 0)
    first, last = min(one.at for one in shown), max(one.at for one in shown)
    identities = sorted({one.identity_id for one in shown})
    for begin in range(0, len(identities), _CHUNK):
        rows = Event.objects.filter(
            identity__in=identities[begin : begin + _CHUNK],
            name__in=names,
            timestamp__gt=first,
            timestamp__lte=last + WITHIN,
        ).values_list("identity", "timestamp", "name", "properties")
        for identity_id, at, name, properties in rows.iterator(chunk_size=2000):
            for concern in events.read(name, properties):
                yield Touched(identity_id, at, concern.item)
