"""Conditions on the properties of one event: the `where` of an event leaf.

No time and no state: a tree of groups over `prop` leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from personalization.exceptions import Problem
from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.compare import OPERATORS, Comparison, type_of
from personalization.rules.groups import Group, read_group
from personalization.rules.reading import Reader
from personalization.rules.sql import Scope, Sql, conjunction, disjunction, negation
from personalization.types import Json


def value_at(path: tuple[str, ...], data: Mapping[str, Json]) -> Json:
    """Return what stands at `path` of a JSON object; None where nothing does."""
    found: Json = data
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


@dataclass(frozen=True)
class FieldTest:
    """A comparison with the value found at `path` of a JSON object."""

    path: tuple[str, ...]
    comparison: Comparison

    @property
    def name(self) -> str:
        return ".".join(self.path)

    def value(self, data: Mapping[str, Json]) -> Json:
        return value_at(self.path, data)

    def holds(self, data: Mapping[str, Json]) -> bool:
        return self.comparison.holds(self.value(data))

    def sql(self, scope: Scope, *, column: str) -> Sql:
        return self.comparison.sql(scope.json(column, self.path))

    def check(self, field: Field | None, *, pointer: str) -> Iterator[Problem]:
        """Yield a problem for each value that cannot be of the field's type."""
        if field is None:
            return
        if self.comparison.operator not in OPERATORS[field.type]:
            yield Problem(
                pointer=f"{pointer}/operator",
                message=f"“{self.comparison.operator}” cannot be used with {field.name}, "
                f"which is a {field.type}.",
                value=self.comparison.operator,
                allowed=OPERATORS[field.type],
            )
        many = self.comparison.operator in ("in", "not in")
        for index, value in enumerate(self.comparison.values):
            if type_of(value) != field.type:
                yield Problem(
                    pointer=f"{pointer}/value/{index}" if many else f"{pointer}/value",
                    message=f"{field.name} is a {field.type}; “{value}” is a {type_of(value)}.",
                    value=value,
                )
            elif field.values and self._is_equality and value not in field.values:
                yield Problem(
                    pointer=f"{pointer}/value/{index}" if many else f"{pointer}/value",
                    message=f"“{value}” is no value of {field.name}.",
                    value=value,
                    allowed=tuple(map(str, field.values)),
                )

    @property
    def _is_equality(self) -> bool:
        return self.comparison.operator in ("=", "!=", "in", "not in")


@dataclass(frozen=True)
class Prop(FieldTest):
    """A `prop` leaf. `pointer` is where it was read."""

    pointer: str = field(default="", compare=False)

    def json(self) -> Json:
        return [self.name, self.comparison.operator, list(self.comparison.values)]


Where = Group[Prop]


def read_where(reader: Reader) -> Where:
    """Read a group of `prop` leaves, or one such leaf standing alone."""
    if isinstance(reader.value, Mapping) and "kind" in reader.value:
        return Group("and", (_read_prop(reader),))
    return read_group(reader, _read_prop)


def _read_prop(reader: Reader) -> Prop:
    reader.only("id", "kind", "field", "operator", "value")
    reader.child("kind").choice(("prop",))
    return Prop(reader.child("field").path(), reader.comparison(), reader.pointer)


def where_holds(where: Where, properties: Mapping[str, Json]) -> bool:
    results = (
        where_holds(child, properties) if isinstance(child, Group) else child.holds(properties)
        for child in where.children
    )
    return (all(results) if where.combinator == "and" else any(results)) != where.negated


def where_sql(where: Where, scope: Scope, *, column: str) -> Sql:
    parts = [
        where_sql(child, scope, column=column)
        if isinstance(child, Group)
        else child.sql(scope, column=column)
        for child in where.children
    ]
    joined = conjunction(parts) if where.combinator == "and" else disjunction(parts)
    return negation(joined) if where.negated else joined


def where_json(where: Where) -> Json:
    """Return the canonical form: children sorted and without repetition."""
    parts = {
        repr(part): part
        for part in (
            where_json(child) if isinstance(child, Group) else child.json()
            for child in where.children
        )
    }
    return [where.combinator, where.negated, [parts[key] for key in sorted(parts)]]


def where_sentence(where: Where, catalogue: Catalogue, *, event: str) -> str:
    """Return the conditions in plain words that follow “where”."""
    only = where.children[0]
    if len(where.children) > 1:
        parts = [_part(child, catalogue, event=event) for child in where.children]
        joined = f" {where.combinator} ".join(parts)
        return f"not ({joined})" if where.negated else joined
    if isinstance(only, Group):
        turned = replace(only, negated=only.negated != where.negated)
        return where_sentence(turned, catalogue, event=event)
    comparison = only.comparison.denial() if where.negated else only.comparison.sentence()
    return f"{_label(only, catalogue, event=event)} {comparison}"


def _part(child: Prop | Where, catalogue: Catalogue, *, event: str) -> str:
    if not isinstance(child, Group):
        return where_sentence(Group("and", (child,)), catalogue, event=event)
    words = where_sentence(child, catalogue, event=event)
    return words if child.negated or len(child.children) == 1 else f"({words})"


def _label(prop: Prop, catalogue: Catalogue, *, event: str) -> str:
    known = catalogue.property(event, prop.name)
    return known.label if known else prop.name


def check_where(where: Where, catalogue: Catalogue, *, event: str) -> Iterator[Problem]:
    for prop in where.leaves():
        yield from prop.check(catalogue.property(event, prop.name), pointer=prop.pointer)
