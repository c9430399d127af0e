"""From when until when a rule holds without further events, as SQL; or that SQL cannot tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from personalization.rules.counter import CounterNeed
from personalization.rules.parse import parse
from personalization.rules.sql import Sql
from personalization.segments.courses import Span, Unforeseen, course_of
from personalization.segments.population import scope_at
from tests.rules.building import both, either, feature, happened, none_of, rule, segment, trait

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = 3_600_000_000


class Named:
    """Columns that say what they are asked for."""

    def nth(self, need: CounterNeed, n: int) -> Sql:
        return Sql(f"{need.matcher.event}[{n}]")

    def total(self, need: CounterNeed) -> Sql:
        return Sql(f"{need.matcher.event}.total")

    def first(self, need: CounterNeed) -> Sql:
        return Sql(f"{need.matcher.event}.first")


def course(*children: Any) -> Span:
    return course_of(parse(rule(*children)), Named(), scope_at(NOW))


def ends(hours: int, event: str = "A", n: int = 1) -> str:
    return f"COALESCE({event}[{n}] + {hours * HOUR}, 0)"


def test_what_happened_in_a_window_ends_when_its_nth_newest_event_leaves_it() -> None:
    assert course(happened("A", ">=", 2, last="PT1H")) == Span(end=Sql(ends(1, n=2)))
    assert course(happened("A", ">", 2, last="PT1H")) == Span(end=Sql(ends(1, n=3)))


def test_what_did_not_happen_begins_then() -> None:
    assert course(happened("A", "<", 2, last="PT1H")) == Span(begin=Sql(ends(1, n=2)))
    assert course(none_of(happened("A", last="PT1H"))) == Span(begin=Sql(ends(1)))


def test_exactly_so_many_begins_and_ends() -> None:
    found = course(happened("A", "=", 2, last="PT1H"))
    assert found == Span(begin=Sql(ends(1, n=3)), end=Sql(ends(1, n=2)))


def test_all_of_several_holds_from_the_last_begin_until_the_first_end() -> None:
    found = course(
        happened("A", last="PT3H"), happened("B", last="PT2H"), happened("A", "<", 1, last="PT1H")
    )
    assert found == Span(Sql(ends(1)), Sql(f"LEAST({ends(3)}, {ends(2, 'B')})"))


def test_one_of_several_that_end_holds_until_the_last_end() -> None:
    found = course(either(happened("A", last="PT3H"), happened("B", last="PT2H")))
    assert found == Span(end=Sql(f"GREATEST({ends(3)}, {ends(2, 'B')})"))


def test_what_time_does_not_change_holds_for_good_or_never() -> None:
    found = course(happened("A", ">=", 2))
    assert found.begin is None
    assert found.end is not None
    assert found.end.text.startswith("CASE WHEN (COALESCE(A.total, 0) >= 2) THEN")


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (">=", Span(begin=Sql(f"COALESCE(A[1] + {HOUR}, {2**62})"))),
        (">", Span(begin=Sql(f"COALESCE(A[1] + {HOUR + 1}, {2**62})"))),
        ("<=", Span(end=Sql(f"COALESCE(A[1] + {HOUR + 1}, 0)"))),
        ("<", Span(end=Sql(f"COALESCE(A[1] + {HOUR}, 0)"))),
    ],
)
def test_an_age_turns_once(operator: str, expected: Span) -> None:
    leaf = {"kind": "recency", "event": "A", "operator": operator, "value": "PT1H"}
    assert course(leaf) == expected


@pytest.mark.parametrize(
    "told",
    [
        either(trait("plan", "=", "pro"), happened("A", last="PT1H")),
        either(feature("orders.count", ">", 1), happened("A", "<", 1, last="PT1H")),
        both(happened("A", last="PT1H"), trait("plan", "=", "pro"), negated=True),
        both(happened("A", "<", 3), either(trait("plan", "is set"), happened("B"))),
    ],
    ids=["or ends", "or begins", "not of what ends", "constant"],
)
def test_sql_can_tell(told: Any) -> None:
    assert isinstance(course(told), Span)


@pytest.mark.parametrize(
    "untold",
    [
        happened("A", "!=", 1, last="PT1H"),
        either(happened("A", last="PT1H"), happened("A", "<", 1, last="PT3H")),
        none_of(both(happened("A", last="PT3H"), happened("A", "<", 1, last="PT1H"))),
        segment("by-hand"),
        {**happened("A", last="PT1H"), "scope": "visit"},
        {**happened("A"), "window": {"last": "PT3H", "until": "PT1H"}},
        {**happened("A", ">=", 5), "aggregate": "sum", "prop": "total"},
        {"kind": "sequence", "steps": [{"event": "A"}, {"event": "B"}]},
    ],
    ids=["other than", "in or out", "outside", "by hand", "visit", "until", "sum", "sequence"],
)
def test_sql_cannot_tell(untold: Any) -> None:
    with pytest.raises(Unforeseen):
        course(untold)
