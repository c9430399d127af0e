"""Calls with the traits sealed that are kept encrypted, and opened again to be judged anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from personalization.events.models import Event
from personalization.exceptions import CannotDecrypt, EventRejected
from personalization.privacy.encryption import is_sealed, opened, resealed, sealed_traits
from personalization.types import JsonObject

#: Why what was set aside cannot be judged anew.
SEALED: Final = "cannot_decrypt"


def sealed_call(call: Mapping[str, Any], *, trusted: bool) -> dict[str, Any]:
    """Return a call that is set aside, with nothing in plain text that is kept encrypted."""
    kept = dict(call)
    for place, traits in _traits(call):
        _put(kept, place, sealed_traits(traits, trusted=trusted))
    return kept


def opened_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call that was set aside as it came, to be judged as if it came now.

    :raises EventRejected: when no key opens what it holds.
    """
    kept = dict(call)
    for place, traits in _traits(call):
        try:
            plain = {name: _opened(name, value) for name, value in traits.items()}
        except CannotDecrypt as error:
            raise EventRejected(str(error), code=SEALED) from None
        _put(kept, place, plain)
    return kept


def resealed_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call that was set aside, sealed with the newest key.

    :raises CannotDecrypt: when no key opens what it holds.
    """
    kept = dict(call)
    for place, traits in _traits(call):
        _put(kept, place, resealed({**traits}))
    return kept


def _opened(name: str, value: Any) -> Any:
    return opened(name, value) if is_sealed(value) else value


def _traits(call: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the traits of a person that a call of whatever type states, and where."""
    traits, context = call.get("traits"), call.get("context")
    # Those of a group are the group's.
    if isinstance(traits, Mapping) and call.get("type") != Event.Type.GROUP:
        yield "traits", traits
    if isinstance(context, Mapping) and isinstance(context.get("traits"), Mapping):
        yield "context", context["traits"]


def _put(call: dict[str, Any], place: str, traits: Mapping[str, Any]) -> None:
    known: JsonObject = dict(traits)
    call[place] = {**call["context"], "traits": known} if place == "context" else known
