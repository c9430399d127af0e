"""Everything that is held of somebody as one JSON document, written while it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from django.core.serializers.json import DjangoJSONEncoder

from personalization.conf import settings
from personalization.privacy.encryption import opened_traits
from personalization.profiles.stores import Store, Subject, stores
from personalization.types import Json, JsonObject

FORMAT = "personalization.export/1"


def export(subject: Subject, *, now: datetime, opened: bool = True) -> Iterator[str]:
    """Yield the document piece by piece, so that no history is too long for it.

    Its last member says that it is complete: one that was cut off on the way lacks it.
    With `opened`, what is kept encrypted can be read in it.
    """
    yield f'{{"format": "{FORMAT}", "made_at": "{now.isoformat()}", "whole_person": '
    yield f"{json.dumps(subject.is_whole)},\n"
    yield f'"identities": {json.dumps(sorted([key.namespace, key.value] for key in subject.keys))},\n'
    yield '"stores": {'
    for number, (name, store) in enumerate(shown_stores()):
        yield ",\n" if number else "\n"
        yield f"{json.dumps(name)}: "
        yield from _store(name, store, subject, opened=opened)
    yield '\n},\n"complete": true}\n'


def shown_stores() -> Iterator[tuple[str, Store]]:
    """Yield the places of which visitors are shown what is there, by name."""
    return ((name, store()) for name, store in stores.items() if store.is_shown)


def kept_days(name: str, store: Store) -> int | None:
    """Return how many days at most something is kept there; None: as long as the profile is."""
    kept = settings.RETENTION_OF.get(name, store.kept_for)
    return None if kept is None else kept.days


def _store(name: str, store: Store, subject: Subject, *, opened: bool) -> Iterator[str]:
    about: JsonObject = {
        "holds": str(store.holds),
        "used_for": str(store.used_for),
        "kept_for_days": kept_days(name, store),
    }
    yield f'{_json(about)[:-1]}, "entries": ['
    for number, entry in enumerate(store.export(subject)):
        yield ",\n  " if number else "\n  "
        yield _json(opened_traits(entry) if opened else entry)
    yield "]}"


def _json(value: Json) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
