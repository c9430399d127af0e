"""The meaning of stored rules in as few lines as possible: what the compiled ways must equal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations, pairwise
from operator import eq, ge, gt, le, lt, ne
from typing import Any
from zoneinfo import ZoneInfo

from personalization.clock import microseconds, moment, site_zone
from personalization.types import Json, Microseconds
from tests.rules.world import GAP, Happening, History

HOUR = 3_600_000_000
DAY = 24 * HOUR
DURATIONS = {
    "PT1S": HOUR // 3600, "PT10M": HOUR // 6, "PT30M": HOUR // 2, "PT1H": HOUR,
    "PT90M": HOUR * 3 // 2, "PT2H": 2 * HOUR, "PT12H": DAY // 2, "PT24H": DAY, "P1D": DAY,
    "P2D": 2 * DAY, "P1W": 7 * DAY, "P30D": 30 * DAY,
    "P1W1DT1H1M1S": 8 * DAY + HOUR + HOUR // 60 + HOUR // 3600,
}  # fmt: skip
Test = Callable[[Any, Any], bool]
TESTS: dict[str, Test] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
TEXT_TESTS: dict[str, Test] = {
    "contains": str.__contains__, "starts with": str.startswith, "ends with": str.endswith,
    "matches": lambda text, pattern: bool(re.search(pattern.replace("$", r"\Z"), text, re.ASCII)),
}  # fmt: skip
NEGATIONS = {
    "!=": "=", "not in": "in", "is not set": "is set", "does not contain": "contains",
    "does not start with": "starts with", "does not end with": "ends with",
    "does not match": "matches",
}  # fmt: skip

Node = Mapping[str, Any]
Segments = Mapping[str, Any]


def holds(node: Node, history: History, segments: Segments, *, now: Microseconds) -> bool:
    """Return whether the stored group or leaf holds for `history` at `now`."""
    if "combinator" in node:
        results = [holds(child, history, segments, now=now) for child in node["rules"]]
        joined = all(results) if node["combinator"] == "and" else any(results)
        return joined is not bool(node.get("not", False))
    past = [event for event in ordered(history) if event.at <= now]
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
        case "context":
            return surrounds(node, history, now)
        case "recency":
            ages = [now - event.at for event in past if about(node, event)]
            pick = max if node.get("which") == "first" else min
            return ages != [] and TESTS[node["operator"]](pick(ages), DURATIONS[node["value"]])
        case "sequence":
            n = sum(not step.get("absent") for step in node["steps"])
            tuples = combinations(range(len(past)), n)
            return any(fits(node, places, past, now) for places in tuples)
        case "regularity":
            return regular(node, past, now)
    return measured(node, past, now)


def ordered(history: History) -> list[Happening]:
    """Return the events by (timestamp, message id)."""
    numbered = enumerate(history.events)
    events = [(event.at, event.id or f"{number:06}", event) for number, event in numbered]
    return [event for *_, event in sorted(events, key=lambda entry: entry[:2])]


def about(node: Node, event: Happening) -> bool:
    where = node.get("where")
    named = bool(node["event"] in ("*", event.name))
    return named and (where is None or matches(where, event.properties))


def measured(node: Node, past: Sequence[Happening], now: Microseconds) -> bool:
    events = [event for event in past if in_window(node.get("window"), event.at, now)]
    if node.get("scope") == "visit":
        start = visit_start(past, now)
        events = [event for event in events if start is not None and event.at >= start]
    events = [event for event in events if about(node, event)]
    values = [inside(event.properties, node["prop"].split(".")) for event in events
              if "prop" in node]  # fmt: skip
    numbers = [value for value in values if kind(value) is float and abs(value) <= 1e9]
    total, value = sum(map(millionths, numbers)), node["value"]
    test = TESTS[node["operator"]]
    match node.get("aggregate", "count"):
        case "count":
            return test(len(events), value)
        case "days":
            zone = ZoneInfo(site_zone())
            days = {moment(event.at).astimezone(zone).date() for event in events}
            return test(len(days), value)
        case "distinct":
            known = [value for value in values if isinstance(value, str | float | int)]
            return test(len({(kind(value), comparable(value)) for value in known}), value)
        case "sum":
            return test(total, millionths(value))
        case "avg" if numbers:
            return test(total, len(numbers) * millionths(value))
        case "min" | "max" as pick if numbers:
            return test((min if pick == "min" else max)(numbers), value)
    return bool(node["operator"] == "!=")


def in_window(window: Mapping[str, str] | None, at: Microseconds, now: Microseconds) -> bool:
    if window is None:
        return True
    if "last" in window:
        until = DURATIONS[window["until"]] if "until" in window else 0
        return now - DURATIONS[window["last"]] < at <= now - until
    start, end = (datetime.fromisoformat(window[key]) for key in ("from", "to"))
    return in_utc(start) <= at < in_utc(end)


def in_utc(named: datetime) -> Microseconds:
    """Return the instant of a date that may name no time zone."""
    return microseconds(named if named.tzinfo else named.replace(tzinfo=UTC))


def visit_start(past: Sequence[Happening], now: Microseconds) -> Microseconds | None:
    """Return when the visit under way began: events closer than a gap lie in one."""
    if not past or now >= past[-1].at + GAP:
        return None
    starts = [b.at for a, b in pairwise(past) if b.at - a.at >= GAP]
    return starts[-1] if starts else past[0].at


def millionths(value: float) -> int:
    return math.floor(value * 1e6 + 0.5)


def fits(node: Node, places: Sequence[int], past: Sequence[Happening], now: Microseconds) -> bool:
    """Return whether the present steps can be the events at `places`, by all that is said."""
    chosen = [past[place] for place in places]
    last, number = chosen[-1].at, -1
    for step in node["steps"]:
        if not step.get("absent"):
            number += 1
            gap = chosen[number].at - chosen[max(number - 1, 0)].at
            if not about(step, chosen[number]) or gap > length(step.get("within")):
                return False
            continue
        between = past[places[number] + 1 : (*places, len(past))[number + 1]]
        if number == len(places) - 1:
            ripe = last + DURATIONS[step["within"]]
            if now < ripe:
                return False
            between = [event for event in between if event.at <= ripe]
        if any(about(step, event) for event in between):
            return False
    return (
        last - chosen[0].at <= length(node.get("window"))
        and now - last < length(node.get("last"))
        and not (node.get("strict") and any(b - a > 1 for a, b in pairwise(places)))
    )


def length(text: str | None) -> float:
    return DURATIONS[text] if text else math.inf


def regular(node: Node, past: Sequence[Happening], now: Microseconds) -> bool:
    instants = [event.at for event in past if about(node, event)]
    period, met = DURATIONS[node["period"]], 0
    for k in range(1, node["periods"] + 1):
        n = sum(now - k * period < at <= now - (k - 1) * period for at in instants)
        met += TESTS[node["operator"]](n, node["value"])
    return bool(met >= node["at_least"])


def surrounds(node: Node, history: History, now: Microseconds) -> bool:
    local = moment(now).astimezone(ZoneInfo(site_zone()))
    clock = {"hour": local.hour, "weekday": f"{local:%A}".lower()}
    if node["operator"] == "between":
        start, end = node["value"]
        hours = range(start, end) if start < end else [*range(start, 24), *range(end)]
        return local.hour in hours
    return passes(node, inside({**history.context, **clock}, node["field"].split(".")))


def matches(where: Node, properties: Mapping[str, Json]) -> bool:
    if "combinator" not in where:
        return passes(where, inside(properties, where["field"].split(".")))
    results = [matches(child, properties) for child in where["rules"]]
    joined = all(results) if where["combinator"] == "and" else any(results)
    return joined is not bool(where.get("not", False))


def inside(data: Any, keys: list[str]) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def passes(node: Node, actual: Any) -> bool:
    operator, value = node["operator"], node.get("value")
    if operator in NEGATIONS:
        return not passes({"operator": NEGATIONS[operator], "value": value}, actual)
    if operator == "is set":
        return actual is not None
    if operator == "in":
        return any(passes({"operator": "=", "value": one}, actual) for one in node["value"])
    if kind(actual) is not kind(value) or actual is None:
        return False
    return {**TESTS, **TEXT_TESTS}[operator](actual, value)


def kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def comparable(value: str | float) -> str | float:
    """Return numbers as the doubles they are compared as."""
    return float(value) if isinstance(value, int) else value


def edges(
    rule: Any, history: History, segments: Segments, *, now: Microseconds
) -> Iterator[Microseconds]:
    """Yield every instant after `now` at which time could change the answer of `rule`."""
    named = [rule, *(stored for stored in segments.values() if stored is not None)]
    leaves = [leaf for stored in named for leaf in every_leaf(stored["root"])]
    lengths = {0, GAP} | {length for leaf in leaves for length in said(leaf)}
    yield from (event.at + length for event in history.events for length in lengths)
    for span in history.memberships.values():
        yield from (edge for edge in (span.start, span.end) if edge is not None)
    if any(leaf["kind"] == "context" for leaf in leaves):
        yield from (now // HOUR * HOUR + k * HOUR for k in range(1, 8 * 24))


def every_leaf(node: Node) -> Iterator[Node]:
    if "combinator" not in node:
        yield node
    for child in node.get("rules", ()):
        yield from every_leaf(child)


def said(node: Any) -> Iterator[Microseconds]:
    """Yield all lengths of time that a leaf says; those of its periods if it has some."""
    for part in node.values() if isinstance(node, Mapping) else node:
        if isinstance(part, Mapping | list):
            yield from said(part)
        elif isinstance(part, str) and part in DURATIONS:
            periods = node.get("periods", 1) if isinstance(node, Mapping) else 1
            yield from (k * DURATIONS[part] for k in range(1, periods + 1))
