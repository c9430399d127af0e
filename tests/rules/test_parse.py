"""What cannot be understood is refused: where, what was found, what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.exceptions import InvalidRule, Problem
from personalization.rules.compare import ALL_OPERATORS, OPERATORS
from personalization.rules.leaves.event import AGGREGATES
from personalization.rules.parse import kinds, parse
from personalization.rules.reading import MAX_PROBLEMS
from personalization.rules.threshold import COUNT_OPERATORS
from tests.rules.building import both, consent, either, happened, prop, rule, segment, trait

LEAF = "/root/rules/0"
SINCE = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}


def problems(stored: Any) -> list[Problem]:
    with pytest.raises(InvalidRule) as caught:
        parse(stored)
    return caught.value.problems


def nested(depth: int) -> dict[str, Any]:
    group = both(happened("Page Viewed"))
    for _ in range(depth - 1):
        group = both(group)
    return {"version": 1, "root": group}


def counted(**changes: Any) -> dict[str, Any]:
    return rule({**happened("Page Viewed"), **changes})


def compared(**changes: Any) -> dict[str, Any]:
    return rule({**trait("plan", "=", "pro"), **changes})


def where(stored: Any) -> dict[str, Any]:
    return rule(happened("Page Viewed", where=stored))


# what is stored · where the problem is · the value found · what is allowed instead
REFUSED: dict[str, tuple[Any, str, Any, tuple[str, ...]]] = {
    "no object at all": (["version", 1], "", ["version", 1], ()),
    "nothing": (None, "", None, ()),
    "another version": ({**rule(consent("marketing")), "version": 2}, "/version", 2, ("1",)),
    "the version as text": ({**rule(consent("marketing")), "version": "1"}, "/version", "1", ("1",)),
    "true as version": ({**rule(consent("marketing")), "version": True}, "/version", True, ("1",)),
    "no version": ({"root": both(consent("marketing"))}, "/version", None, ("1",)),
    "no root": ({"version": 1}, "/root", None, ()),
    "a key beside the root": (
        {**rule(consent("marketing")), "roots": 1}, "/roots", 1, ("version", "root"),
    ),
    "a key with a slash": (
        {**rule(consent("marketing")), "a/b~c": 1}, "/a~1b~0c", 1, ("version", "root"),
    ),
    "an unknown combinator": (
        {"version": 1, "root": {**both(consent("marketing")), "combinator": "xor"}},
        "/root/combinator", "xor", ("and", "or"),
    ),
    "a “not” that is no truth value": (
        {"version": 1, "root": {**both(consent("marketing")), "not": 0}},
        "/root/not", 0, ("true", "false"),
    ),
    "an empty group": (rule(), "/root/rules", [], ()),
    "an empty group inside": (rule(either()), f"{LEAF}/rules", [], ()),
    "no list of rules": (
        {"version": 1, "root": {"combinator": "and", "rules": {}}}, "/root/rules", {}, (),
    ),
    "an unknown key of a group": (
        {"version": 1, "root": {**both(consent("marketing")), "nots": True}},
        "/root/nots", True, ("id", "combinator", "not", "rules"),
    ),
    "nine groups deep": (nested(9), "/root" + "/rules/0" * 8, both(happened("Page Viewed")), ()),
    "an unknown kind": (rule({"kind": "evnt"}), f"{LEAF}/kind", "evnt", kinds.names()),
    "no kind": (rule({"field": "plan"}), f"{LEAF}/kind", None, kinds.names()),
    "a leaf that is a text": (rule("plan = pro"), LEAF, "plan = pro", ()),  # type: ignore[arg-type]
    "an unknown key of a leaf": (
        compared(feild="plan"), f"{LEAF}/feild", "plan",
        ("id", "kind", "field", "operator", "value"),
    ),
    "a field that starts with a digit": (compared(field="2fa"), f"{LEAF}/field", "2fa", ()),
    "a field with an empty part": (compared(field="a..b"), f"{LEAF}/field", "a..b", ()),
    "a field with a quote": (compared(field='a"b'), f"{LEAF}/field", 'a"b', ()),
    "a field that is a number": (compared(field=5), f"{LEAF}/field", 5, ()),
    "an unknown operator": (compared(operator="~"), f"{LEAF}/operator", "~", ALL_OPERATORS),
    "no value": (compared(value=None), f"{LEAF}/value", None, ()),
    "an object as value": (compared(value={}), f"{LEAF}/value", {}, ()),
    "a blank text": (compared(value="  "), f"{LEAF}/value", "  ", ()),
    "a text that is too long": (compared(value="x" * 501), f"{LEAF}/value", "x" * 501, ()),
    "a text with NUL": (compared(value="a\0"), f"{LEAF}/value", "a\0", ()),
    "half a surrogate pair": (compared(value="\ud83d"), f"{LEAF}/value", "\ud83d", ()),
    "less than a text": (
        compared(operator="<", value="5"), f"{LEAF}/value", "5", OPERATORS["text"],
    ),
    "containing a number": (
        compared(operator="contains", value=5), f"{LEAF}/value", 5, OPERATORS["number"],
    ),
    "more than true": (
        compared(operator=">", value=True), f"{LEAF}/value", True, OPERATORS["boolean"],
    ),
    "one of something that is no list": (
        compared(operator="in", value="pro"), f"{LEAF}/value", "pro", (),
    ),
    "one of nothing": (compared(operator="in", value=[]), f"{LEAF}/value", [], ()),
    "one of too many": (
        compared(operator="in", value=["x"] * 201), f"{LEAF}/value", ["x"] * 201, (),
    ),
    "one of a list with a null": (
        compared(operator="in", value=["a", None]), f"{LEAF}/value/1", None, (),
    ),
    "is set with a value": (compared(operator="is set"), f"{LEAF}/value", "pro", ()),
    "a number beyond what is exact": (compared(value=2e15), f"{LEAF}/value", 2e15, ()),
    "infinity": (compared(value=float("inf")), f"{LEAF}/value", float("inf"), ()),
    "an event without a name": (counted(event=""), f"{LEAF}/event", "", ()),
    "an unknown aggregate": (counted(aggregate="mode"), f"{LEAF}/aggregate", "mode", AGGREGATES),
    "an unknown scope": (counted(scope="page"), f"{LEAF}/scope", "page", ("profile", "visit")),
    "an operator that counts do not have": (
        counted(operator="contains"), f"{LEAF}/operator", "contains", COUNT_OPERATORS,
    ),
    "a count that is a text": (counted(value="3"), f"{LEAF}/value", "3", ()),
    "half a count": (counted(value=1.5), f"{LEAF}/value", 1.5, ()),
    "a negative count": (counted(value=-1), f"{LEAF}/value", -1, ()),
    "a count that is too large": (counted(value=1001), f"{LEAF}/value", 1001, ()),
    "true as count": (counted(value=True), f"{LEAF}/value", True, ()),
    "a window that is a text": (counted(window="P1D"), f"{LEAF}/window", "P1D", ()),
    "an empty window": (counted(window={}), f"{LEAF}/window/from", None, ()),
    "a window with both": (
        counted(window={"last": "P1D", **SINCE}), f"{LEAF}/window/from", SINCE["from"],
        ("last", "until"),
    ),
    "a window that ends before it begins": (
        counted(window={"from": SINCE["to"], "to": SINCE["from"]}),
        f"{LEAF}/window", {"from": SINCE["to"], "to": SINCE["from"]}, (),
    ),
    "an end that is no date": (
        counted(window={**SINCE, "to": "tomorrow"}), f"{LEAF}/window/to", "tomorrow", (),
    ),
    "a beginning before all time": (
        counted(window={**SINCE, "from": "0001-01-01T00:00:00+14:00"}),
        f"{LEAF}/window/from", "0001-01-01T00:00:00+14:00", (),
    ),
    "a condition on properties of another kind": (
        where(both(trait("plan", "=", "pro"))), f"{LEAF}/where/rules/0/kind", "trait", ("prop",),
    ),
    "a condition on properties, alone and wrong": (
        where(prop("plan", "~", "pro")), f"{LEAF}/where/operator", "~", ALL_OPERATORS,
    ),
    "an empty where": (where(both()), f"{LEAF}/where/rules", [], ()),
    "a where that is a list": (where([]), f"{LEAF}/where", [], ()),
    "a segment without a name": (rule(segment("")), f"{LEAF}/slug", "", ()),
    "an id that no database keeps": (counted(id="a\x00b"), f"{LEAF}/id", "a\x00b", ()),
    "an id that is no text": (counted(id=[1]), f"{LEAF}/id", [1], ()),
    "an unknown purpose": (
        rule(consent("fun")), f"{LEAF}/purpose", "fun",
        ("necessary", "analytics", "personalization", "marketing"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_place_the_value_and_what_is_allowed(name: str) -> None:
    stored, pointer, value, allowed = REFUSED[name]
    found = {problem.pointer: problem for problem in problems(stored)}
    assert pointer in found
    problem = found[pointer]
    assert problem.value == value
    assert problem.allowed == tuple(allowed)
    assert problem.message.endswith(".")


@pytest.mark.parametrize(
    "duration",
    ["", "P", "PT", "P0D", "PT0S", "P1M", "P1Y", "1D", "P-1D", "P1.5D", "p1d", "P1DT", "PT1D",
     "P1D ", "P٣D", "P36526D", "P99999999W", "P999999999999W", 5, None, ["P1D"]],
)  # fmt: skip
def test_a_length_of_time_that_is_none_is_refused(duration: Any) -> None:
    assert {p.pointer for p in problems(counted(window={"last": duration}))} == {
        f"{LEAF}/window/last"
    }


@pytest.mark.parametrize("duration", ["P1W", "P30D", "PT24H", "PT90M", "PT1S", "P1W2DT3H4M5S"])
def test_lengths_of_time_are_weeks_to_seconds(duration: str) -> None:
    assert parse(counted(window={"last": duration}))


def test_a_date_without_an_offset_is_utc() -> None:
    plain = counted(window={"from": "2026-01-01", "to": "2026-02-01T00:00:00"})
    assert parse(plain).root == parse(counted(window=SINCE)).root


def test_all_problems_are_found_in_one_pass() -> None:
    stored = rule(
        trait("2fa", "~", None), happened("", value=-1, last="P1M"), either(), {"kind": "magic"}
    )
    assert [problem.pointer for problem in problems(stored)] == [
        "/root/rules/0/field",
        "/root/rules/0/operator",
        "/root/rules/0/value",
        "/root/rules/1/window/last",
        "/root/rules/1/event",
        "/root/rules/1/value",
        "/root/rules/2/rules",
        "/root/rules/3/kind",
    ]


def test_a_leaf_of_an_unknown_kind_is_one_problem() -> None:
    assert len(problems(rule({"kind": "evnt", "event": "Page Viewed", "value": 3}))) == 1


def test_fifty_conditions_are_possible_and_one_more_is_not() -> None:
    leaf = trait("plan", "=", "pro")
    assert parse(rule(*[leaf] * 50))
    (problem,) = problems(rule(*[leaf] * 51))
    assert (problem.pointer, "50" in problem.message, "51" in problem.message) == ("", True, True)


def test_conditions_on_properties_count_too() -> None:
    heavy = happened("Page Viewed", where=both(*[prop("path", "=", "/")] * 9))
    assert parse(rule(*[heavy] * 5))
    assert "60" in problems(rule(*[heavy] * 6))[0].message


def test_eight_groups_deep_are_possible() -> None:
    assert parse(nested(8))


def test_a_misspelt_key_in_thousands_is_told_of_a_hundred_times() -> None:
    stored = rule(*({"kind": "trait", f"key-{n}": n} for n in range(5000)))
    assert len(problems(stored)) <= MAX_PROBLEMS


def test_a_hostile_depth_is_refused_and_not_recursed_into() -> None:
    group: dict[str, Any] = both(consent("marketing"))
    for _ in range(100_000):
        group = both(group)
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert problems({"version": 1, "root": group})
    assert problems(rule(trait("plan", "=", value)))
    assert problems(rule({"kind": value}))


def test_messages_stay_short() -> None:
    stored = rule({"kind": "x" * 100_000}, {"kind": "trait", "y" * 100_000: 1})
    assert all(len(problem.message) < 300 for problem in problems(stored))


def test_the_message_of_the_error_has_every_place() -> None:
    with pytest.raises(InvalidRule, match=r"/root/rules/0/kind: “evnt” is not possible here\."):
        parse(rule({"kind": "evnt"}))
