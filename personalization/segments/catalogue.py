"""What rules of this site may speak of: what is shipped and what was really sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from personalization.conf import settings
from personalization.events.catalogue import fields, known_events
from personalization.events.models import Event
from personalization.events.schemas import schemas_in_force
from personalization.profiles import derived, modelled
from personalization.profiles.models import Snapshot
from personalization.rules.catalogue import Catalogue, EventKind, Field
from personalization.rules.compare import OF_ENCRYPTED, OPERATORS, WORDS, shown, type_of
from personalization.rules.leaves.context import FIELDS as CONTEXT_FIELDS
from personalization.rules.leaves.context import WEEKDAYS
from personalization.rules.reading import can_be_named
from personalization.rules.sql import JsonType
from personalization.rules.threshold import COUNT_OPERATORS
from personalization.segments.models import Segment
from personalization.types import Json, Purpose

#: Segment's reserved traits that are not personal by nature, offered before anybody has them.
_TRAITS: Mapping[str, JsonType] = {"plan": "text", "company": "text", "age": "number"}
_SAMPLE = 500
DEVICES = ("desktop", "mobile", "tablet")


def catalogue() -> Catalogue:
    """Return the catalogue of this site (five queries, six where a model of a goal serves)."""
    return Catalogue(
        traits=_traits(),
        features={**derived.fields(), **modelled.fields()},
        events=_events(),
        segments=_segments(),
        retention=settings.RETENTION,
        encrypted=frozenset(settings.ENCRYPTED_TRAITS),
    )


def _segments() -> dict[str, str]:
    active = Segment.objects.listed().filter(active=True)
    return dict(active.values_list("slug", "name"))


def _traits() -> dict[str, Field]:
    newest = Snapshot.objects.exclude(traits={}).order_by("-last_seen")
    seen = _types(newest.values_list("traits", flat=True)[:_SAMPLE])
    named: dict[str, JsonType] = dict.fromkeys(settings.ENCRYPTED_TRAITS, "text")
    return fields({**_TRAITS, **seen, **named})


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


#: All that fields of the request can be, where that is few.
_CHOICES: Mapping[str, Json] = {
    "device": [{"value": device, "label": device} for device in DEVICES],
    "weekday": [{"value": day, "label": day.title()} for day in WEEKDAYS],
}

#: What the editor has instead of a type for a trait that is kept encrypted.
_ENCRYPTED: Mapping[str, Json] = {"type": "encrypted", "unit": "(kept encrypted)"}


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
        "traits": [
            {**field, **(_ENCRYPTED if field["name"] in source.encrypted else {})}
            for field in _editor_fields(source.traits)
        ],
        "features": _editor_fields(source.features),
        "segments": [{"slug": slug, "name": name} for slug, name in source.segments.items()],
        "context": [
            {**field, "values": _CHOICES.get(str(field["name"]))}
            for field in _editor_fields(CONTEXT_FIELDS)
        ],
        "purposes": [{"value": p.value, "label": str(p.label)} for p in Purpose],
        "operators": {
            kind: [{"value": operator, "label": WORDS[operator]} for operator in operators]
            for kind, operators in (*OPERATORS.items(), ("encrypted", OF_ENCRYPTED))
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


def _editor_fields(found: Mapping[str, Field]) -> list[dict[str, Json]]:
    return [
        {
            "name": field.name,
            "label": field.label,
            "type": field.type,
            "unit": field.unit,
            **({"values": _choices(field)} if field.values else {}),
        }
        for field in found.values()
    ]


def _choices(field: Field) -> Json:
    return [{"value": value, "label": shown(value)} for value in field.values]
