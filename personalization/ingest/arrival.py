"""An accepted event on its way through the buffer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from personalization.profiles.identity import Key
from personalization.profiles.occurrence import Occurrence
from personalization.types import Json, JsonObject, Microseconds


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One event, cleaned and with its time corrected.

    `key` is the identity it belongs to; `joins` another identity that a trusted
    source says is the same person.
    """

    type: str
    name: str
    properties: Mapping[str, Json]
    context: Mapping[str, Json]
    at: Microseconds
    message_id: str
    key: Key
    joins: Key | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """The identities that the event names."""
        return (self.key, self.joins) if self.joins else (self.key,)

    @property
    def occurrence(self) -> Occurrence:
        return Occurrence(self.type, self.name, self.properties, self.at, self.message_id)

    def to_json(self) -> JsonObject:
        # Not `asdict`, which copies every property of every event.
        joins = (
            {"namespace": self.joins.namespace, "value": self.joins.value} if self.joins else None
        )
        key = {"namespace": self.key.namespace, "value": self.key.value}
        return {**vars(self), "key": key, "joins": joins}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Arrival:
        joins = data["joins"]
        return cls(**{**data, "key": Key(**data["key"]), "joins": Key(**joins) if joins else None})
