"""An event as a value: all that profiles look at of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from personalization.types import Json, Microseconds


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened at an instant. For `identify`, properties are the traits."""

    type: str
    name: str
    properties: Mapping[str, Json]
    at: Microseconds
    message_id: str
