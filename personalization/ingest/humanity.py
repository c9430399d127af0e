"""No profile before a proof of humanity: a second view, or something done.

What a browser sends of somebody we know nothing about is held until then. Whether it is
proved depends on the set of what was sent, not on its order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from django.db import transaction
from django.db.models import Count, Exists, Max, OuterRef

from personalization import hints, metrics
from personalization.events.buffer import Batch, buffer
from personalization.events.messages import Message
from personalization.ingest.arrival import Arrival
from personalization.ingest.item import Item
from personalization.ingest.models import HeldEvent
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

#: How long a single view is held for a second one.
HELD_FOR: Final = timedelta(days=30)
#: How many held events one round of `release_held` looks at.
_ROUND: Final = 500
#: How long two workers may overlap.
_RACE: Final = timedelta(hours=1)


class Sent(Protocol):
    """An arrival with what tells it from its repetitions."""

    @property
    def arrival(self) -> Arrival: ...
    @property
    def message(self) -> Message: ...


S = TypeVar("S", bound=Sent)


def split(
    sent: Sequence[S], *, known: Collection[Key], held: Sequence[S] = ()
) -> tuple[list[S], list[S]]:
    """Return what goes on, with what was `held` and is proved now, and what is to be held.

    `known` are the identities that need no proof.
    """
    known = {*known, *(key for one in sent if one.arrival.joins for key in one.arrival.keys)}
    seen: dict[Key, dict[Message, Arrival]] = {}
    for one in (*held, *sent):
        seen.setdefault(one.arrival.key, {})[one.message] = one.arrival
    proved = {key for key, arrivals in seen.items() if _are_of_a_person(arrivals.values())}
    proved.update(key for key in seen if key in known)
    go = [one for one in (*held, *sent) if one.arrival.key in proved]
    return go, [one for one in sent if one.arrival.key not in proved]


def _are_of_a_person(arrivals: Collection[Arrival]) -> bool:
    """Return whether something was done, or viewed again.

    Not two views of different kinds: a page may report with one load that it and the
    product on it were viewed.
    """
    views = Counter(arrival.name for arrival in arrivals if is_view(arrival))
    return views.total() < len(arrivals) or any(n > 1 for n in views.values())


def is_view(arrival: Arrival) -> bool:
    """Return whether the event may have come about by loading a page alone."""
    return arrival.type in ("page", "screen") or arrival.name.endswith(" Viewed")


def prove(items: Sequence[Item], *, known: Collection[Key]) -> list[Item]:
    """Return the items of a claim that go on; the others are held from now on.

    Costs nothing where all come from servers or are of known identities, else one query;
    with the transaction of the claim.
    """
    trusted = [item for item in items if _is_trusted(item)]
    known = {*known, *(key for item in trusted for key in item.arrival.keys)}
    sure = [item for item in items if _is_sure(item, known)]
    if len(sure) == len(items):
        return list(items)
    unsure = [item for item in items if not _is_sure(item, known)]
    held = {row.pk: _item(row) for row in _rows_of({item.arrival.key for item in unsure})}
    go, hold = split(unsure, known=known, held=list(held.values()))
    _hold(hold)
    released = {item.message for item in go}
    HeldEvent.objects.filter(
        pk__in=[pk for pk, item in held.items() if item.message in released]
    ).delete()
    return [*sure, *go]


def _is_sure(item: Item, known: Collection[Key]) -> bool:
    return _is_trusted(item) or item.arrival.key in known


def _is_trusted(item: Item) -> bool:
    return item.source.is_server and not item.arrival.unproved


def _rows_of(keys: Collection[Key]) -> list[HeldEvent]:
    rows = (
        HeldEvent.objects.filter(
            namespace__in={key.namespace for key in keys}, value__in={key.value for key in keys}
        )
        .select_related("source")
        .order_by("pk")
    )
    return [row for row in rows if Key(row.namespace, row.value) in keys]


def _item(row: HeldEvent) -> Item:
    return Item(Arrival.from_json(json.loads(row.arrival)), row.source, row.received_at)


def _hold(items: Iterable[Item]) -> None:
    rows = [
        HeldEvent(
            source=item.source,
            message_id=item.arrival.message_id,
            namespace=item.arrival.key.namespace,
            value=item.arrival.key.value,
            arrival=json.dumps(item.arrival.to_json()),
            received_at=item.received_at,
        )
        for item in items
    ]
    HeldEvent.objects.bulk_create(rows, ignore_conflicts=True)
    metrics.count("events.held", by=len(rows))


# -- sweeps -------------------------------------------------------------------------------


def release_held(*, now: datetime) -> int:
    """Put back what is of somebody known by now, or proved by what two workers held at once.

    Returns how many events go through the buffer again.
    """
    with transaction.atomic():
        rows = _of_known() + _proved_since(now - _RACE)
        for (source_id, received_at), some in _together(rows).items():
            events = [json.loads(row.arrival) for row in some]
            buffer().append(Batch(source_id=source_id, events=events, received_at=received_at))
        HeldEvent.objects.filter(pk__in=[row.pk for row in rows]).delete()
    if rows:
        hints.hint(hints.PROCESS_EVENTS)
    return len(rows)


def purge_held(*, now: datetime) -> int:
    """Forget views that nothing followed for long; return how many."""
    deleted, _ = HeldEvent.objects.filter(received_at__lt=now - HELD_FOR).delete()
    return deleted


def _of_known() -> list[HeldEvent]:
    identity = Identity.objects.filter(namespace=OuterRef("namespace"), value=OuterRef("value"))
    return list(HeldEvent.objects.filter(Exists(identity)).order_by("pk")[:_ROUND])


def _proved_since(since: datetime) -> list[HeldEvent]:
    """Return those of whom two workers held an event each, so that neither saw the proof."""
    several = (
        HeldEvent.objects.values("namespace", "value")
        .annotate(n=Count("pk"), newest=Max("received_at"))
        .filter(n__gt=1, newest__gt=since)
        .order_by("-newest")[:_ROUND]
    )
    keys = {Key(group["namespace"], group["value"]) for group in several}
    rows = {row.pk: row for row in _rows_of(keys)}
    items = {(row.source_id, row.message_id): row for row in rows.values()}
    proved, _ = split([_item(row) for row in rows.values()], known=())
    return [items[item.message] for item in proved]


def _together(rows: Iterable[HeldEvent]) -> dict[tuple[int, datetime], list[HeldEvent]]:
    batches: dict[tuple[int, datetime], list[HeldEvent]] = {}
    for row in {row.pk: row for row in rows}.values():
        batches.setdefault((row.source_id, row.received_at), []).append(row)
    return batches
