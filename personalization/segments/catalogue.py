"""What rules of this site may speak of: what is shipped and what was really sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from personalization.conf import settings
from personalization.events.catalogue import fields, known_events
from personalization.events.models import Event
from personalization.events.schemas import schemas_in_force
from personalization.profiles.features import definitions
from personalization.profiles.models import Snapshot
from personalization.rules.catalogue import Catalogue, EventKind, Field
from personalization.rules.compare import OPERATORS, WORDS, type_of
from personalization.rules.leaves.event import COUNT_OPERATORS
from personalization.rules.reading import can_be_named
from personalization.rules.sql import JsonType
from personalization.segments.models import Segment
from personalization.types import Json, Purpose

#: Segment's reserved traits that are not personal by nature, offered before anybody has them.
_TRAITS: Mapping[str, JsonType] = {"plan": "text", "company": "text", "age": "number"}
_SAMPLE = 500


def catalogue() -> Catalogue:
    """Return the catalogue of this site (four queries)."""
    return Catalogue(
        traits=_traits(),
        features=_features(),
        events=_events(),
        segments=dict(Segment.objects.filter(active=True).values_list("slug", "name")),
        retention=settings.RETENTION,
    )


def _features() -> dict[str, Field]:
    return {
        name: Field(name, definition.label, "number", definition.unit)
        for name, definition in definitions.items()
    }


def _traits() -> dict[str, Field]:
    newest = Snapshot.objects.exclude(traits={}).order_by("-last_seen")
    seen = _types(newest.values_list("traits", flat=True)[:_SAMPLE])
    return fields({**_TRAITS, **seen})


def _events() -> dict[str, EventKind]:
    events = known_events(schemas_in_force())
    sample = Event.objects.order_by("-id").values_list("name", "properties")[:_SAMPLE]
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for name, properties in sample:
        by_name.setdefault(name, []).append(properties)
    for name, seen in by_name.items():
        known = events.get(name) or EventKind(name, f"did “{name}”")
        stated = {field.name: field.type for field in known.properties.values()}
        events[name] = EventKind(name, known.phrase, fields({**_types(seen), **stated}))
    return events


def _types(objects: Iterable[Mapping[str, Any]]) -> dict[str, JsonType]:
    """Return the type of each key; what was seen with several types, or has a name that
    no rule can hold, is left out."""
    seen: dict[str, set[JsonType]] = {}
    for item in objects:
        for key, value in item.items():
            kind = type_of(value)
            if kind is not None and can_be_named(key):
                seen.setdefault(key, set()).add(kind)
    return {key: kinds.pop() for key, kinds in sorted(seen.items()) if len(kinds) == 1}


def editor_catalogue(source: Catalogue) -> Json:
    """Return the catalogue as the rule editor reads it."""
    return {
        "events": [
            {
                "name": event.name,
                "phrase": event.phrase,
                "properties": _editor_fields(event.properties),
            }
            for event in source.events.values()
        ],
        "traits": _editor_fields(source.traits),
        "features": _editor_fields(source.features),
        "segments": [{"slug": slug, "name": name} for slug, name in source.segments.items()],
        "purposes": [{"value": p.value, "label": str(p.label)} for p in Purpose],
        "operators": {
            kind: [{"value": operator, "label": WORDS[operator]} for operator in operators]
            for kind, operators in OPERATORS.items()
        },
        "count_operators": [
            {"value": operator, "label": label}
            for operator, label in zip(
                COUNT_OPERATORS,
                ("at least", "more than", "at most", "fewer than", "exactly", "other than"),
                strict=True,
            )
        ],
    }


def _editor_fields(found: Mapping[str, Field]) -> Json:
    return [
        {"name": field.name, "label": field.label, "type": field.type, "unit": field.unit}
        for field in found.values()
    ]
