"""The meaning of stored rules in as few lines as possible: what the compiled ways must equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from operator import eq, ge, gt, le, lt
from typing import Any

from personalization.clock import microseconds
from personalization.types import Json, Microseconds
from tests.rules.world import History

HOUR = 3_600_000_000
DURATIONS = {"PT1H": HOUR, "PT90M": HOUR * 3 // 2, "P1D": 24 * HOUR}
OPERATIONS = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
NEGATIONS = {"!=": "=", "not in": "in", "does not contain": "contains", "is not set": "is set"}

Segments = Mapping[str, Any]


def holds(
    node: Mapping[str, Any], history: History, segments: Segments, *, now: Microseconds
) -> bool:
    """Return whether the stored group or leaf holds for `history` at `now`."""
    if "combinator" in node:
        results = [holds(child, history, segments, now=now) for child in node["rules"]]
        joined = all(results) if node["combinator"] == "and" else any(results)
        return joined != node["not"]
    match node["kind"]:
        case "trait":
            return passes(node, inside(history.traits, node["field"].split(".")))
        case "feature":
            return passes(node, history.features.get(node["field"]))
        case "consent":
            return node["purpose"] == "necessary" or node["purpose"] in history.consents
        case "segment":
            if (rule := segments[node["slug"]]) is not None:
                return holds(rule["root"], history, segments, now=now)
            span = history.memberships.get(node["slug"])
            return span is not None and span.contains(now)
    return passes(node, count(node, history, now))


def count(node: Mapping[str, Any], history: History, now: Microseconds) -> int:
    return sum(
        event.name == node["event"]
        and event.at <= now
        and in_window(node.get("window"), event.at, now)
        and (node.get("where") is None or matches(node["where"], event.properties))
        for event in history.events
    )


def in_window(window: Mapping[str, str] | None, at: Microseconds, now: Microseconds) -> bool:
    if window is None:
        return True
    if "last" in window:
        return now - DURATIONS[window["last"]] < at
    start, end = (microseconds(datetime.fromisoformat(window[key])) for key in ("from", "to"))
    return start <= at < end


def matches(where: Mapping[str, Any], properties: Mapping[str, Json]) -> bool:
    if "combinator" not in where:
        return passes(where, inside(properties, where["field"].split(".")))
    results = [matches(child, properties) for child in where["rules"]]
    return (all(results) if where["combinator"] == "and" else any(results)) != where["not"]


def inside(data: Any, keys: list[str]) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def passes(node: Mapping[str, Any], actual: Any) -> bool:
    operator, value = node["operator"], node.get("value")
    if operator in NEGATIONS:
        return not passes({"operator": NEGATIONS[operator], "value": value}, actual)
    if operator == "is set":
        return actual is not None
    if operator == "in":
        return any(passes({"operator": "=", "value": one}, actual) for one in value)
    if kind(actual) is not kind(value) or actual is None:
        return False
    return bool(value in actual if operator == "contains" else OPERATIONS[operator](actual, value))


def kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def edges(history: History) -> Iterator[Microseconds]:
    """Yield every instant at which time could change any answer about `history`."""
    for event in history.events:
        yield event.at
        yield from (event.at + length for length in DURATIONS.values())
    for span in history.memberships.values():
        yield span.start
        if span.end is not None:
            yield span.end
