"""What lint finds in one rule: planted contradictions, and nothing where there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from personalization.clock import span
from personalization.rules.catalogue import Catalogue, EventKind
from personalization.rules.lint import lint_rule
from personalization.rules.lint_findings import Finding, Severity, worst_first
from tests.rules.building import (
    Stored,
    absent,
    both,
    consent,
    context,
    either,
    feature,
    happened,
    measured,
    none_of,
    prop,
    recency,
    regularity,
    rule,
    segment,
    sequence,
    trait,
)
from tests.rules.strategies import NOW
from tests.rules.world import linked

KNOWN = Catalogue(
    events={"Order Completed": EventKind("Order Completed", "ordered")},
    segments={"vips": "VIPs"},
    retention=timedelta(days=750),
)
A = "Product Added"
SHOES = prop("category", "=", "shoes")


def lint(*children: Stored, root: Stored | None = None, **segments: Any) -> list[Finding]:
    stored: Any = rule(*children) if root is None else {"version": 1, "root": root}
    compiled = linked(stored, {"vips": None, **segments})
    return lint_rule(compiled, slug="mine", catalogue=KNOWN, now=NOW)


CONTRADICTIONS: dict[str, list[Stored]] = {
    "more and fewer": [happened(A, ">=", 3), happened(A, "<", 2)],
    "two counts at once": [happened(A, "=", 2), happened(A, "=", 3)],
    "a shorter window has no more": [
        happened(A, ">=", 1, last="PT1H"), happened(A, "=", 0, last="PT24H")],
    "nor has a part of the window": [
        happened(A, ">=", 2, window={"last": "P2D", "until": "P1D"}),
        happened(A, "<=", 1, last="P2D")],
    "nor has the visit": [happened(A, ">=", 2, scope="visit"), happened(A, "<", 2)],
    "nor have fixed dates": [
        happened(A, window={"from": "2026-01-01T00:00Z", "to": "2026-02-01T00:00Z"}),
        happened(A, "=", 0)],
    "with a condition there are no more": [
        happened(A, ">=", 3, where=SHOES), happened(A, "<", 3)],
    "with a narrower condition, too": [
        happened(A, where=prop("price", ">=", 50)),
        happened(A, "=", 0, where=prop("price", ">", 20))],
    "any event is one of that name or another": [happened(A), happened("*", "=", 0)],
    "a property of two values": [happened(A, where=both(SHOES, prop("category", "=", "hats")))],
    "days take events": [measured("days", None, ">=", 3), happened(A, "<", 3)],
    "days do not fit into a window": [measured("days", None, ">=", 5, window={"last": "PT24H"})],
    "values take events": [measured("distinct", "sku", ">=", 2), happened(A, "<", 2)],
    "a sum takes events": [measured("sum", "price", ">=", 1), happened(A, "=", 0)],
    "so does a sum below nothing": [measured("sum", "price", "<", 0), happened(A, "=", 0)],
    "two bounds of a sum": [measured("sum", "price", ">", 5), measured("sum", "price", "<=", 5)],
    "two bounds of an average": [
        measured("avg", "price", ">", 5), measured("avg", "price", "<=", 5)],
    "an average of nothing": [measured("avg", "price", "<", 5), happened(A, "=", 0)],
    "two bounds of the largest": [
        measured("max", "price", ">=", 5), measured("max", "price", "<", 3)],
    "the smallest above the largest": [
        measured("min", "price", ">", 5), measured("max", "price", "<", 3)],
    "recently and not for long": [recency(A, "<=", "PT1H"), recency(A, ">", "PT2H")],
    "recently and never": [recency(A, "<", "PT1H"), happened(A, "=", 0)],
    "recently and not in a longer window": [
        recency(A, "<", "PT1H"), happened(A, "=", 0, last="PT1H")],
    "first of all later than last of all": [
        recency(A, ">=", "P2D"), recency(A, "<", "P1D", which="first")],
    "of neither kind there is": [
        happened(A), happened(A, "=", 0, where=SHOES), happened(A, "=", 0, where=none_of(SHOES))],
    "regularly and never": [
        regularity(A, "P1W", 4, 3, ">=", 2), happened(A, "<", 6, last="P4W")],
    "regularly and not": [
        regularity(A, "P1W", 4, 3, ">=", 2), none_of(regularity(A, "P1W", 4, 2, ">=", 1))],
    "rarely and often": [
        regularity(A, "P1W", 4, 2, "<", 2), regularity(A, "P1W", 4, 3, ">=", 2)],
    "steps are events": [sequence(A, "Order Completed"), happened("Order Completed", "=", 0)],
    "equal steps are several": [sequence(A, A), happened(A, "<=", 1)],
    "a strict sequence is one": [
        sequence(A, "B", strict=True), none_of(sequence(A, "B"))],
    "a sequence just now was one": [
        sequence(A, "B", absent("C", within="PT1H"), last="PT2H"),
        none_of(sequence(A, "B", absent("C", within="PT1H")))],
    "two values of a trait": [trait("plan", "=", "pro"), trait("plan", "=", "free")],
    "none of those listed": [trait("plan", "in", ["pro", "free"]), trait("plan", "=", "gold")],
    "a text and a number": [trait("plan", "=", "1"), trait("plan", "=", 1)],
    "a number and a yes": [trait("plan", "=", 1), trait("plan", "=", True)],
    "known and not": [trait("plan", "is set"), trait("plan", "is not set")],
    "not known and something": [trait("plan", "is not set"), trait("plan", "contains", "p")],
    "an empty range": [feature("orders.count", ">", 3), feature("orders.count", "<=", 3)],
    "a range without its only value": [
        trait("age", ">=", 3), trait("age", "<=", 3), trait("age", "!=", 3)],
    "two beginnings": [trait("city", "starts with", "Ber"), trait("city", "starts with", "Mun")],
    "a part that is not in the whole": [
        trait("city", "=", "Berlin"), trait("city", "does not contain", "erl")],
    "a part of a part": [
        trait("city", "starts with", "Berl"), trait("city", "does not contain", "er")],
    "a pattern that does not match": [
        trait("city", "=", "Berlin"), trait("city", "matches", "^M")],
    "in a segment and not": [segment("vips"), none_of(segment("vips"))],
    "agreed and not": [consent("marketing"), none_of(consent("marketing"))],
    "two hours": [context("hour", "between", [22, 6]), context("hour", "=", 12)],
    "no hour of the day": [context("hour", ">", 23)],
    "two days": [context("weekday", "=", "monday"), context("weekday", "=", "sunday")],
    "fewer than none": [happened(A, "<", 0)],
    "by distribution": [
        either(trait("plan", "=", "pro"), trait("plan", "=", "gold")),
        trait("plan", "!=", "pro"), trait("plan", "!=", "gold")],
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_found(name: str) -> None:
    found = lint(*CONTRADICTIONS[name])
    assert [each.code for each in found] == ["contradictory"]
    assert found[0].severity is Severity.ERROR
    assert found[0].segments == ("mine",)
    assert "nobody can be in it" in found[0].message


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_their_opposites_always_hold(name: str) -> None:
    found = lint(root=both(*CONTRADICTIONS[name], negated=True))
    assert found
    assert {each.severity for each in found} == {Severity.WARNING}
    assert "So everybody is in it." in found[0].message


MEANT: dict[str, list[Stored]] = {
    "a range": [happened(A, ">=", 1), happened(A, "<", 5)],
    "more of late than before": [
        happened(A, ">=", 3, last="PT24H"), happened(A, "<", 3, window={"last": "P2D", "until": "P1D"})],
    "none lately, some before": [happened(A), happened(A, "=", 0, last="PT1H")],
    "others of the name": [happened(A, where=SHOES), happened(A, "=", 0, where=none_of(SHOES))],
    "two properties of two events": [
        happened(A, where=SHOES), happened(A, where=prop("category", "=", "hats"))],
    "any but this": [happened("*"), happened(A, "=", 0)],
    "many days need no many hours": [measured("days", None, ">=", 2, window={"last": "PT1H"})],
    "a sum of nothing": [measured("sum", "price", "=", 0), happened(A, "=", 0)],
    "a sum without a value": [measured("sum", "price", ">=", 5), measured("sum", "price", "!=", 7)],
    "the largest above the smallest": [
        measured("max", "price", ">", 5), measured("min", "price", "<", 3)],
    "no average other than": [measured("avg", "price", "!=", 5), happened(A, "=", 0)],
    "the first long ago, the last just now": [
        recency(A, ">=", "P30D", which="first"), recency(A, "<", "PT1H")],
    "one step without the other": [
        sequence(A, "Order Completed"), none_of(sequence("Order Completed", A))],
    "regularly, not always": [
        regularity(A, "P1W", 4, 2, ">=", 1), none_of(regularity(A, "P1W", 4, 4, ">=", 1))],
    "texts that share an end": [
        trait("city", "starts with", "Ber"), trait("city", "ends with", "lin"),
        trait("city", "does not contain", "x")],
    "another type": [trait("plan", "!=", "pro"), trait("plan", "is set"), trait("plan", ">", 2)],
    "a pattern and a part": [trait("city", "matches", "^B"), trait("city", "contains", "x")],
    "the night": [context("hour", "between", [22, 6]), context("weekday", "!=", "sunday")],
}  # fmt: skip


@pytest.mark.parametrize("name", MEANT)
def test_nothing_is_said_of_what_can_be(name: str) -> None:
    codes = {each.code for each in lint(*MEANT[name])}
    assert codes <= {"redundant"}


def test_what_everybody_passes_is_named_where_nobody_is_left() -> None:
    (found,) = lint(none_of(consent("necessary")))
    assert (found.code, found.severity) == ("tautological", Severity.ERROR)
    assert found.message == "“who agreed to necessary” always holds. So nobody can be in it."


def test_both_sides_of_a_contradiction_are_named_at_the_second() -> None:
    (found,) = lint(
        consent("analytics"),
        happened("Order Completed", ">=", 3),
        happened("Order Completed", "<", 2),
    )
    assert found.pointer == "/root/rules/2"
    assert found.message == (
        "“who ordered at least 3 times” and “who ordered fewer than 2 times (including never)” "
        "can never both hold. So nobody can be in it."
    )
    assert found.advice


def test_a_part_that_never_holds_is_a_warning_where_others_do() -> None:
    (found,) = lint(root=either(happened(A), both(trait("p", "=", 1), trait("p", "=", 2))))
    assert (found.code, found.severity) == ("contradictory", Severity.WARNING)
    assert found.pointer == "/root/rules/1/rules/1"
    assert "nobody" not in found.message


@pytest.mark.parametrize(
    ("children", "place"),
    [
        ([happened(A, last="PT1H"), happened(A, last="PT24H")], 1),
        ([happened(A, ">=", 2), happened(A, ">=", 3)], 0),
        ([happened(A), happened(A, where=SHOES)], 0),
        ([trait("plan", "=", "pro"), trait("plan", "is set")], 1),
        ([trait("plan", "=", "pro"), trait("plan", "=", "pro")], 1),
        ([trait("plan", "=", "pro"), either(trait("plan", "=", "pro"), happened(A))], 1),
    ],
)
def test_what_adds_nothing_to_all_of_these(children: list[Stored], place: int) -> None:
    (found,) = lint(*children)
    assert (found.code, found.severity) == ("redundant", Severity.WARNING)
    assert found.pointer == f"/root/rules/{place}"


def test_of_some_of_these_the_stronger_one_adds_nothing() -> None:
    (found,) = lint(root=either(happened(A, last="PT1H"), happened(A, last="PT24H")))
    assert (found.code, found.pointer) == ("redundant", "/root/rules/0")


def test_equal_children_leave_one_of_them() -> None:
    found = lint(*[trait("plan", "=", "pro")] * 3)
    assert [each.pointer for each in found] == ["/root/rules/2", "/root/rules/1"]


def test_the_rule_of_a_named_segment_counts() -> None:
    (found,) = lint(segment("buyers"), happened(A, "=", 0), buyers=rule(happened(A)))
    assert found.code == "contradictory"


@pytest.mark.parametrize(
    ("leaf", "pointer"),
    [
        (happened(A, last="P800D"), "/window/last"),
        (recency(A, ">=", "P800D"), "/value"),
        (regularity(A, "P100D", 8, 1, ">=", 1), "/periods"),
        (sequence(A, "B", window="P800D"), "/window"),
        (sequence(A, absent("C"), {"event": "B", "within": "P800D"}), "/steps/2/within"),
        (sequence(A, "B", absent("C", within="P800D")), "/steps/2/within"),
        (
            happened(A, window={"from": "2020-01-01T00:00Z", "to": "2021-01-01T00:00Z"}),
            "/window/to",
        ),
    ],
)
def test_what_looks_back_beyond_retention(leaf: Stored, pointer: str) -> None:
    (found,) = lint(leaf)
    assert (found.code, found.severity) == ("beyond-retention", Severity.ERROR)
    assert found.pointer == f"/root/rules/0{pointer}"


@pytest.mark.parametrize(
    ("leaf", "place"),
    [
        (trait("phone", "=", "1"), "/operator"),
        (trait("phone.home", "starts with", "1"), "/field"),
    ],
)
def test_what_compares_an_encrypted_trait(leaf: Stored, place: str) -> None:
    known = replace(KNOWN, encrypted=frozenset({"phone"}))
    found = [
        each
        for each in lint_rule(linked(rule(leaf), {}), catalogue=known, now=NOW)
        if each.code == "encrypted"
    ]
    assert [each.pointer for each in found] == [f"/root/rules/0{place}"]
    assert found[0].severity == Severity.ERROR
    assert not [each for each in lint(leaf) if each.code == "encrypted"]


def test_retention_itself_is_no_longer_than_events_are_kept() -> None:
    assert lint(happened(A, last="P750D")) == []
    edge = {"from": "2020-01-01T00:00Z", "to": "2024-02-10T12:00:00.000001Z"}
    assert span(KNOWN.retention) == 750 * 86_400_000_000
    assert lint(happened(A, window=edge)) == []


def test_findings_are_sorted_by_how_bad_they_are() -> None:
    found = worst_first(
        [*lint(happened(A), happened(A)), *lint(happened(A, "<", 0)), *lint(happened(A, ">=", 0))]
    )
    assert [each.severity.word for each in found] == ["error", "warning", "warning"]
    assert found[0].as_json() == {
        "code": "contradictory",
        "severity": "error",
        "segments": ["mine"],
        "pointer": "/root/rules/0",
        "message": found[0].message,
        "advice": found[0].advice,
    }
