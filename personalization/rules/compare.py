"""Comparing one JSON value with the value of a leaf: the same answer everywhere.

A missing value or one of another type fails every positive comparison; the
negative operators are the exact complement of their positive one. Numbers are
compared as IEEE doubles, text by code points; nothing is coerced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Literal, TypeAlias, cast

from personalization.rules.sql import JsonType, JsonValue, Sql, disjunction, negation
from personalization.types import Json

Operator = Literal[
    "=", "!=", "<", "<=", ">", ">=", "in", "not in",
    "contains", "does not contain", "is set", "is not set",
]  # fmt: skip
Scalar: TypeAlias = "str | float | bool"

_POSITIVE: Mapping[str, Operator] = {
    "!=": "=", "not in": "in", "does not contain": "contains", "is not set": "is set",
}  # fmt: skip
_NUMERIC: Mapping[str, Callable[[float, float], bool]] = {
    "=": eq, "in": eq, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip

#: The operators each type of field offers, in the order the editor shows them.
OPERATORS: Mapping[JsonType, tuple[Operator, ...]] = {
    "text": ("=", "!=", "in", "not in", "contains", "does not contain", "is set", "is not set"),
    "number": ("=", "!=", "<", "<=", ">", ">=", "in", "not in", "is set", "is not set"),
    "boolean": ("=", "!=", "is set", "is not set"),
}
ALL_OPERATORS: tuple[Operator, ...] = tuple(
    dict.fromkeys(operator for group in OPERATORS.values() for operator in group)
)
WORDS: Mapping[Operator, str] = {
    "=": "is", "!=": "is not", "<": "is less than", "<=": "is at most",
    ">": "is more than", ">=": "is at least", "in": "is one of", "not in": "is none of",
    "contains": "contains", "does not contain": "does not contain",
    "is set": "is known", "is not set": "is not known",
}  # fmt: skip


def type_of(value: Json) -> JsonType | None:
    """Return the type under which `value` is compared; None for the rest."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "number"
    return None


@dataclass(frozen=True, slots=True)
class Comparison:
    """An operator with its value or values."""

    operator: Operator
    values: tuple[Scalar, ...] = ()

    def holds(self, actual: Json) -> bool:
        positive = _POSITIVE.get(self.operator)
        if positive is not None:
            return not Comparison(positive, self.values).holds(actual)
        if self.operator == "is set":
            return actual is not None
        return any(self._holds_for(actual, value) for value in self.values)

    def _holds_for(self, actual: Json, value: Scalar) -> bool:
        if type_of(actual) != type_of(value):
            return False
        if self.operator == "contains":
            return str(value) in str(actual)
        if isinstance(value, bool | str):
            return actual == value
        # Whole numbers beyond a double stay whole: Python compares them exactly.
        return _NUMERIC[self.operator](cast(float, actual), value)

    def sql(self, target: JsonValue) -> Sql:
        positive = _POSITIVE.get(self.operator)
        if positive is not None:
            return negation(Comparison(positive, self.values).sql(target))
        if self.operator == "is set":
            return target.is_set()
        by_type: dict[JsonType, list[Scalar]] = {}
        for value in self.values:
            kind = type_of(value)
            assert kind is not None
            by_type.setdefault(kind, []).append(float(value) if kind == "number" else value)
        return disjunction(self._sql_for(target, kind, by_type[kind]) for kind in by_type)

    def _sql_for(self, target: JsonValue, kind: JsonType, values: list[Scalar]) -> Sql:
        if self.operator == "contains":
            return target.compares(kind, f"{target.position}({{x}}, %s) > 0", values)
        if self.operator == "in":
            places = ", ".join(["%s"] * len(values))
            return target.compares(kind, f"{{x}} IN ({places})", values)
        return target.compares(kind, f"{{x}} {self.operator} %s", values)

    def sentence(self) -> str:
        return f"{WORDS[self.operator]} {_listed(self.values)}".strip()

    def denial(self) -> str:
        """Return the exact complement in words; like it, they cover a missing value."""
        for negative, positive in _POSITIVE.items():
            if self.operator in (negative, positive):
                other = positive if self.operator == negative else cast(Operator, negative)
                return Comparison(other, self.values).sentence()
        return self.sentence().replace("is ", "is not ", 1)


def _listed(values: tuple[Scalar, ...]) -> str:
    texts = [shown(value) for value in values]
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} or {texts[-1]}"


def shown(value: Json) -> str:
    """Return `value` as a site owner writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
