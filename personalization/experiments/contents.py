"""What the names of holdouts stand for. Whoever shows contents says it, for they know them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from personalization.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A content of a slot: what people call it, and the slugs of the segments it is for."""

    slot: str
    words: str
    segments: tuple[str, ...] = ()


Source: TypeAlias = Callable[[Collection[str]], Mapping[str, Content]]

#: Name of who shows contents → what returns those that it knows of some `<slot>/<key>`.
contents: Registry[Source] = Registry("source of contents")


def contents_of(names: Collection[str]) -> dict[str, Content]:
    """Return what the names of holdouts stand for, as far as anybody knows."""
    found: dict[str, Content] = {}
    for _, source in contents.items():
        found |= source(names)
    return found
