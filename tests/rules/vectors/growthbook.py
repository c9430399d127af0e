"""GrowthBook SDK: `evalCondition`, conditions in the manner of MongoDB over attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from personalization.rules.where import value_at
from tests.rules.building import Stored, both, either, none_of, rule, trait
from tests.rules.vectors.suite import (
    LISTS,
    OBJECTS,
    ORDER,
    VERSIONS,
    Case,
    Question,
    Suite,
    Untranslatable,
    any_case,
    literal,
    load,
    named,
)
from tests.rules.world import History

_COMPARED = {"$eq": "=", "$ne": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_TYPES: dict[str, Callable[[str], Stored]] = {
    "string": lambda field: trait(field, "matches", "^"),
    "number": lambda field: either(trait(field, "<", 0), trait(field, ">=", 0)),
    "boolean": lambda field: either(trait(field, "=", True), trait(field, "=", False)),
    # A value that is null is a missing one.
    "null": lambda field: trait(field, "is not set"),
}


def condition(stored: Mapping[str, Any], groups: Mapping[str, Any]) -> Stored:
    """Return a condition as a group: all of its entries."""
    return both(*(_entry(key, value, groups) for key, value in stored.items()))


def _entry(key: str, value: Any, groups: Mapping[str, Any]) -> Stored:
    if key == "$not":
        return both(condition(value, groups), negated=True)
    if key in ("$and", "$or", "$nor"):
        make = {"$and": both, "$or": either, "$nor": none_of}[key]
        return make(*(condition(each, groups) for each in value))
    if value is None:
        return trait(key, "is not set")
    if isinstance(value, list):
        raise Untranslatable(LISTS)
    if not isinstance(value, Mapping):
        return trait(key, "=", value)
    if not any(name.startswith("$") for name in value):
        raise Untranslatable(OBJECTS)
    return both(*(_test(key, name, each, groups) for name, each in value.items()))


def _test(field: str, name: str, value: Any, groups: Mapping[str, Any]) -> Stored:
    if name == "$not":
        inner = (_test(field, each, value[each], groups) for each in value)
        return both(*inner, negated=True)
    if name in _COMPARED:
        if isinstance(value, str) and name not in ("$eq", "$ne"):
            raise Untranslatable(ORDER)
        return trait(field, _COMPARED[name], value)
    if name in ("$exists", "$in", "$nin", "$inGroup", "$notInGroup"):
        return _presence(field, name, value, groups)
    if name in ("$regex", "$regexi"):
        return trait(field, "matches", value if name == "$regex" else any_case(value))
    if name in ("$ini", "$nini"):
        operator = "matches" if name == "$ini" else "does not match"
        return trait(field, operator, _one_of(value))
    if name == "$type" and value in _TYPES:
        return _TYPES[value](field)
    if name in ("$elemMatch", "$all", "$alli", "$size", "$type"):
        raise Untranslatable(LISTS if value != "object" else OBJECTS)
    if name.startswith("$v"):
        raise Untranslatable(VERSIONS)
    return trait(field, name, value)


def _presence(field: str, name: str, value: Any, groups: Mapping[str, Any]) -> Stored:
    if name == "$exists":
        return trait(field, "is set" if value else "is not set")
    if name.endswith("Group"):
        value = groups.get(value, [])
    return trait(field, "in" if name in ("$in", "$inGroup") else "not in", value)


def _one_of(values: Any) -> Any:
    if not isinstance(values, list):
        return values
    return f"^({'|'.join(any_case(literal(value)) for value in values)})$"


def _fields(stored: Any) -> list[str]:
    """Return the attributes that a condition names."""
    if isinstance(stored, list):
        return [name for each in stored for name in _fields(each)]
    if not isinstance(stored, Mapping):
        return []
    own = [key for key in stored if not key.startswith("$") or key == "$groups"]
    inner = [name for key in stored if key in ("$and", "$or", "$nor", "$not")
             for name in _fields(stored[key])]  # fmt: skip
    return own + inner


def _questions(record: list[Any]) -> list[Question]:
    _, stored, attributes, expected, *more = record
    for name in _fields(stored):
        if isinstance(value_at(tuple(name.split(".")), attributes), list):
            raise Untranslatable(LISTS)
    translated = condition(stored, more[0] if more else {})
    return [Question(rule(translated), History(traits=attributes), expected)]


def _read(file: Path) -> dict[str, Case]:
    records = load(file)["evalCondition"]
    return named([(record[0], partial(_questions, record)) for record in records])


GROWTHBOOK = Suite(
    "growthbook",
    "growthbook-sdk/cases-0.8.0.json",
    _read,
    frozenset(
        {
            "$in - not array",
            "$nin - not array",
            "$ini - not array",
            "$nini - not array",
            "unknown operator - pass",
            "$regex invalid - pass",
            "$regex invalid - fail",
            "$inGroup fails for unknown group id",
        }
    ),
)
