"""What a leaf needs to have kept of a profile's events, and the place where it is kept.

A need says which events concern it, how one more changes what is kept, and how that is
stored. Everything kept is a function of the set of events and not of their order (law 1).
Needs with equal keys are served by one thing kept: that of their union.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

from personalization.rules.occurrence import Occurrence
from personalization.types import Json

T = TypeVar("T")

#: Stands for every event where the name of one is expected.
ANY = "*"


class Late(Exception):
    """This event lies before one that was counted already, and the order matters."""


class Need(ABC, Generic[T]):
    """State that rules read, by `key`."""

    #: What is kept where nothing happened.
    nothing: T

    @property
    @abstractmethod
    def key(self) -> str: ...

    @property
    @abstractmethod
    def events(self) -> frozenset[str]:
        """Names of the events that can change it; `ANY` among them: all events."""

    @property
    def gate(self) -> tuple[tuple[str, ...], str] | None:
        """Return a value that a property of every event that concerns it has, if there is one.

        A key of `scalar_key`, at a path: by it, many needs are passed over at once.
        """
        return None

    @abstractmethod
    def add(self, kept: T, occurrence: Occurrence) -> T:
        """Return what is kept after one more event; `kept` itself if it does not concern it.

        :raises Late: when only all events together, in order, can tell.
        """

    @abstractmethod
    def union(self, other: Any) -> Need[T]:
        """Return the need that serves this one and another with the same key."""

    @abstractmethod
    def unbounded(self) -> Need[T]:
        """Return the need that keeps all of it, for reading the log once."""

    @abstractmethod
    def dump(self, kept: T) -> Json: ...

    @abstractmethod
    def load(self, stored: Any) -> T: ...

    @property
    def size(self) -> int:
        """How much is kept; another size means: keep it anew."""
        return 0

    def fold(self, occurrences: Iterable[Occurrence]) -> T:
        """Return what is kept of all the events, given in the order of their positions."""
        kept = self.nothing
        for occurrence in occurrences:
            kept = self.add(kept, occurrence)
        return kept


AnyNeed: TypeAlias = "Need[Any]"


class Log(Protocol):
    """Reads the events of one profile that concern a need, in the order of their positions."""

    def __call__(self, events: frozenset[str]) -> Iterable[Occurrence]: ...


class Counters:
    """What is kept of one profile, by key; each is read when it is first asked for."""

    def __init__(self, stored: Mapping[str, Any] | None = None) -> None:
        self._stored = stored if stored is not None else {}
        self._read: dict[str, Any] = {}
        self._changed: dict[str, Need[Any]] = {}

    def of(self, need: Need[T]) -> T:
        key = need.key
        if key in self._read:
            return cast(T, self._read[key])
        stored = self._stored.get(key)
        kept = need.nothing if stored is None else need.load(stored)
        self._read[key] = kept
        return kept

    def put(self, need: Need[T], kept: T) -> None:
        self._read[need.key] = kept
        self._changed[need.key] = need

    def as_stored(self) -> dict[str, Json]:
        changed = {key: need.dump(self._read[key]) for key, need in self._changed.items()}
        return {**self._stored, **changed}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counters) and self.as_stored() == other.as_stored()

    __hash__ = None  # type: ignore[assignment]
