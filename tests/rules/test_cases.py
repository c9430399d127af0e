"""The published meaning of the language, case by case, for every way of asking."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from personalization.clock import microseconds, moment
from personalization.rules.evaluate import evaluate
from personalization.rules.interval import Interval
from personalization.rules.nodes import Rule
from personalization.segments.population import count_matching, matching
from personalization.types import Microseconds
from tests.rules import oracle
from tests.rules.world import Happening, History, facts, linked, stored

FILES = sorted((Path(__file__).parent / "cases").glob("*.json"))
CASES = [(path.stem, case) for path in FILES for case in json.loads(path.read_text())]


def over(cases: list[tuple[str, dict[str, Any]]]) -> Any:
    """Return the fixture that runs a test for each of `cases`."""

    @pytest.fixture(
        params=[case for _, case in cases], ids=[f"{file}: {case['name']}" for file, case in cases]
    )
    def case(self: object, request: pytest.FixtureRequest, settings: Any) -> dict[str, Any]:
        if "time_zone" in request.param:
            settings.TIME_ZONE = request.param["time_zone"]
        return dict(request.param)

    return case


def instant(text: str) -> Microseconds:
    return microseconds(datetime.fromisoformat(text))


def history(case: dict[str, Any]) -> History:
    return History(
        events=[
            Happening(
                event["event"],
                instant(event["at"]),
                event.get("properties", {}),
                event.get("id", ""),
            )
            for event in case["history"]
        ],
        traits=case.get("traits", {}),
        features=case.get("features", {}),
        consents=case.get("consents", {}),
        memberships={
            slug: Interval(instant(since), instant(until) if until else None)
            for slug, (since, until) in case.get("members", {}).items()
        },
        context=case.get("context", {}),
    )


def rule(case: dict[str, Any]) -> Rule:
    return linked(case["rule"], case.get("segments", {}))


class Cases:
    """`evaluate` is the way of asking that a subclass is about, `case` what it is asked."""

    case = over(CASES)

    def evaluate(self, case: dict[str, Any], *, now: Microseconds) -> bool:
        raise NotImplementedError

    def test_answers_as_published(self, case: dict[str, Any]) -> None:
        assert self.evaluate(case, now=instant(case["now"])) is case["expected"]

    def test_stays_so_until_the_next_change(self, case: dict[str, Any]) -> None:
        assert self.evaluate(case, now=just_before_the_change(case)) is case["expected"]

    def test_turns_at_the_next_change(self, case: dict[str, Any]) -> None:
        if case["next_change"] is not None:
            assert self.evaluate(case, now=instant(case["next_change"])) is not case["expected"]


def just_before_the_change(case: dict[str, Any]) -> Microseconds:
    """Return the last instant of the answer of now; one in 30 years if time never turns it."""
    change = case["next_change"]
    return instant(case["now"]) + 10**15 if change is None else instant(change) - 1


class TestByTheOracle(Cases):
    """The judge of the random rules is judged too."""

    def evaluate(self, case: dict[str, Any], *, now: Microseconds) -> bool:
        segments = case.get("segments", {})
        return oracle.holds(case["rule"]["root"], history(case), segments, now=now)


class TestInMemory(Cases):
    def evaluate(self, case: dict[str, Any], *, now: Microseconds) -> bool:
        compiled = rule(case)
        return evaluate(compiled, facts(history(case), compiled), now=now).holds

    def test_tells_the_next_change(self, case: dict[str, Any]) -> None:
        known, now = (rule(case), facts(history(case), rule(case))), instant(case["now"])
        answer = evaluate(*known, now=now)
        # About an event ahead it may say no more than that it happens then.
        ahead = {event.at for event in history(case).events if event.at > now}
        while answer.changes in ahead and answer.holds is case["expected"]:
            now = answer.changes
            answer = evaluate(*known, now=now)
        turned = now if answer.holds is not case["expected"] else answer.changes
        assert turned == (instant(case["next_change"]) if case["next_change"] else None)


@pytest.mark.django_db
class TestInSql(Cases):
    def evaluate(self, case: dict[str, Any], *, now: Microseconds) -> bool:
        (profile_id,) = stored([history(case)])
        compiled, context = rule(case), case.get("context", {})
        found = matching(compiled, now=moment(now), context=context)
        assert count_matching(compiled, now=moment(now), context=context) == len(found)
        return profile_id in found
