"""What listeners are told: signals in this process, webhooks elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from personalization.types import Microseconds


@dataclass(frozen=True, slots=True)
class Telling:
    """An entry or a departure, as listeners are told of it."""

    at: Microseconds
    entered: bool
    profile_id: int
    segment_id: int
