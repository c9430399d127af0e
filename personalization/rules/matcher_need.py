"""Needs that are about the events of one matcher."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from personalization.rules.matcher import Gate, Matcher
from personalization.rules.need import Need
from personalization.rules.occurrence import Occurrence

T = TypeVar("T")


@dataclass(frozen=True)
class MatcherNeed(Need[T]):
    """Something kept of the events of `matcher`; `what` tells it from other such needs."""

    matcher: Matcher

    @property
    def what(self) -> str:
        return ""

    @cached_property
    def key(self) -> str:
        return f"{self.matcher.id}:{self.what}" if self.what else self.matcher.id

    @property
    def gate(self) -> Gate | None:
        return self.matcher.gate

    @cached_property
    def events(self) -> frozenset[str]:
        return frozenset({self.matcher.event})

    def add(self, kept: T, occurrence: Occurrence) -> T:
        if not self.matcher.matches(occurrence.properties, at=occurrence.at):
            return kept
        return self.take(kept, occurrence)

    def take(self, kept: T, occurrence: Occurrence) -> T:
        """Return what is kept after an event that matches."""
        raise NotImplementedError
