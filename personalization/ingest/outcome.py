"""What became of the events of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from personalization.ingest.arrival import Arrival
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """An event that was not taken, by its place in the request.

    `pointer` leads to what is wrong in it (RFC 6901). `call` is the event as a call, as
    far as it could be made one.
    """

    index: int
    code: str
    message: str
    pointer: str = ""
    call: Any = field(default=None, repr=False, compare=False)

    def to_json(self) -> JsonObject:
        return {
            "index": self.index,
            "code": self.code,
            "message": self.message,
            "pointer": self.pointer,
        }


@dataclass
class Outcome:
    """`arrivals` were taken; `places` are where they stood in the request.

    `duplicates` are the places of those that are stored already: looked for only when
    the client asks what became of each.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    duplicates: set[int] = field(default_factory=set)

    def to_json(self) -> JsonObject:
        rejected: list[Any] = [rejection.to_json() for rejection in self.rejected]
        return {"success": True, "accepted": len(self.arrivals), "rejected": rejected}

    def each(self) -> Sequence[JsonObject]:
        """Return what became of each event, in the order of the request."""
        taken: list[JsonObject] = [
            {
                "index": place,
                "messageId": arrival.message_id,
                "status": "duplicate" if place in self.duplicates else "ok",
            }
            for place, arrival in zip(self.places, self.arrivals, strict=True)
        ]
        refused: list[JsonObject] = [
            {**rejection.to_json(), "status": "rejected"} for rejection in self.rejected
        ]
        return sorted(taken + refused, key=_index)


def _index(entry: JsonObject) -> int:
    index = entry["index"]
    assert isinstance(index, int)
    return index
