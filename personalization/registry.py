"""One way to plug something in: a decorator, and one place to look it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from personalization.exceptions import PersonalizationError

T = TypeVar("T")


class AlreadyRegistered(PersonalizationError):
    """Something else is registered under this name."""


class Registry(Generic[T]):
    """Things of one kind by name, in the order they were registered."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        def add(entry: T) -> T:
            if self._entries.setdefault(name, entry) is not entry:
                raise AlreadyRegistered(f"Two {self.kind}s are called “{name}”.")
            return entry

        return add

    def get(self, name: str) -> T | None:
        return self._entries.get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def items(self) -> Iterator[tuple[str, T]]:
        return iter(tuple(self._entries.items()))
