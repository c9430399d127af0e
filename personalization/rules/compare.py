"""Comparing one JSON value with the value of a leaf: the same answer everywhere.

A missing value or one of another type fails every positive comparison; the
negative operators are the exact complement of their positive one. Numbers are
compared as IEEE doubles, text by code points; nothing is coerced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Literal, TypeAlias, cast

from personalization.rules.automaton import found_in
from personalization.rules.sql import JsonType, JsonValue, Sql, disjunction, negation
from personalization.types import Json

Operator = Literal[
    "=", "!=", "<", "<=", ">", ">=", "in", "not in",
    "contains", "does not contain", "starts with", "does not start with",
    "ends with", "does not end with", "matches", "does not match", "is set", "is not set",
]  # fmt: skip
#: Longer text is cut where it is shown.
_SHOWN = 120
Scalar: TypeAlias = "str | float | bool"

_POSITIVE: Mapping[str, Operator] = {
    "!=": "=", "not in": "in", "does not contain": "contains",
    "does not start with": "starts with", "does not end with": "ends with",
    "does not match": "matches", "is not set": "is set",
}  # fmt: skip
_NUMERIC: Mapping[str, Callable[[float, float], bool]] = {
    "=": eq, "in": eq, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
_TEXTUAL: Mapping[str, Callable[[str, str], bool]] = {
    "=": eq, "in": eq, "contains": str.__contains__,
    "starts with": str.startswith, "ends with": str.endswith,
    "matches": lambda actual, pattern: found_in(actual, pattern=pattern),
}  # fmt: skip

#: The operators each type of field offers, in the order the editor shows them.
OPERATORS: Mapping[JsonType, tuple[Operator, ...]] = {
    "text": (
        "=", "!=", "in", "not in", "contains", "does not contain", "starts with",
        "does not start with", "ends with", "does not end with", "matches", "does not match",
        "is set", "is not set",
    ),
    "number": ("=", "!=", "<", "<=", ">", ">=", "in", "not in", "is set", "is not set"),
    "boolean": ("=", "!=", "is set", "is not set"),
}  # fmt: skip
#: What can be asked of a trait that is kept encrypted.
OF_ENCRYPTED: tuple[Operator, ...] = ("is set", "is not set")
ALL_OPERATORS: tuple[Operator, ...] = tuple(
    dict.fromkeys(operator for group in OPERATORS.values() for operator in group)
)
WORDS: Mapping[Operator, str] = {
    "=": "is", "!=": "is not", "<": "is less than", "<=": "is at most",
    ">": "is more than", ">=": "is at least", "in": "is one of", "not in": "is none of",
    "contains": "contains", "does not contain": "does not contain",
    "starts with": "starts with", "does not start with": "does not start with",
    "ends with": "ends with", "does not end with": "does not end with",
    "matches": "matches the pattern", "does not match": "does not match the pattern",
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

    @property
    def positive(self) -> Comparison | None:
        """Return the comparison of which this one is the exact complement, if it is one."""
        positive = _POSITIVE.get(self.operator)
        return None if positive is None else Comparison(positive, self.values)

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
        if isinstance(value, str):
            return _TEXTUAL[self.operator](cast(str, actual), value)
        if isinstance(value, bool):
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
        if self.operator == "starts with":
            return target.compares(kind, f"{target.position}({{x}}, %s) = 1", values)
        if self.operator == "ends with":
            ending = target.ending.format(n=len(str(values[0])))
            return target.compares(kind, f"{ending} = %s", values)
        if self.operator == "matches":
            return target.matches(str(values[0]))
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


def value_text(value: Json) -> str:
    """Return one value, of whatever type it is, as short text."""
    text = (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, Mapping | list)
        else "–"
        if value is None or value == ""
        else shown(value)
    )
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
