"""Rules in plain words, and why one holds for somebody."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.events.catalogue import known_events
from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.explain import Line, sentence, trace
from personalization.rules.interval import Interval
from personalization.rules.parse import parse
from tests.rules.building import (
    both,
    consent,
    either,
    feature,
    happened,
    none_of,
    prop,
    rule,
    segment,
    trait,
)
from tests.rules.strategies import NOW
from tests.rules.world import Happening, History, facts, linked

CATALOGUE = Catalogue(
    traits={"plan": Field("plan", "plan", "text")},
    features={
        "orders.count": Field("orders.count", "number of orders", "number"),
        "engagement.seconds": Field("engagement.seconds", "engaged time", "number", "seconds"),
    },
    events=known_events(),
    segments={"vips": "VIPs"},
)
MINUTE = 60_000_000
ADDED, ORDERED, VIEWED = "Product Added", "Order Completed", "Page Viewed"

SENTENCES: list[tuple[str, tuple[Any, ...]]] = [
    (
        "added a product to the cart in the last 24 hours and never ordered in the last 24 hours",
        (happened(ADDED, last="PT24H"), none_of(happened(ORDERED, last="PT24H"))),
    ),
    ("never ordered", (happened(ORDERED, "=", 0),)),
    ("never ordered", (happened(ORDERED, "<", 1),)),
    ("ordered", (happened(ORDERED, "!=", 0),)),
    ("ordered", (none_of(none_of(happened(ORDERED))),)),
    ("viewed a page at least twice in the last week", (happened(VIEWED, ">=", 2, last="P7D"),)),
    ("viewed a page more than 3 times in the last hour", (happened(VIEWED, ">", 3, last="PT1H"),)),
    ("viewed a page at most 5 times (including never)", (happened(VIEWED, "<=", 5),)),
    ("viewed a page fewer than 2 times (including never)", (happened(VIEWED, "<", 2),)),
    ("viewed a page not exactly once (including never)", (happened(VIEWED, "!=", 1),)),
    ("viewed a page exactly once in the last 90 minutes", (happened(VIEWED, "=", 1, last="PT90M"),)),
    (
        "viewed a page fewer than 3 times (including never)",
        (none_of(happened(VIEWED, ">=", 3)),),
    ),
    ("did “Video Played” in the last 2 weeks", (happened("Video Played", last="P14D"),)),
    (
        "ordered between 2026-01-01 00:00 UTC and 2026-02-01 08:30 UTC",
        (happened(ORDERED, window={"from": "2026-01-01", "to": "2026-02-01T08:30:00Z"}),),
    ),
    (
        "added a product to the cart where category is shoes and (price is more than 50 or "
        "colour does not contain red)",
        (
            happened(
                ADDED,
                where=both(
                    prop("category", "=", "shoes"),
                    either(prop("price", ">", 50), none_of(prop("colour", "contains", "red"))),
                ),
            ),
        ),
    ),
    (
        "ordered where not (total is less than 5 or coupon is known)",
        (happened(ORDERED, where=none_of(prop("total", "<", 5), prop("coupon", "is set"))),),
    ),
    (
        "ordered where total is less than 5 and not (coupon is known and total is 0)",
        (
            happened(
                ORDERED,
                where=both(
                    either(both(prop("total", "<", 5))),
                    both(prop("coupon", "is set"), prop("total", "=", 0), negated=True),
                ),
            ),
        ),
    ),
    ("viewed a page in the last 61 seconds", (happened(VIEWED, last="PT1M1S"),)),
    ("agreed to marketing and did not agree to analytics", (
        consent("marketing"), none_of(consent("analytics")),
    )),
    ("are in “VIPs” and are not in “unknown”", (segment("vips"), none_of(segment("unknown")))),
]  # fmt: skip

WHOLE: list[tuple[str, Any]] = [
    ("Visitors whose number of orders is at least 3", rule(feature("orders.count", ">=", 3))),
    (
        "Visitors whose engaged time is more than 180 seconds and plan is one of a, b or c",
        rule(feature("engagement.seconds", ">", 180.0), trait("plan", "in", ["a", "b", "c"])),
    ),
    (
        "Visitors whose number of orders is not less than 3 and plan is not known",
        rule(none_of(feature("orders.count", "<", 3)), none_of(trait("plan", "is set"))),
    ),
    (
        "Visitors whose plan is pro and (who ordered or whose beta is yes)",
        rule(trait("plan", "=", "pro"), either(happened(ORDERED), trait("beta", "=", True))),
    ),
    (
        "Visitors for whom none of this is true (who ordered or whose plan is pro) "
        "and who viewed a page",
        rule(none_of(happened(ORDERED), trait("plan", "=", "pro")), happened(VIEWED)),
    ),
    (
        "Visitors for whom not all of this is true (who ordered and viewed a page)",
        {"version": 1, "root": both(happened(ORDERED), happened(VIEWED), negated=True)},
    ),
]


@pytest.mark.parametrize(("words", "leaves"), SENTENCES)
def test_a_rule_reads_as_a_sentence(words: str, leaves: tuple[Any, ...]) -> None:
    assert sentence(parse(rule(*leaves)), CATALOGUE) == f"Visitors who {words}"


@pytest.mark.parametrize(("words", "stored"), WHOLE)
def test_the_pronoun_follows_the_condition(words: str, stored: Any) -> None:
    assert sentence(parse(stored), CATALOGUE) == words


def lines(stored: Any, history: History, segments: Any = None) -> list[Line]:
    compiled = linked(stored, segments or {})
    return trace(compiled, facts(history, compiled), CATALOGUE, now=NOW)


def test_a_trace_has_each_line_with_what_the_profile_really_has() -> None:
    stored = rule(happened(ADDED, last="PT24H"), none_of(happened(ORDERED, last="PT24H")))
    history = History(
        [Happening(ADDED, NOW - 90 * MINUTE), Happening(ADDED, NOW - 3 * MINUTE)]
        + [Happening(ORDERED, NOW - 3 * 1440 * MINUTE)]
    )
    assert lines(stored, history) == [
        Line(0, "all of these", True),
        Line(
            1,
            "added a product to the cart in the last 24 hours",
            True,
            "twice in that time, most recently 3 minutes ago",
        ),
        Line(1, "none of these", True),
        Line(
            2,
            "ordered in the last 24 hours",
            False,
            "0 times in that time, most recently 3 days ago",
        ),
    ]


@pytest.mark.parametrize(
    ("leaf", "holds", "actual"),
    [
        (trait("plan", "=", "pro"), True, "pro"),
        (trait("plan", "=", "free"), False, "pro"),
        (trait("age", ">", 18), False, "not known"),
        (trait("beta", "=", True), False, "no"),
        (feature("orders.count", ">=", 3), False, "2"),
        (consent("marketing"), True, "agreed"),
        (consent("analytics"), False, "did not agree"),
        (segment("vips"), True, "is in it"),
        (segment("pros"), True, "is in it"),
        (segment("staff"), False, "is not in it"),
        (happened(ORDERED), False, "never"),
        (happened(VIEWED, ">=", 2), True, "3 times in all, most recently just now"),
        (happened(VIEWED, "<", 2, last="P1D"), False,
         "3 times in that time, most recently just now"),
        (happened(VIEWED, ">=", 1, last="P1D"), True,
         "twice or more in that time, most recently just now"),
    ],
)  # fmt: skip
def test_the_actual_value_of_each_kind_of_condition(leaf: Any, holds: bool, actual: str) -> None:
    history = History(
        events=[Happening(VIEWED, NOW - second) for second in (1, 2, 3)],
        traits={"plan": "pro", "beta": False},
        features={"orders.count": 2.0},
        consents={"marketing": True},
        memberships={"vips": Interval(NOW - 1, None)},
    )
    segments = {"vips": None, "staff": None, "pros": rule(trait("plan", "=", "pro"))}
    _, line = lines(rule(leaf), history, segments)
    assert (line.holds, line.actual) == (holds, actual)


def test_groups_are_headed_by_what_they_ask_for() -> None:
    leaf = trait("plan", "=", "pro")
    groups = [both(leaf), either(leaf), both(leaf, negated=True), none_of(leaf)]
    found = [line.text for line in lines(rule(*groups), History()) if line.depth == 1]
    assert found == ["all of these", "at least one of these", "not all of these", "none of these"]


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (999_999, "just now"),
        (59_999_999, "59 seconds ago"),
        (MINUTE, "1 minute ago"),
        (119 * MINUTE, "1 hour ago"),
        (13 * 1440 * MINUTE, "13 days ago"),
        (14 * 1440 * MINUTE, "on 2026-02-15"),
    ],
)
def test_long_ago_is_a_date(ago: int, words: str) -> None:
    _, line = lines(rule(happened(VIEWED)), History([Happening(VIEWED, NOW - ago)]))
    assert line.actual == f"once in all, most recently {words}"
