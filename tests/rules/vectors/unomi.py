"""Apache Unomi: its conditions on the properties and segments of a profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from personalization.clock import microseconds
from personalization.rules.interval import Interval
from tests.rules.building import Stored, both, either, none_of, rule, segment, trait
from tests.rules.strategies import NOW
from tests.rules.vectors.suite import LISTS, Case, Question, Suite, Untranslatable, load, named
from tests.rules.world import History

_A_DAY = 86_400_000
_OPERATORS = {
    "equals": "=", "notEquals": "!=", "lessThan": "<", "greaterThan": ">",
    "lessThanOrEqualTo": "<=", "greaterThanOrEqualTo": ">=", "in": "in", "notIn": "not in",
    "startsWith": "starts with", "endsWith": "ends with", "contains": "contains",
    "exists": "is set", "missing": "is not set",
}  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: a date is a number of milliseconds."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping) and "$date" in value:
        return microseconds(datetime.fromisoformat(value["$date"]).replace(tzinfo=UTC)) // 1000
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _condition(stored: Mapping[str, Any]) -> Stored:
    if stored["type"] == "booleanCondition":
        make: Callable[..., Stored] = both if stored["operator"] == "and" else either
        return make(*(_condition(each) for each in stored["subConditions"]))
    if stored["type"] == "notCondition":
        return both(_condition(stored["subCondition"]), negated=True)
    if stored["type"] == "profileSegmentCondition":
        make = {"in": either, "notIn": none_of, "all": both}[stored["matchType"]]
        return make(*(segment(slug) for slug in stored["segments"]))
    if stored["type"] == "nestedCondition":
        raise Untranslatable(LISTS)
    return _property(stored)


def _property(stored: Mapping[str, Any]) -> Stored:
    field = stored["propertyName"].removeprefix("properties.")
    operator = stored["comparisonOperator"]
    value = _plain(stored.get("propertyValue", stored.get("propertyValues")))
    if operator == "all":
        return both(*(trait(field, "=", each) for each in value))
    if operator in ("isDay", "isNotDay"):
        start = value - value % _A_DAY
        within = [trait(field, ">=", start), trait(field, "<", start + _A_DAY)]
        return both(*within, negated=operator == "isNotDay")
    if operator == "matchesRegex":  # the whole text, in Unomi
        return trait(field, "matches", f"^(?:{value})$")
    return trait(field, _OPERATORS[operator], value)


def _questions(record: Mapping[str, Any], item: Mapping[str, Any]) -> list[Question]:
    history = History(
        traits=_plain(item["properties"]),
        memberships={slug: Interval(NOW - 1) for slug in item["segments"]},
    )
    stored = rule(_condition(record["condition"]))
    slugs = ("s1", "s2", "s3", "s5", "s10", "s20", "s30")
    return [Question(stored, history, record["expected"], segments=dict.fromkeys(slugs))]


def _read(file: Path) -> dict[str, Case]:
    known = load(file)
    return named(
        [
            (record["test"], partial(_questions, record, known["items"][record["item"]]))
            for record in known["cases"]
        ]
    )


UNOMI = Suite("unomi", "unomi/condition_evaluator.json", _read)
