"""The published schema accepts every rule, and refuses only what the parser refuses, too."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.exceptions import InvalidRule
from personalization.rules.compare import ALL_OPERATORS
from personalization.rules.leaves.context import FIELDS
from personalization.rules.leaves.event import AGGREGATES
from personalization.rules.parse import kinds, parse
from personalization.types import Purpose
from tests.effort import Tries, some_or_all
from tests.rules import strategies
from tests.rules.building import (
    Stored,
    absent,
    both,
    consent,
    context,
    happened,
    measured,
    prop,
    recency,
    regularity,
    rule,
    segment,
    sequence,
    trait,
)

SCHEMA = json.loads(resources.files("personalization.rules").joinpath("schema.json").read_text())
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)
FILES = sorted((Path(__file__).parent / "cases").glob("*.json"))
CASES = [(path.stem, case) for path in FILES for case in json.loads(path.read_text())]


def accepts(stored: Any) -> bool:
    return bool(VALIDATOR.is_valid(stored))


def parses(stored: Any) -> bool:
    try:
        parse(stored)
    except InvalidRule:
        return False
    return True


def test_it_is_a_schema_of_the_edition_it_names() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"]
    jsonschema_rs.meta.validate(SCHEMA)


def test_it_knows_every_kind_aggregate_field_purpose_and_operator() -> None:
    known = SCHEMA["$defs"]
    assert {ref["$ref"].rpartition("/")[2] for ref in known["node"]["else"]["oneOf"]} == {
        *kinds.names()
    }
    assert set(known["event"]["properties"]["aggregate"]["enum"]) == {*AGGREGATES, None}
    assert set(known["context"]["properties"]["field"]["enum"]) == set(FIELDS)
    assert set(known["consent"]["properties"]["purpose"]["enum"]) == set(Purpose.values)
    operators = [way["properties"]["operator"]["enum"] for way in known["trait"]["oneOf"]]
    assert sorted(name for some in operators for name in some) == sorted(ALL_OPERATORS)


@pytest.mark.parametrize("case", [case for _, case in CASES],
                         ids=[f"{name}: {case['name']}" for name, case in CASES])  # fmt: skip
def test_every_published_case_is_valid(case: dict[str, Any]) -> None:
    rules = [case["rule"], *(case.get("segments") or {}).values()]
    assert [each for each in rules if each is not None and not accepts(each)] == []


@some_or_all(150)
def test_every_rule_is_valid(tries: Tries) -> None:
    @tries
    @given(strategies.rules())
    def holds(stored: Any) -> None:
        assert parses(stored)
        assert accepts(stored)

    holds()


_oddities: st.SearchStrategy[Any] = st.sampled_from(
    ["=", "in", "event", "PT1H", "PT0S", "P1Y", "and", "", " ", "\u3000", "é.ü", "a..b", "2026-01-01",
     0, 1, 2, -1, 1001, 61, 1.5, 1e16, 1e9, True, False, None, [], [1], ["a", 1, True], {},
     "count", "sum", "first", "visit", "between", [22, 6], "is set", "matches", "*"]
)  # fmt: skip
_keys = st.sampled_from(["id", "not", "value", "until", "last", "from", "to", "within", "absent",
    "prop", "aggregate", "where", "scope", "strict", "kind", "combinator", "x"])  # fmt: skip


@some_or_all(400)
def test_what_the_schema_refuses_the_parser_refuses(tries: Tries) -> None:
    @tries
    @given(strategies.rules(), st.data())
    def holds(stored: Any, data: st.DataObject) -> None:
        changed = copy.deepcopy(stored)
        for _ in range(data.draw(st.integers(1, 2))):
            holders = list(_containers(changed))
            holder = data.draw(st.sampled_from(holders))
            if isinstance(holder, dict):
                own = st.sampled_from(sorted(holder)) if holder else st.nothing()
                key = data.draw(own | _keys)
                if data.draw(st.booleans()) and key in holder:
                    del holder[key]
                else:
                    holder[key] = data.draw(_oddities)
            else:
                holder[data.draw(st.integers(0, len(holder) - 1))] = data.draw(_oddities)
        assert accepts(changed) or not parses(changed)

    holds()


def _containers(value: Any) -> Iterator[Any]:
    """Yield every object and every list that has something in it."""
    if isinstance(value, dict) or (isinstance(value, list) and value):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _containers(inner)


A = happened("A")
DATES = {"from": "2026-01-01", "to": "2026-02-01"}
REFUSED: dict[str, Any] = {
    "no version": {"root": both(A)},
    "another version": {**rule(A), "version": 2},
    "something beside": {**rule(A), "name": "x"},
    "an empty group": rule(),
    "another combinator": rule({**both(A), "combinator": "xor"}),
    "no kind": rule({"event": "A", "operator": ">=", "value": 1}),
    "an unknown kind": rule({"kind": "weather"}),
    "an unknown field of a leaf": rule({**A, "colour": "red"}),
    "a blank name": rule(happened("  ")),
    "a name that no database keeps": rule(happened("a\0")),
    "a long name": rule(happened("a" * 501)),
    "a count below nothing": rule(happened("A", ">=", -1)),
    "a count too large": rule(happened("A", ">=", 1001)),
    "a count that is no number": rule({**A, "value": "1"}),
    "half a count": rule({**A, "value": 1.5}),
    "an operator of texts for a count": rule(happened("A", "contains", 1)),
    "a sum without a property": rule(measured("sum", None, ">=", 1)),
    "a count of a property": rule(measured("count", "price", ">=", 1)),
    "a sum too large": rule(measured("sum", "price", ">=", 10**9 + 1)),
    "an unknown scope": rule({**A, "scope": "week"}),
    "a window of months": rule(happened("A", last="P1M")),
    "a window without a length": rule(happened("A", last="PT")),
    "a window of both kinds": rule(happened("A", window={"last": "PT1H", **DATES})),
    "dates until": rule(happened("A", window={"until": "PT1H", **DATES})),
    "dates without an end": rule(happened("A", window={"from": "2026-01-01"})),
    "a condition that is no property": rule(happened("A", where=trait("x", "=", 1))),
    "a field that starts with a digit": rule(trait("1st", "=", 1)),
    "a field with an empty part": rule(trait("a..b", "=", 1)),
    "an order of texts": rule(trait("a", "<", "b")),
    "an empty list": rule(trait("a", "in", [])),
    "a list of yes and no": rule(trait("a", "in", [True])),
    "a part of a number": rule(trait("a", "contains", 1)),
    "a comparison with nothing": rule(trait("a", "=")),
    "presence of a value": rule(trait("a", "is set", 1)),
    "a number too large": rule(trait("a", "=", 1e16)),
    "recency that is equal": rule(recency("A", "=", "PT1H")),
    "recency of a number": rule({**recency("A", ">=", "PT1H"), "value": 3600}),
    "one step": rule(sequence("A")),
    "eleven steps": rule(sequence(*["A"] * 11)),
    "a first step within": rule(sequence({"event": "A", "within": "PT1H"}, "B")),
    "a first step that did not happen": rule(sequence(absent("A"), "B")),
    "a step with an aggregate": rule(sequence("A", {"event": "B", "aggregate": "count"})),
    "no periods": rule(regularity("A", "P1W", 0, 1, ">=", 1)),
    "too many periods": rule(regularity("A", "P1W", 61, 1, ">=", 1)),
    "an unknown purpose": rule(consent("fun")),
    "a segment without a name": rule(segment("")),
    "an unknown field of the request": rule(context("mood", "=", "good")),
    "hours of something else": rule(context("device", "between", [1, 2])),
    "hours beyond the day": rule(context("hour", "between", [1, 25])),
    "the same hour": rule(context("hour", "between", [6, 6])),
    "a property beside the leaves": rule(prop("a", "=", 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_by_both(name: str) -> None:
    assert not accepts(REFUSED[name])
    assert not parses(REFUSED[name])


#: What only the parser can tell, as the comment of the schema says.
BEYOND: dict[str, Stored] = {
    "until longer ago than last": rule(happened("A", window={"last": "PT1H", "until": "PT2H"})),
    "from after to": rule(happened("A", window={"from": "2026-02-01", "to": "2026-01-01"})),
    "no length at all": rule(happened("A", last="PT0S")),
    "more periods than there are": rule(regularity("A", "P1W", 2, 3, ">=", 1)),
    "an absence at the end without a length": rule(sequence("A", absent("B"))),
    "a pattern beyond the subset": rule(trait("a", "matches", "(?=x)")),
    "too many conditions": rule(*[A] * 51),
}


@pytest.mark.parametrize("name", BEYOND)
def test_what_only_the_parser_can_tell(name: str) -> None:
    assert accepts(BEYOND[name])
    assert not parses(BEYOND[name])
