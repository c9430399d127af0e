"""The published meaning of the language, case by case, for every way of asking."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from personalization.clock import microseconds, moment
from personalization.rules.evaluate import evaluate
from personalization.rules.nodes import Rule
from personalization.rules.state import Interval
from personalization.segments.population import count_matching, matching
from personalization.types import Microseconds
from tests.rules.world import Happening, History, facts, linked, stored

FILES = sorted((Path(__file__).parent / "cases").glob("*.json"))
CASES = [(path.stem, case) for path in FILES for case in json.loads(path.read_text())]


@pytest.fixture(params=[case for _, case in CASES], ids=[f"{a}: {c['name']}" for a, c in CASES])
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


def instant(text: str) -> Microseconds:
    return microseconds(datetime.fromisoformat(text))


def history(case: dict[str, Any]) -> History:
    return History(
        events=[
            Happening(event["event"], instant(event["at"]), event.get("properties", {}))
            for event in case["history"]
        ],
        traits=case.get("traits", {}),
        features=case.get("features", {}),
        consents=case.get("consents", {}),
        memberships={
            slug: Interval(instant(since), instant(until) if until else None)
            for slug, (since, until) in case.get("members", {}).items()
        },
    )


def rule(case: dict[str, Any]) -> Rule:
    return linked(case["rule"], case.get("segments", {}))


class Cases:
    """`evaluate` is the way of asking that a subclass is about."""

    def evaluate(self, case: dict[str, Any], *, now: Microseconds) -> bool:
        raise NotImplementedError

    def test_answers_as_published(self, case: dict[str, Any]) -> None:
        assert self.evaluate(case, now=instant(case["now"])) is case["expected"]

    def test_stays_so_until_the_next_change(self, case: dict[str, Any]) -> None:
        if case["next_change"] is None:
            later = instant(case["now"]) + 10**15
        else:
            later = instant(case["next_change"]) - 1
        assert self.evaluate(case, now=later) is case["expected"]


class TestInMemory(Cases):
    def evaluate(self, case: dict[str, Any], *, now: Microseconds) -> bool:
        compiled = rule(case)
        return evaluate(compiled, facts(history(case), compiled), now=now).holds

    def test_tells_the_next_change(self, case: dict[str, Any]) -> None:
        compiled = rule(case)
        answer = evaluate(compiled, facts(history(case), compiled), now=instant(case["now"]))
        expected = case["next_change"]
        assert answer.changes == (instant(expected) if expected else None)


@pytest.mark.django_db
class TestInSql(Cases):
    def evaluate(self, case: dict[str, Any], *, now: Microseconds) -> bool:
        (profile_id,) = stored([history(case)])
        compiled = rule(case)
        found = matching(compiled, now=moment(now))
        assert count_matching(compiled, now=moment(now)) == len(found)
        return profile_id in found
