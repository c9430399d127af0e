"""An event as a value: all that rules and profiles look at of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from personalization.types import Json, Microseconds

#: Where an event stands among those of its profile: instants first, message ids decide ties.
Position: TypeAlias = tuple[Microseconds, str]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened at an instant. For `identify`, properties are the traits."""

    type: str
    name: str
    properties: Mapping[str, Json]
    at: Microseconds
    message_id: str

    @property
    def position(self) -> Position:
        return self.at, self.message_id
