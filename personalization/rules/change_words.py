"""What happens to a visitor, line by line in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.change import Change
from personalization.rules.compare import shown
from personalization.rules.leaves.context import FIELDS
from personalization.rules.occurrence import Occurrence
from personalization.rules.repair import instant_words
from personalization.rules.words import times_words
from personalization.types import Json, Microseconds, Purpose


def change_words(change: Change, catalogue: Catalogue, *, now: Microseconds) -> tuple[str, ...]:
    """Return what is known of the visitor, then what happens, in the order of time.

    Instants are those on the clock of the site, as seen from `now`.
    """
    return (
        *_known(change, catalogue),
        *_events(change, catalogue, now),
        *_idle(change, now),
    )


def _known(change: Change, catalogue: Catalogue) -> Iterator[str]:
    yield from _values(change.traits, catalogue.traits)
    yield from _values(change.features, catalogue.features)
    for purpose, agreed in change.consents.items():
        verb = "agrees" if agreed else "does not agree"
        yield f"{verb} to {Purpose(purpose).label.lower()}"
    for slug, inside in change.memberships.items():
        name = catalogue.segments.get(slug, slug)
        yield f"is {'' if inside else 'not '}in “{name}” (by hand)"
    yield from _values(change.context, FIELDS)


def _values(
    data: Mapping[str, Json], fields: Mapping[str, Field], *, path: str = ""
) -> Iterator[str]:
    for key, value in data.items():
        name = f"{path}{key}"
        if isinstance(value, Mapping):
            yield from _values(value, fields, path=f"{name}.")
            continue
        label = fields[name].label if name in fields else name
        yield f"{label} is {'not known' if value is None else shown(value)}"


def _events(change: Change, catalogue: Catalogue, now: Microseconds) -> Iterator[str]:
    for _, alike in groupby(change.occurrences, key=_look):
        events = list(alike)
        first, last = events[0], events[-1]
        words = [catalogue.phrase(first.name)]
        if len(events) > 1:
            words.append(times_words(len(events)))
        if first.properties:
            known = catalogue.events.get(first.name)
            fields = known.properties if known else {}
            words.append(f"({', '.join(_values(first.properties, fields))})")
        begin, end = (instant_words(one.at, now=now) for one in (first, last))
        words.append(f"at {begin}" if begin == end else f"from {begin} to {end}")
        yield " ".join(words)


def _look(occurrence: Occurrence) -> tuple[str, str]:
    return occurrence.name, repr(occurrence.properties)


def _idle(change: Change, now: Microseconds) -> Iterator[str]:
    last = change.occurrences[-1].at if change.occurrences else now
    if change.at > last:
        yield f"nothing more until {instant_words(change.at, now=now, late=True)}"
