"""The engine that browsers get, under Node: every case it can see, and random rules."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.rules.state import Answer
from personalization.types import Microseconds
from tests.effort import Tries, some_or_all
from tests.rules import oracle, strategies
from tests.rules.javascript import PROGRAM, Question, asked, run, visible
from tests.rules.strategies import NOW
from tests.rules.test_cases import CASES, Cases, history, instant, just_before_the_change, over
from tests.rules.test_same_answer import foretold
from tests.rules.world import History
from tests.settings import TIME_ZONE

SHIPPED = Path(__file__).parents[2] / "personalization/static/personalization"
SEEN = [(file, case) for file, case in CASES if visible(case["rule"])]
TRIPLES = 3_000


def instants(case: dict[str, Any]) -> list[Microseconds]:
    change = case["next_change"]
    asked_at = [instant(case["now"]), just_before_the_change(case)]
    return [*asked_at, instant(change)] if change else asked_at


@cache
def answers() -> dict[tuple[str, Microseconds], Answer]:
    """Return the answers to all cases, by their text and instant, of one process."""
    keys = [(json.dumps(case), now) for _, case in SEEN for now in instants(case)]
    questions = (
        # Never the zone set now, which is that of the case whose test asks first.
        Question(case["rule"], history(case), now, case.get("time_zone", TIME_ZONE))
        for _, case in SEEN
        for now in instants(case)
    )
    return dict(zip(keys, asked(questions), strict=True))


class TestInJavaScript(Cases):
    case = over(SEEN)

    def evaluate(self, case: dict[str, Any], *, now: Microseconds) -> bool:
        return answers()[json.dumps(case), now].holds

    def test_tells_the_next_change(self, case: dict[str, Any]) -> None:
        expected = case["next_change"]
        answer = answers()[json.dumps(case), instant(case["now"])]
        assert answer.changes == (instant(expected) if expected else None)


def test_most_cases_are_seen_by_browsers() -> None:
    assert len(SEEN) > len(CASES) * 3 // 4


@some_or_all(TRIPLES // (3 * 16) + 1)
def test_random_rules_are_answered_as_the_oracle_does(tries: Tries) -> None:
    questions, expected = [], []
    for rule, past in drawn(tries):
        flips = foretold(rule, past, {})
        first = min((at for at in flips if at > NOW), default=None)
        for now in (NOW,) if first is None else (NOW, first - 1, first):
            questions.append(Question(rule, past, now))
            expected.append(Answer(oracle.holds(rule["root"], past, {}, now=now), first))
    wrong = [
        (question, answer, right)
        for question, answer, right in zip(questions, asked(questions), expected, strict=True)
        if answer.holds is not right.holds or (question.now == NOW and not bounds(answer, right))
    ]
    assert not wrong, f"{len(wrong)} of {len(questions)}, such as {wrong[0]}"


def bounds(answer: Answer, right: Answer) -> bool:
    """Return whether the change that is told is ahead, and not after the right one."""
    if answer.changes is None or right.changes is None:
        return right.changes is None
    return NOW < answer.changes <= right.changes


def drawn(tries: Tries) -> list[tuple[Any, History]]:
    """Return 16 rules with histories of each try; the same ones in every run by default."""
    found: list[tuple[Any, History]] = []
    rules, histories = strategies.rules(seen_by_browsers=True), strategies.histories()

    @tries
    @given(
        rules=st.lists(rules, min_size=4, max_size=4),
        histories=st.lists(histories, min_size=4, max_size=4),
    )
    def collect(rules: list[Any], histories: list[History]) -> None:
        found.extend(product(rules, histories))

    collect()
    return found


@pytest.mark.parametrize(
    "leaf",
    [
        {"kind": "trait", "field": "plan", "operator": "=", "value": "pro"},
        {"kind": "feature", "field": "orders.count", "operator": ">", "value": 1},
        {"kind": "segment", "slug": "vips"},
    ],
)
def test_what_only_the_server_knows_is_refused_by_name(leaf: dict[str, Any]) -> None:
    rule = {"version": 1, "root": {"combinator": "and", "rules": [leaf]}}
    done = run(PROGRAM, json.dumps([{"rule": rule, "facts": {}, "now": NOW}]))
    assert done.returncode != 0
    assert f"“{leaf['kind']}”" in done.stderr


def test_a_rule_of_another_version_holds_for_nobody() -> None:
    rule = {"version": 2, "root": {"combinator": "or", "not": True, "rules": []}}
    assert asked([Question(rule, History(), NOW)]) == [Answer(False, None)]


def test_the_engine_needs_no_exception_from_a_strict_content_policy() -> None:
    files = [SHIPPED / "rules.js", *(SHIPPED / "rules").glob("*.js")]
    assert len(files) > 1
    for file in files:
        assert not re.search(r"\beval\b|Function\(|innerHTML|document\b|fetch", file.read_text())
