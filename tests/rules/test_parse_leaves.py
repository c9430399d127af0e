"""What the leaves over time refuse: each at its place, with the value and what is allowed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from personalization.exceptions import InvalidRule, Problem
from personalization.rules.catalogue import Catalogue, EventKind, Field
from personalization.rules.leaves.context import FIELDS, WEEKDAYS
from personalization.rules.leaves.recency import RECENCY_OPERATORS
from personalization.rules.parse import check, parse
from tests.rules.building import (
    Stored,
    context,
    happened,
    measured,
    prop,
    recency,
    rule,
    sequence,
    step,
    weekly,
)

LEAF = "/root/rules/0"
ADDED, ORDERED, VIEWED = "Product Added", "Order Completed", "Page Viewed"
STEPS = (step(VIEWED), step(ADDED))

REFUSED: dict[str, tuple[Stored, str, Any, tuple[str, ...]]] = {
    "a sum of nothing": (happened(ADDED, aggregate="sum"), "/prop", None, ()),
    "a count of a property": (
        happened(ADDED, prop="price"), "/prop", "price", (),
    ),
    "days of a property": (measured("days", None, ">=", 1) | {"prop": "price"}, "/prop", "price", ()),
    "a property that no path leads to": (measured("sum", "1x", ">=", 1), "/prop", "1x", ()),
    "half a day": (measured("days", None, ">=", 0.5), "/value", 0.5, ()),
    "half a value": (measured("distinct", "price", ">=", 1.5), "/value", 1.5, ()),
    "a sum that is a text": (measured("sum", "price", ">=", "30"), "/value", "30", ()),
    "a sum that is true": (measured("sum", "price", ">=", True), "/value", True, ()),
    "a sum too large": (measured("sum", "price", ">=", 10**9 + 1), "/value", 10**9 + 1, ()),
    "a window that ends before it begins": (
        happened(ADDED, window={"last": "PT1H", "until": "PT1H"}), "/window/until", "PT1H", (),
    ),
    "an until alone": (
        happened(ADDED, window={"until": "PT1H"}), "/window/from", None, (),
    ),
    "a recency of a number": (recency(VIEWED, ">=", 30), "/value", 30, ()),
    "a recency that is equal": (recency(VIEWED, "=", "P1D"), "/operator", "=", RECENCY_OPERATORS),
    "neither last nor first": (
        recency(VIEWED, ">=", "P1D", which="middle"), "/which", "middle", ("last", "first"),
    ),
    "no period": (weekly(period="P1M"), "/period", "P1M", ()),
    "no periods at all": (weekly(periods=0, at_least=1), "/periods", 0, ()),
    "too many periods": (weekly(periods=61), "/periods", 61, ()),
    "more than all periods": (weekly(at_least=5), "/at_least", 5, ()),
    "one step": (sequence(step(VIEWED)), "/steps", [step(VIEWED)], ()),
    "eleven steps": (sequence(*[step(VIEWED)] * 11), "/steps", [step(VIEWED)] * 11, ()),
    "no list of steps": (sequence() | {"steps": "cart"}, "/steps", "cart", ()),
    "an absence first": (
        sequence(step(ORDERED, absent=True), *STEPS),
        "/steps", [step(ORDERED, absent=True), *STEPS], (),
    ),
    "nothing but an absence": (
        sequence(step(ORDERED, absent=True, within="P1D"), step(VIEWED, absent=True, within="P1D")),
        "/steps",
        [step(ORDERED, absent=True, within="P1D"), step(VIEWED, absent=True, within="P1D")], (),
    ),
    "a first step within a time": (
        sequence(step(VIEWED, within="PT1H"), step(ADDED)), "/steps/0/within", "PT1H", (),
    ),
    "an absence within a time in between": (
        sequence(step(VIEWED), step(ORDERED, absent=True, within="PT1H"), step(ADDED)),
        "/steps/1/within", "PT1H", (),
    ),
    "an absence without end": (
        sequence(step(VIEWED), step(ORDERED, absent=True)), "/steps/1/within", None, (),
    ),
    "a step with a misspelt key": (
        sequence(step(VIEWED), step(ADDED, withn="PT1H")), "/steps/1/withn", "PT1H",
        ("event", "where", "within", "absent"),
    ),
    "a sequence that is over before it is complete": (
        sequence(step(VIEWED), step(ORDERED, absent=True, within="P1D"), last="P1D"),
        "/last", "P1D", (),
    ),
    "strictness that is a text": (
        sequence(*STEPS, strict="yes"), "/strict", "yes", ("true", "false"),
    ),
    "a context nobody knows": (context("weather", "=", "sun"), "/field", "weather", tuple(FIELDS)),
    "a span of a text": (context("path", "between", [1, 2]), "/operator", "between", ("=", "!=")),
    "one hour": (context("hour", "between", [9]), "/value", [9], ()),
    "the same hour twice": (context("hour", "between", [9, 9]), "/value", [9, 9], ()),
    "hours that are no list": (context("hour", "between", 9), "/value", 9, ()),
    "a twenty-fifth hour": (context("hour", "between", [9, 25]), "/value/1", 25, ()),
}  # fmt: skip


def problems(stored: Stored) -> dict[str, Problem]:
    with pytest.raises(InvalidRule) as caught:
        parse(rule(stored))
    return {problem.pointer.removeprefix(LEAF): problem for problem in caught.value.problems}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_place_the_value_and_what_is_allowed(name: str) -> None:
    stored, pointer, value, allowed = REFUSED[name]
    problem = problems(stored)[pointer]
    assert problem.value == value
    assert problem.allowed == allowed
    assert problem.message.endswith(".")


CATALOGUE = Catalogue(
    events={
        ADDED: EventKind(
            ADDED,
            "added",
            {
                "price": Field("price", "price", "number"),
                "category": Field("category", "category", "text"),
            },
        )
    },
    retention=timedelta(days=90),
)
WRONG_PROP = prop("price", "=", "cheap")

CONTRADICTED: dict[str, tuple[Stored, str]] = {
    "a sum of texts": (measured("sum", "category", ">=", 1), "/prop"),
    "a window longer than events are kept": (happened(ADDED, last="P91D"), "/window/last"),
    "a recency longer than events are kept": (recency(VIEWED, ">=", "P91D"), "/value"),
    "periods longer than events are kept": (weekly(period="P30D"), "/periods"),
    "a step with a property of another type": (
        sequence(step(VIEWED), step(ADDED, where=WRONG_PROP)), "/steps/1/where/value",
    ),
    "a recency of a property of another type": (
        recency(ADDED, ">=", "P1D", where=WRONG_PROP), "/where/value",
    ),
    "periods of a property of another type": (
        weekly(event=ADDED, where=WRONG_PROP), "/where/value",
    ),
    "a count of a property of another type": (happened(ADDED, where=WRONG_PROP), "/where/value"),
    "a day that is none": (context("weekday", "=", "Sunday"), "/value"),
    "an hour that is a text": (context("hour", "=", "noon"), "/value"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTED)
def test_the_catalogue_speaks_against_it(name: str) -> None:
    stored, pointer = CONTRADICTED[name]
    found = check(parse(rule(stored)), CATALOGUE)
    assert [problem.pointer for problem in found] == [f"{LEAF}{pointer}"]


@pytest.mark.parametrize(
    "stored",
    [
        measured("sum", "price", ">=", 19.99),
        measured("distinct", "category", ">=", 1),
        measured("avg", "margin", "<", -5),  # nobody has sent it yet
        happened(ADDED, last="P90D"),
        recency(VIEWED, "<=", "P90D"),
        weekly(period="P1W", periods=12),
        sequence(*STEPS, window="P400D"),
        context("weekday", "in", list(WEEKDAYS)),
        context("hour", "between", [22, 6]),
        context("language", "is set", None),
    ],
    ids=str,
)
def test_the_catalogue_has_nothing_against_it(stored: Stored) -> None:
    assert check(parse(rule(stored)), CATALOGUE) == []


def test_each_step_counts_as_a_condition() -> None:
    with pytest.raises(InvalidRule, match="60"):
        parse(rule(*[sequence(*[step(VIEWED)] * 10)] * 6))
    assert parse(rule(*[sequence(*[step(VIEWED)] * 10)] * 5))


def test_what_only_a_request_can_tell_is_live_only() -> None:
    assert parse(rule(context("path", "=", "/"))).live_only
    assert not parse(rule(weekly())).live_only


def test_browsers_know_requests_and_the_visit_that_goes_on() -> None:
    def visible(leaf: Stored) -> bool:
        (found,) = parse(rule(leaf)).leaves()
        return found.browser_visible

    assert visible(context("path", "=", "/"))
    assert visible(happened(VIEWED, scope="visit"))
    assert not visible(happened(VIEWED))
    assert not visible(weekly())
