"""What the event log has of who did what with items: rows, that need no numpy to be counted.

Of visitors who agree to personalization now, and of nobody else: who takes it back is left
out of the next training. Profiles are read in chunks, so that memory holds the events of one
chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter

from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from personalization.conf import settings
from personalization.events.models import Event
from personalization.ml.consenting import CONSENTS
from personalization.ml.item_events import ItemEvents
from personalization.ml.training.journeys import Done, Happened, Window, journey
from personalization.profiles.models import Snapshot, Visit
from personalization.profiles.visits import Span

#: The path of the page that an event was sent from, as text: nobody looks into it.
_PATH = KeyTextTransform("path", KeyTransform("page", "context"))
#: Profiles whose events and visits are asked for together, by two queries.
CHUNK = 500


def done_with_items(
    *, since: datetime, until: datetime, events: ItemEvents
) -> Iterator[Iterator[Done]]:
    """Yield what each visitor did; each is to be read before the next is asked for."""
    window = Window(since=since, until=until, gap=settings.VISIT_GAP)
    numbers = _agreeing_profiles(since=since, until=until)
    while chunk := list(islice(numbers, CHUNK)):
        visits = _visits(chunk, window)
        for profile_id, happened in groupby(_read(chunk, window, events), key=itemgetter(0)):
            yield journey(
                (event for _, event in happened),
                visits.get(profile_id, ()),
                events=events,
                window=window,
            )


def _agreeing_profiles(*, since: datetime, until: datetime) -> Iterator[int]:
    """Yield who agrees and may have been there; who was never added up may have been."""
    seen = Q(last_seen__gte=since) | Q(last_seen=None)
    begun = Q(first_seen__lt=until) | Q(first_seen=None)
    agree = Snapshot.objects.filter(**{CONSENTS: True})
    numbers = agree.filter(seen, begun).order_by("pk").values_list("pk", flat=True)
    return numbers.iterator(chunk_size=10_000)


def _read(
    profile_ids: list[int], window: Window, events: ItemEvents
) -> Iterator[tuple[int, Happened]]:
    rows = Event.objects.filter(
        identity__profile__in=profile_ids,
        name__in=sorted(events.names),
        timestamp__gte=window.since,
        timestamp__lt=window.until,
    ).order_by("identity__profile")
    columns = ("timestamp", "message_id", "name", "properties", _PATH)
    for profile_id, *event in rows.values_list("identity__profile_id", *columns).iterator(
        chunk_size=2000
    ):
        yield profile_id, Happened(*event)


def _visits(profile_ids: Iterable[int], window: Window) -> dict[int, list[Span]]:
    """Return the visits that reach into the window, in the order of time, by profile."""
    rows = Visit.objects.filter(
        profile__in=profile_ids, ended_at__gte=window.since, started_at__lt=window.until
    )
    found: dict[int, list[Span]] = {}
    for profile_id, start, end, n in rows.order_by("started_at").values_list(
        "profile_id", "started_at", "ended_at", "events"
    ):
        found.setdefault(profile_id, []).append(Span(start, end, n))
    return found
