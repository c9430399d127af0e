"""An accepted event on its way through the buffer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from personalization.privacy.preferences import Preferences, statement_of
from personalization.profiles.identity import Key
from personalization.rules.occurrence import Occurrence
from personalization.types import Json, JsonObject, Microseconds


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One event, cleaned and with its time corrected.

    `key` is the identity it belongs to; `joins` are others that a trusted source says are
    the same person, those that count most first. `unproved` says that it may be a program's,
    whoever hands it in: what a log tells, no tracker has seen.
    """

    type: str
    name: str
    properties: Mapping[str, Json]
    context: Mapping[str, Json]
    at: Microseconds
    message_id: str
    key: Key
    joins: tuple[Key, ...] = ()
    unproved: bool = False
    #: The visitor's browser objects (Sec-GPC, DNT): nothing of it is kept but a refusal.
    objected: bool = False

    @property
    def keys(self) -> tuple[Key, ...]:
        """The identities that the event names."""
        return (self.key, *self.joins)

    @property
    def statement(self) -> Preferences | None:
        """What another consent tool states with it."""
        return statement_of(self.context, name=self.name, at=self.at)

    @property
    def occurrence(self) -> Occurrence:
        return Occurrence(self.type, self.name, self.properties, self.at, self.message_id)

    def to_json(self) -> JsonObject:
        # Not `asdict`, which copies every property of every event.
        joins: list[Json] = [[key.namespace, key.value] for key in self.joins]
        return {**vars(self), "key": [self.key.namespace, self.key.value], "joins": joins}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Arrival:
        joins = tuple(Key(*key) for key in data["joins"])
        if not isinstance(data["message_id"], str):  # what it is known by would be another
            raise ValueError(f"/message_id: {data['message_id']!r} is no text.")
        values = {**data, "key": Key(*data["key"]), "joins": joins}
        try:
            return cls(**values)
        except TypeError:  # while servers are renewed, one may write what another does not know
            return cls(**{name: value for name, value in values.items() if name in _FIELDS})


_FIELDS = frozenset(field.name for field in fields(Arrival))
