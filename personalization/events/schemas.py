"""What events look like: checked by name, property and type.

The schemas that are shipped are defaults; a stored one of the same name replaces its
default, and one of another name is added.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from personalization import metrics
from personalization.conf import settings
from personalization.events.catalogue import PROPERTY_TYPES, SHIPPED, PropertyType, Schema
from personalization.events.models import Event, EventSchema
from personalization.exceptions import PersonalizationError, Problem
from personalization.types import Json

logger = logging.getLogger(__name__)

MAX_PROPERTY = 100
#: What a type is called in a sentence.
ARTICLES: Final[Mapping[PropertyType, str]] = {
    "text": "a text", "number": "a number", "integer": "a whole number",
    "boolean": "true or false", "datetime": "an ISO 8601 date and time", "list": "a list",
    "object": "an object",
}  # fmt: skip
_SHOWN = 50


class InvalidSchema(PersonalizationError):
    """The properties of an event schema cannot be understood."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(" ".join(str(problem) for problem in problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing about an event that does not fit. `pointer` leads to it (RFC 6901)."""

    code: str
    pointer: str
    message: str
    value: Json = None


class Described(Protocol):
    """What of an event a schema speaks of."""

    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def properties(self) -> Mapping[str, Json]: ...


def check(event: Described, *, schemas: Mapping[str, Schema]) -> list[Violation]:
    """Return what about `event` does not fit the schema of its name.

    A track call whose name no schema has is one violation, `unknown_event`. The other
    calls have names of our own and are checked only where somebody wrote a schema. What
    is null is not there.
    """
    schema = schemas.get(event.name)
    if schema is None:
        return [_unknown(event.name)] if event.type == Event.Type.TRACK else []
    root = "/traits" if event.type in _WITH_TRAITS else "/properties"
    types, properties = schema.properties, event.properties
    if event.type == Event.Type.IDENTIFY:  # what is encrypted is a text, whatever it was
        types = {k: v for k, v in types.items() if k not in settings.ENCRYPTED_TRAITS}
    found = [
        _wrong_type(f"{root}/{_token(name)}", value, types[name])
        for name, value in properties.items()
        if name in types and value is not None and not _IS[types[name]](value)
    ]
    for name in schema.required:
        if properties.get(name) in (None, ""):
            found.append(_missing(f"{root}/{_token(name)}"))
    return found


_WITH_TRAITS = (Event.Type.IDENTIFY, Event.Type.GROUP)


def _token(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _unknown(name: str) -> Violation:
    message = f"/event: there is no schema for “{name}”."
    return Violation(code="unknown_event", pointer="/event", message=message, value=name)


def _wrong_type(pointer: str, value: Json, kind: PropertyType) -> Violation:
    text = str(value)
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    message = f"{pointer} is “{shown}”; it must be {ARTICLES[kind]}."
    return Violation(code="wrong_type", pointer=pointer, message=message, value=value)


def _missing(pointer: str) -> Violation:
    return Violation(code="missing_property", pointer=pointer, message=f"{pointer} is needed.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    # JSON knows one kind of number: 2.0 is a whole one.
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _is_datetime(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


_IS: Final[Mapping[PropertyType, Callable[[object], bool]]] = {
    "text": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": _is_integer,
    "boolean": lambda value: isinstance(value, bool),
    "datetime": _is_datetime,
    "list": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}


# -- what is stored -----------------------------------------------------------------------


def read_schema(name: str, properties: Any) -> Schema:
    """Return a schema from its stored form: property → {"type": …, "required": …}.

    :raises InvalidSchema: naming each thing that is wrong with it.
    """
    if not isinstance(properties, Mapping):
        raise InvalidSchema([Problem(pointer="", message="An object is needed.", value=properties)])
    problems = [
        problem
        for key, stated in properties.items()
        if (problem := _problem(key, stated)) is not None
    ]
    if problems:
        raise InvalidSchema(problems)
    phrase = SHIPPED[name].phrase if name in SHIPPED else f"did “{name}”"
    types: dict[str, PropertyType] = {key: stated["type"] for key, stated in properties.items()}
    required = frozenset(key for key, stated in properties.items() if stated.get("required"))
    return Schema(name, phrase, types, required)


def _problem(key: str, stated: Any) -> Problem | None:
    pointer = f"/{_token(key)}"
    if not key.strip() or len(key) > MAX_PROPERTY:
        message = f"A property has a name of 1 to {MAX_PROPERTY} characters."
        return Problem(pointer=pointer, message=message, value=key)
    kind = stated.get("type") if isinstance(stated, Mapping) else None
    if kind not in PROPERTY_TYPES:
        message = f"“{kind}” is no type."
        return Problem(pointer=pointer, message=message, value=stated, allowed=PROPERTY_TYPES)
    if not isinstance(stated.get("required", False), bool):
        message = "“required” is true or false."
        return Problem(pointer=f"{pointer}/required", message=message, value=stated["required"])
    return None


def stored_form(schema: Schema) -> dict[str, Json]:
    """Return the properties of `schema` as `EventSchema.properties` keeps them."""
    return {
        name: {"type": kind, "required": name in schema.required}
        for name, kind in schema.properties.items()
    }


# -- what is in force ---------------------------------------------------------------------

_Version = tuple[tuple[int, datetime], ...]
_cached: tuple[_Version, Mapping[str, Schema]] | None = None


def schemas_in_force() -> Mapping[str, Schema]:
    """Return every schema by the name of its event (one query; two when one was changed).

    What tells a change is when each row was saved: the newest time alone would miss one
    that was saved earlier and committed later.
    """
    global _cached
    version: _Version = tuple(EventSchema.objects.order_by("pk").values_list("pk", "updated_at"))
    known = _cached  # another thread may replace it meanwhile
    if known is None or known[0] != version:
        known = _cached = version, {**SHIPPED, **_stored()}
    return known[1]


def forget() -> None:
    """Read the schemas anew when they are needed next (tests count what is read)."""
    global _cached
    _cached = None


def _stored() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for name, properties in EventSchema.objects.filter(active=True).values_list(
        "name", "properties"
    ):
        try:
            found[name] = read_schema(name, properties)
        except InvalidSchema as error:
            # As if it were not there: what is shipped stands, and somebody is told.
            metrics.count("schemas.broken")
            logger.error("Schema %s: %s", name, error, extra={"action": "schema_broken"})
    return found
