"""Bring what is kept encrypted under the newest key, wherever it lies in the database.

Portion by portion, each in a transaction of its own. What the newest key opens is passed
over, so that a run that was killed is simply begun anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from personalization.events.models import BufferedBatch, Event
from personalization.exceptions import CannotDecrypt
from personalization.ingest.models import DeadLetter
from personalization.ingest.quarantine import FAILED
from personalization.ingest.sealing import resealed_call
from personalization.privacy.encryption import resealed
from personalization.profiles.models import Snapshot

CHUNK: Final = 200


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Rows that were looked at: how many were sealed anew, and how many no key opens."""

    place: str
    looked: int
    changed: int
    unreadable: int


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Rows with traits: `field` has them, `anew` returns its value sealed anew."""

    name: str
    rows: QuerySet[Any]
    field: str
    anew: Callable[[Any], Any]


def reencrypt() -> Iterator[Portion]:
    """Seal all encrypted traits with the newest key, a portion for each step.

    Also those that are kept in plain text since before they were to be encrypted.

    :raises CannotEncrypt: without a key, or without the extra.
    """
    for place in _places():
        after = 0
        while portion := _portion(place, after=after):
            after, told = portion
            yield told


def _places() -> tuple[_Place, ...]:
    return (
        _Place(
            name="events",
            rows=Event.objects.filter(type=Event.Type.IDENTIFY),
            field="properties",
            anew=lambda event: resealed(event.properties),
        ),
        _Place(
            name="profiles",
            rows=Snapshot.objects.exclude(traits={}),
            field="traits",
            anew=lambda snapshot: resealed(snapshot.traits),
        ),
        _Place(name="dead letters", rows=DeadLetter.objects.all(), field="body", anew=_letter),
        _Place(
            name="buffer",
            rows=BufferedBatch.objects.all(),
            field="payload",
            anew=_payload,
        ),
    )


def _portion(place: _Place, *, after: int) -> tuple[int, Portion] | None:
    """Return the last number that was looked at, and what became of the rows."""
    changed = unreadable = 0
    with transaction.atomic():
        # Under lock: a worker that states a trait meanwhile waits, and is not undone.
        rows = list(place.rows.select_for_update().filter(pk__gt=after).order_by("pk")[:CHUNK])
        for row in rows:
            try:
                value = place.anew(row)
            except CannotDecrypt:
                unreadable += 1
                continue
            if value != getattr(row, place.field):
                type(row).objects.filter(pk=row.pk).update(**{place.field: value})
                changed += 1
    if not rows:
        return None
    told = Portion(place=place.name, looked=len(rows), changed=changed, unreadable=unreadable)
    return rows[-1].pk, told


def _payload(batch: BufferedBatch) -> str:
    arrivals = json.loads(batch.payload)
    anew = [_arrival(each) for each in arrivals]
    return batch.payload if anew == arrivals else json.dumps(anew)


def _letter(letter: DeadLetter) -> str:
    try:
        call = json.loads(letter.body)
    except (ValueError, RecursionError):  # it came so, and nothing in it is sealed
        return letter.body
    if not isinstance(call, dict):
        return letter.body
    anew = _arrival(call) if letter.code == FAILED else resealed_call(call)
    return letter.body if anew == call else json.dumps(anew)


def _arrival(arrival: dict[str, Any]) -> dict[str, Any]:
    properties = arrival.get("properties")
    if arrival.get("type") != Event.Type.IDENTIFY or not isinstance(properties, dict):
        return arrival
    return {**arrival, "properties": resealed(properties)}
