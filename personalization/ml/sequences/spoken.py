"""Steps and patterns in the rule language: the rule holds for exactly those who took them.

Only a page with a very long category is no step (symbols.py) and yet one of its path to a rule,
where no page of the site states a short one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf.locale import LANG_INFO

from personalization.ml.symbols import BY_CATEGORY, BY_PATH, PAGE
from personalization.rules.writing import any_of, group, prop
from personalization.types import JsonObject


def step_of(symbol: str, *, stated: bool = False) -> JsonObject:
    """Return what a rule says of a step: the event, and of a page its type.

    `stated`: some pages of the site state a category, and so are not of the type of their path.
    """
    if symbol == PAGE:
        return _page(*_by_path(stated), {"kind": "prop", "field": "path", "operator": "is not set"})
    if symbol.startswith(BY_CATEGORY):
        return _page(prop("category", "=", symbol.removeprefix(BY_CATEGORY)))
    if symbol.startswith(BY_PATH):
        return _page(*_by_path(stated), _below(symbol))
    return {"event": symbol}


def states_categories(symbols: Sequence[str]) -> bool:
    return any(symbol.startswith(BY_CATEGORY) for symbol in symbols)


def _page(*conditions: JsonObject) -> JsonObject:
    return {"event": PAGE, "where": group(*conditions)}


def _by_path(stated: bool) -> list[JsonObject]:
    """Return: the page states no category, if others do."""
    return [prop("category", "does not match", ".")] if stated else []


def _below(path: str) -> JsonObject:
    """Return: the page is this one, or lies below it."""
    if path == "/":
        return prop("path", "=", "/")
    if path[1:].lower() in LANG_INFO:  # what lies below has a type of its own
        return prop("path", "in", [path, f"{path}/"])
    return any_of(prop("path", "=", path), prop("path", "starts with", f"{path}/"))


def sequence(
    steps: Sequence[JsonObject], *, within: timedelta | None, last: timedelta | None
) -> JsonObject:
    """Return: the steps one after another, each `within` so long of the one before; the newest
    of them in the `last` so long."""
    first, *others = steps
    near = {} if within is None else {"within": duration(within)}
    return {
        "kind": "sequence",
        "steps": [first, *({**step, **near} for step in others)],
        **({} if last is None else {"last": duration(last)}),
    }


def left_at(
    step: JsonObject, *, goal: JsonObject, after: timedelta, last: timedelta | None
) -> JsonObject:
    """Return: the step, and then no goal for so long."""
    return {
        "kind": "sequence",
        "steps": [step, {**goal, "absent": True, "within": duration(after)}],
        **({} if last is None else {"last": duration(last)}),
    }


def never(step: JsonObject) -> JsonObject:
    """Return: it has not happened."""
    return {**step, "kind": "event", "aggregate": "count", "operator": "<", "value": 1}


def duration(length: timedelta) -> str:
    """Return an ISO 8601 duration in its largest unit, such as P30D or PT30M."""
    seconds = round(length.total_seconds())
    for size, before, unit in ((86_400, "P", "D"), (3_600, "PT", "H"), (60, "PT", "M")):
        if seconds and seconds % size == 0:
            return f"{before}{seconds // size}{unit}"
    return f"PT{seconds}S"
