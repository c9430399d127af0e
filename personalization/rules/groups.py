"""Groups: react-querybuilder's shape (`combinator`, `not`, `rules`) at any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, cast

from personalization.rules.reading import Reader

Combinator = Literal["and", "or"]
COMBINATORS = ("and", "or")
MAX_DEPTH = 8
N = TypeVar("N")


@dataclass(frozen=True)
class Group(Generic[N]):
    """All (`and`) or any (`or`) of its children; `negated` means the opposite."""

    combinator: Combinator
    children: tuple[N | Group[N], ...]
    negated: bool = False

    def leaves(self) -> Iterator[N]:
        for child in self.children:
            if isinstance(child, Group):
                yield from child.leaves()
            else:
                yield child


def read_group(reader: Reader, read_leaf: Callable[[Reader], N], *, depth: int = 1) -> Group[N]:
    """Read a group; an empty one is refused, for it would match by accident."""
    reader.only("id", "combinator", "not", "rules")
    combinator = cast(Combinator, reader.child("combinator").choice(COMBINATORS))
    negated = reader.child("not").boolean()
    if depth > MAX_DEPTH:
        reader.refuse(f"Groups may be nested {MAX_DEPTH} deep at most.")
        return Group(combinator, (), negated)
    rules = reader.child("rules")
    children = rules.items()
    if rules.value == []:
        rules.refuse("A group needs at least one condition.")
    return Group(
        combinator,
        tuple(
            read_group(child, read_leaf, depth=depth + 1)
            if isinstance(child.value, Mapping) and "combinator" in child.value
            else read_leaf(child)
            for child in children
        ),
        negated,
    )
