"""Short words for rules as they are stored."""

from __future__ import annotations

from typing import Any

Stored = dict[str, Any]


def rule(*children: Stored) -> Stored:
    return {"version": 1, "root": both(*children)}


def both(*children: Stored, negated: bool = False) -> Stored:
    return {"combinator": "and", "not": negated, "rules": list(children)}


def either(*children: Stored, negated: bool = False) -> Stored:
    return {"combinator": "or", "not": negated, "rules": list(children)}


def none_of(*children: Stored) -> Stored:
    return either(*children, negated=True)


def trait(field: str, operator: str, value: Any = None) -> Stored:
    return _test("trait", field, operator, value)


def feature(field: str, operator: str, value: Any = None) -> Stored:
    return _test("feature", field, operator, value)


def prop(field: str, operator: str, value: Any = None) -> Stored:
    return _test("prop", field, operator, value)


def happened(name: str, operator: str = ">=", value: int = 1, **more: Any) -> Stored:
    """Return an event leaf; `last` is a duration, `where` a group, `window` any window."""
    if "last" in more:
        more["window"] = {"last": more.pop("last")}
    return {
        "kind": "event",
        "event": name,
        "aggregate": "count",
        "operator": operator,
        "value": value,
        **more,
    }


def measured(
    aggregate: str,
    prop: str | None,
    operator: str,
    value: Any,
    *,
    event: str = "Product Added",
    **more: Any,
) -> Stored:
    """Return an event leaf over what the property `prop` of the event says."""
    named = {} if prop is None else {"prop": prop}
    more = {"aggregate": aggregate, **named, **more}
    return happened(event, operator, **{"value": value, **more})


def recency(name: str, operator: str, value: Any, **more: Any) -> Stored:
    return {"kind": "recency", "event": name, "operator": operator, "value": value, **more}


def sequence(*steps: str | Stored, **more: Any) -> Stored:
    """Return a sequence leaf; a step that is only a name has nothing else said of it."""
    full = [{"event": step} if isinstance(step, str) else step for step in steps]
    return {"kind": "sequence", "steps": full, **more}


def step(name: str, **more: Any) -> Stored:
    """Return a step of a sequence."""
    return {"event": name, **more}


def absent(name: str, **more: Any) -> Stored:
    """Return a step of a sequence that must not happen."""
    return {"event": name, "absent": True, **more}


def regularity(
    name: str, period: str, periods: int, at_least: int, operator: str, value: int, **more: Any
) -> Stored:
    return {
        "kind": "regularity",
        "event": name,
        "period": period,
        "periods": periods,
        "at_least": at_least,
        "operator": operator,
        "value": value,
        **more,
    }


def weekly(**more: Any) -> Stored:
    """Return: viewed a page twice or more in 3 of the last 4 weeks, but for what `more` says."""
    return {**regularity("Page Viewed", "P7D", 4, 3, ">=", 2), **more}


def context(field: str, operator: str, value: Any = None) -> Stored:
    return _test("context", field, operator, value)


def segment(slug: str) -> Stored:
    return {"kind": "segment", "slug": slug}


def consent(purpose: str) -> Stored:
    return {"kind": "consent", "purpose": purpose}


def _test(kind: str, field: str, operator: str, value: Any) -> Stored:
    stored = {"kind": kind, "field": field, "operator": operator}
    return stored if value is None else {**stored, "value": value}
