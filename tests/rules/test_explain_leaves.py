"""Sums, recency, sequences and the like in plain words, and what a visitor really has."""

from __future__ import annotations

import pytest

from personalization.events.catalogue import known_events
from personalization.rules.catalogue import Catalogue
from personalization.rules.explain import sentence, trace
from personalization.rules.parse import parse
from tests.rules.building import (
    Stored,
    context,
    happened,
    measured,
    none_of,
    prop,
    recency,
    rule,
    sequence,
    step,
    weekly,
)
from tests.rules.strategies import NOW
from tests.rules.world import Happening, History, facts, linked

CATALOGUE = Catalogue(events=known_events())
HOUR = 3_600_000_000
ADDED, ORDERED, VIEWED = "Product Added", "Order Completed", "Page Viewed"
NEVER = "(including never)"


ADD = "added a product to the cart"
SAID: list[tuple[Stored, str, str]] = [
    (
        measured("sum", "price", ">=", 30, last="PT24H"),
        f"{ADD} with price adding up to at least 30 in the last 24 hours",
        f"{ADD} with price adding up to less than 30 in the last 24 hours {NEVER}",
    ),
    (
        measured("sum", "price", "<", 30),
        f"{ADD} with price adding up to less than 30 {NEVER}",
        f"{ADD} with price adding up to at least 30",
    ),
    (
        measured("avg", "price", "<", 20),
        f"{ADD} with an average price of less than 20",
        f"{ADD} with an average price of at least 20 {NEVER}",
    ),
    (
        measured("max", "price", "!=", 20.5),
        f"{ADD} with a highest price of anything but 20.5 {NEVER}",
        f"{ADD} with a highest price of exactly 20.5",
    ),
    (
        measured("min", "price", "=", 10),
        f"{ADD} with a lowest price of exactly 10",
        f"{ADD} with a lowest price of anything but 10 {NEVER}",
    ),
    (
        measured("distinct", "category", ">=", 2, last="P7D"),
        f"{ADD} with at least 2 different values of category in the last week",
        f"{ADD} with fewer than 2 different values of category in the last week {NEVER}",
    ),
    (
        measured("days", None, ">=", 1, last="P2D"),
        f"{ADD} on at least 1 day in the last 2 days",
        f"{ADD} on fewer than 1 day in the last 2 days {NEVER}",
    ),
    (
        happened(ADDED, "=", 1, window={"last": "PT24H", "until": "PT3H"}),
        f"{ADD} exactly once between 24 hours and 3 hours ago",
        f"{ADD} not exactly once between 24 hours and 3 hours ago {NEVER}",
    ),
    (
        happened(ADDED, ">", 3, scope="visit"),
        f"{ADD} more than 3 times in this visit",
        f"{ADD} at most 3 times in this visit {NEVER}",
    ),
    (
        recency("*", ">=", "P30D"),
        "last did anything at least 30 days ago",
        f"last did anything less than 30 days ago {NEVER}",
    ),
    (
        recency(VIEWED, "<", "P7D", which="first", where=prop("path", "=", "/")),
        "first viewed a page (where path is /) less than 1 week ago",
        f"first viewed a page (where path is /) at least 1 week ago {NEVER}",
    ),
    (
        weekly(),
        "viewed a page at least twice in at least 3 of the last 4 periods of 1 week",
        "viewed a page at least twice in fewer than 3 of the last 4 periods of 1 week",
    ),
    (
        weekly(where=prop("path", "=", "/")),
        "viewed a page, where path is /, at least twice in at least 3 of the last 4 periods of "
        "1 week",
        "viewed a page, where path is /, at least twice in fewer than 3 of the last 4 periods of "
        "1 week",
    ),
    (
        sequence(step(VIEWED), step(ADDED, within="PT3H")),
        f"viewed a page, then {ADD} within 3 hours",
        f"did not do this: viewed a page, then {ADD} within 3 hours",
    ),
    (
        sequence(step(ADDED), step(ORDERED, absent=True, within="P1D"), last="P7D"),
        f"{ADD}, then never ordered for 24 hours, in the last week",
        f"did not do this: {ADD}, then never ordered for 24 hours, in the last week",
    ),
    (
        sequence(step(VIEWED), step(ORDERED, absent=True), step(ADDED), strict=True, window="PT6H"),
        f"viewed a page, then {ADD} (and in between not “ordered”), with nothing else in between, "
        "all within 6 hours",
        f"did not do this: viewed a page, then {ADD} (and in between not “ordered”), with nothing "
        "else in between, all within 6 hours",
    ),
]


@pytest.mark.parametrize(("leaf", "said", "denied"), SAID, ids=[said for _, said, _ in SAID])
def test_conditions_and_their_opposites_in_plain_words(
    leaf: Stored, said: str, denied: str
) -> None:
    assert sentence(parse(rule(leaf)), CATALOGUE) == f"Visitors who {said}"
    assert sentence(parse(rule(none_of(leaf))), CATALOGUE) == f"Visitors who {denied}"


def test_what_a_request_tells_is_the_visitors() -> None:
    stored = rule(context("hour", "between", [22, 6]), context("utm.source", "=", "news"))
    assert sentence(parse(stored), CATALOGUE) == (
        "Visitors whose hour of the day is from 22:00 to 6:00 and campaign source is news"
    )
    denied = rule(none_of(context("hour", "between", [22, 6])))
    assert sentence(parse(denied), CATALOGUE) == (
        "Visitors whose hour of the day is not from 22:00 to 6:00"
    )
    assert sentence(parse(rule(none_of(context("path", "=", "/")))), CATALOGUE) == (
        "Visitors whose path of the page is not /"
    )


ADDS = [
    Happening(ADDED, NOW - 30 * HOUR, {"price": 10, "category": "shoes"}),
    Happening(ADDED, NOW - 2 * HOUR, {"price": 20.5, "category": "hats"}),
    Happening(VIEWED, NOW - HOUR // 6, {}),
]
ACTUAL: list[tuple[Stored, str]] = [
    (measured("sum", "price", ">=", 30), "30.5 in all"),
    (measured("sum", "price", ">=", 30, last="PT24H"), "20.5 in all"),
    (measured("avg", "price", ">=", 30), "15.25 on average of 2"),
    (measured("avg", "price", ">=", 30, last="PT1H"), "nothing"),
    (measured("max", "price", ">=", 30), "less than 30"),
    (measured("max", "price", ">=", 15), "more than 15"),
    (measured("max", "price", ">=", 20.5), "exactly 20.5"),
    (measured("min", "price", ">=", 15), "less than 15"),
    (measured("min", "price", ">=", 5), "more than 5"),
    (measured("min", "price", ">=", 5, last="PT1H"), "nothing"),
    (measured("distinct", "category", ">=", 3), "2 different"),
    (measured("distinct", "category", ">=", 1), "2 or more different"),
    (measured("days", None, ">=", 3, last="PT24H"), "1 different"),
    (
        measured("days", None, ">=", 3, window={"last": "P2D", "until": "PT1H"}),
        "2 different in that time",
    ),
    (happened(ADDED, window={"last": "P2D", "until": "PT1H"}), "twice in that time"),
    (happened(VIEWED, ">=", 2, scope="visit"), "once in that time, most recently 10 minutes ago"),
    (recency(VIEWED, ">=", "P30D"), "10 minutes ago"),
    (recency(ORDERED, ">=", "P30D"), "never"),
    (recency(ADDED, ">=", "P30D", which="first"), "1 day ago"),
    (weekly(period="P1D", periods=2, at_least=2), "in 0 of 2 (newest first: 1, 0)"),
    (sequence(step(ADDED), step(VIEWED)), "took every step 10 minutes ago"),
    (sequence(step(ADDED), step(ORDERED)), "took step 1 of 2 2 hours ago"),
    (sequence(step(ORDERED), step(ADDED)), "took no step"),
    (
        sequence(step(ADDED), step(ORDERED, absent=True, within="PT3H"), last="P1D"),
        "took every step 2 hours ago, complete in 1 hour",
    ),
    (context("hour", "=", 12), "12"),
    (context("device", "=", "mobile"), "not known without a request"),
]


@pytest.mark.parametrize(("leaf", "said"), ACTUAL, ids=str)
def test_a_trace_says_what_the_visitor_really_has(leaf: Stored, said: str) -> None:
    compiled = linked(rule(leaf), {})
    lines = trace(compiled, facts(History(ADDS), compiled), CATALOGUE, now=NOW)
    assert lines[1].actual == said


def test_a_request_that_tells_is_shown() -> None:
    compiled = linked(rule(context("device", "=", "mobile")), {})
    known = facts(History(context={"device": "mobile"}), compiled)
    line = trace(compiled, known, CATALOGUE, now=NOW)[1]
    assert (line.holds, line.actual) == (True, "mobile")
