"""Rules as they are stored, written in a few words: for what the package ships."""

from __future__ import annotations

from personalization.types import Json, JsonObject


def rule(*conditions: Json, combinator: str = "and") -> JsonObject:
    return {"version": 1, "root": group(*conditions, combinator=combinator)}


def group(*conditions: Json, combinator: str = "and", negated: bool = False) -> JsonObject:
    return {"combinator": combinator, "not": negated, "rules": list(conditions)}


def any_of(*conditions: Json) -> JsonObject:
    return group(*conditions, combinator="or")


def none_of(*conditions: Json) -> JsonObject:
    return group(*conditions, combinator="or", negated=True)


def happened(
    event: str, *, times: int = 1, last: str | None = None, where: Json = None
) -> JsonObject:
    """Return: it happened so many `times` or more, in the `last` so long if that is given."""
    return _event(event, "count", times, last=last, where=where)


def fewer(event: str, than: int) -> JsonObject:
    """Return: it happened fewer times than that, never included."""
    return {**_event(event, "count", than), "operator": "<"}


def on_days(event: str, n: int, *, last: str) -> JsonObject:
    """Return: it happened on `n` calendar days or more."""
    return _event(event, "days", n, last=last)


def different(event: str, prop: str, n: int, *, last: str) -> JsonObject:
    """Return: there were `n` different values of `prop` or more."""
    return _event(event, "distinct", n, prop=prop, last=last)


def adds_up(event: str, prop: str, least: float) -> JsonObject:
    """Return: the numbers at `prop` of all time add up to `least` or more."""
    return _event(event, "sum", least, prop=prop)


def _event(
    event: str,
    aggregate: str,
    value: float,
    *,
    prop: str | None = None,
    last: str | None = None,
    where: Json = None,
) -> JsonObject:
    return {
        "kind": "event",
        "event": event,
        "aggregate": aggregate,
        **({"prop": prop} if prop else {}),
        "operator": ">=",
        "value": value,
        **({"window": {"last": last}} if last else {}),
        **({"where": where} if where else {}),
    }


def age(event: str, operator: str, duration: str, *, which: str = "last") -> JsonObject:
    """Return: the last or `first` such event is so old, as in `age("*", "<=", "P30D")`."""
    return {
        "kind": "recency",
        "event": event,
        "which": which,
        "operator": operator,
        "value": duration,
    }


def regular(event: str, *, times: int, period: str, of: int, at_least: int) -> JsonObject:
    """Return: it happened so many `times` or more in `at_least` `of` the newest periods."""
    return {
        "kind": "regularity",
        "event": event,
        "period": period,
        "periods": of,
        "at_least": at_least,
        "operator": ">=",
        "value": times,
    }


def feature(name: str, operator: str, value: Json) -> JsonObject:
    return _test("feature", name, operator, value)


def prop(name: str, operator: str, value: Json) -> JsonObject:
    return _test("prop", name, operator, value)


def _test(kind: str, name: str, operator: str, value: Json) -> JsonObject:
    return {"kind": kind, "field": name, "operator": operator, "value": value}


def days(n: int) -> str:
    """Return a duration of `n` days."""
    return f"P{n}D"
