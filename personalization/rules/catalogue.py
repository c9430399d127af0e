"""What rules may speak of: fields with their types, events, segments.

A value passed in, so that the language stays free of the database. Traits,
events and properties nobody has sent yet are allowed (a rule may come before
the data); features and segments must exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from personalization.rules.need import ANY
from personalization.rules.sql import JsonType


@dataclass(frozen=True)
class Field:
    """A trait, feature or event property with its type and label.

    `values` are all it can have, where that is few.
    """

    name: str
    label: str
    type: JsonType
    unit: str = ""
    values: tuple[str | float, ...] = ()


@dataclass(frozen=True)
class EventKind:
    """An event name with the words of its sentence: “added a product to the cart”."""

    name: str
    phrase: str
    properties: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """Everything the rule editor offers and validation checks against."""

    traits: Mapping[str, Field] = field(default_factory=dict)
    features: Mapping[str, Field] = field(default_factory=dict)
    events: Mapping[str, EventKind] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)  # slug → name
    retention: timedelta = timedelta.max
    #: Names of traits of which nobody knows more than whether they are stated.
    encrypted: frozenset[str] = frozenset()

    def phrase(self, event: str) -> str:
        if event == ANY:
            return "did anything"
        kind = self.events.get(event)
        return kind.phrase if kind else f"did “{event}”"

    def property(self, event: str, name: str) -> Field | None:
        kind = self.events.get(event)
        return kind.properties.get(name) if kind else None
