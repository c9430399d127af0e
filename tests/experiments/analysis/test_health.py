"""Health problems: each is told when it is there, and none where all is well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from personalization.experiments.analysis import result_of
from personalization.experiments.exposures import Exposed
from personalization.experiments.health import Subject, share_problems, shares_p_of
from personalization.experiments.models import Experiment
from personalization.experiments.problems import CODES, ERRORS, problem
from personalization.experiments.results import Problem, Result
from personalization.experiments.statistics.shares import ALARM, shares_p
from tests.experiments.analysis.planted import ORDER, plant
from tests.experiments.analysis.world import (
    DAY,
    HOUR,
    NOW,
    SECOND,
    START,
    World,
    make_experiment,
    make_goal,
    metric,
)

HALF = (0.5, 0.5)


def subject(weights: tuple[float, ...] | None = HALF, **fields: Any) -> Subject:
    arms = tuple(chr(97 + place) for place in range(len(weights or HALF)))
    return Subject(
        subject="experiment:x", name="x", arms=arms, since=START, until=NOW, weights=weights,
        **fields,
    )  # fmt: skip


def exposed(*counts: int, chances: Any = None, dimensions: Any = None, **fields: Any) -> Exposed:
    arm = np.repeat(np.arange(len(counts)), counts)
    chance = np.asarray(chances if chances is not None else np.full(len(arm), np.nan), float)
    return Exposed(
        name="x",
        arms=tuple(chr(97 + place) for place in range(len(counts))),
        profiles=np.arange(len(arm)),
        arm=arm,
        at=np.zeros(len(arm), np.int64),
        probability=chance,
        dimensions=dimensions or {},
        **fields,
    )


def codes(problems: Iterator[Problem] | tuple[Problem, ...]) -> list[str]:
    return [one.code for one in problems]


# -- shares, without a database ---------------------------------------------------------------


def test_arms_of_about_the_size_that_they_should_have_are_fine() -> None:
    assert codes(share_problems(subject(), exposed(1000, 1030))) == []
    assert codes(share_problems(subject((0.9, 0.1)), exposed(905, 95))) == []
    assert codes(share_problems(subject(), exposed(0, 0))) == []


def test_arms_of_another_size_are_told_with_what_was_expected() -> None:
    [one] = share_problems(subject(), exposed(1000, 1200))
    assert (one.code, one.severity) == ("shares", "error")
    assert one.values["p"] == pytest.approx(0.000020079, abs=1e-8)
    assert one.values["counted"] == {"a": 1000, "b": 1200}
    assert one.values["expected"] == {"a": 1100, "b": 1100}
    assert shares_p_of(subject(), exposed(1000, 1200)) == one.values["p"]


def test_weights_need_not_add_up_to_one() -> None:
    chances = np.full(200, 0.5)
    assert codes(share_problems(subject((1.0, 1.0)), exposed(100, 100, chances=chances))) == []


def test_of_nobody_and_of_a_bandit_there_are_no_shares() -> None:
    assert shares_p_of(subject(), exposed(0, 0)) is None
    assert shares_p_of(subject(None), exposed(500, 5)) is None
    assert codes(share_problems(subject(None), exposed(500, 5))) == []


def test_who_came_with_other_chances_is_told_and_does_not_spoil_the_shares() -> None:
    # 600 came half and half, then 1000 at nine to one.
    then, now = [0.5] * 300, [0.9] * 900
    chances = [*then, *now, *then, *([0.1] * 100)]
    found = list(share_problems(subject((0.9, 0.1)), exposed(1200, 400, chances=chances)))
    assert codes(iter(found)) == ["weights_changed"]
    assert found[0].values == {"n": 600, "share": 600 / 1600}


def test_an_arm_without_anybody_is_told_before_the_shares_say_so() -> None:
    weights = (0.96, 0.02, 0.02)
    found = list(share_problems(subject(weights), exposed(196, 0, 4)))
    assert codes(iter(found)) == ["empty_arm"]
    assert found[0].values == {"arm": "b"}
    assert codes(share_problems(subject(weights), exposed(30, 0, 1))) == []


def test_one_kind_of_visitors_may_be_divided_badly_though_all_of_them_are_not() -> None:
    # Mobile visitors of one arm are missing; desktop visitors make up for it.
    devices = ("mobile",) * 400 + ("desktop",) * 600 + ("mobile",) * 150 + ("desktop",) * 850
    weeks = ("2026-W10",) * 2000
    found = list(
        share_problems(
            subject(), exposed(1000, 1000, dimensions={"device": devices, "week": weeks})
        )
    )
    assert {one.code for one in found} == {"shares_within"}
    assert {(one.values["dimension"], one.values["value"]) for one in found} == {
        ("device", "mobile"), ("device", "desktop"),
    }  # fmt: skip
    mobile = next(one for one in found if one.values["value"] == "mobile")
    assert mobile.values["counted"] == {"a": 400, "b": 150}


def test_among_one_kind_the_alarm_is_as_patient_and_the_usual_p_is_told() -> None:
    devices = ("mobile",) * 320 + ("desktop",) * 700 + ("mobile",) * 210 + ("desktop",) * 760
    seen = exposed(1020, 970, dimensions={"device": devices})
    assert shares_p((320, 210), HALF) < ALARM / 2
    assert codes(share_problems(subject(), seen)) == []
    devices = ("mobile",) * 400 + ("desktop",) * 850 + ("mobile",) * 200 + ("desktop",) * 1000
    [one] = share_problems(subject(), exposed(1250, 1200, dimensions={"device": devices}))
    assert one.values["p"] == pytest.approx(2 * shares_p((400, 200), HALF))


def test_what_is_not_known_of_visitors_is_no_kind_of_them() -> None:
    devices = ("",) * 400 + ("desktop",) * 600 + ("",) * 150 + ("desktop",) * 850
    found = share_problems(subject(), exposed(1000, 1000, dimensions={"device": devices}))
    assert {one.values["value"] for one in found} == {"desktop"}


def test_alarms_within_many_kinds_are_as_rare_as_one() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(200):
        arm = rng.integers(0, 2, 2000)
        sizes = np.bincount(arm, minlength=2)
        paths = tuple(f"/{n}" for n in rng.integers(0, 12, 2000))
        alarms += bool(codes(share_problems(
            subject(), exposed(*sizes, dimensions={"path": paths})
        )))  # fmt: skip
    assert alarms <= 3


def test_who_looks_every_day_is_hardly_ever_alarmed_where_all_is_well() -> None:
    """By the usual p it was more than one in a hundred who looks each day of a month."""
    rng = np.random.default_rng(11)
    alarms = usual = 0
    for _ in range(1000):
        days = rng.multinomial(107, [0.5, 0.5], 28).cumsum(axis=0)
        usual += any(shares_p(day, HALF) < ALARM for day in days)
        alarms += any(codes(share_problems(subject(), exposed(*day))) for day in days)
    assert usual > 10
    assert alarms <= 3


def test_what_p_would_alarm_once_is_told_without_an_alarm() -> None:
    seen = exposed(700, 850)
    assert codes(share_problems(subject(), seen)) == []
    assert (shares_p_of(subject(), seen) or 1) < ALARM


def test_every_code_is_a_problem_of_a_severity() -> None:
    assert {problem(code).severity for code in ERRORS} == {"error"}
    assert {problem(code).severity for code in CODES if code not in ERRORS} == {"warning"}


# -- with a log -------------------------------------------------------------------------------


def result(world: World, *, now: Any = NOW, **fields: Any) -> Result:
    world.save()
    wanted = make_goal(ORDER, worth="total", within=3 * DAY)
    measures = fields.pop(
        "measures", [(metric("conversion", slug="orders", goal=wanted), "primary")]
    )
    return result_of(make_experiment(*measures, **fields), now=now)


def found_in(result: Result, code: str) -> Problem:
    [one] = [each for each in result.problems if each.code == code]
    return one


@pytest.mark.django_db
class TestLog:
    def test_pages_without_exposures_are_told(self) -> None:
        world = World()
        who = world.person()
        world.saw(who, "blue", "a", NOW - 2 * DAY)
        for hours in (1, 2, 30):
            world.did(who, "Page Viewed", NOW - hours * HOUR)
        one = found_in(result(world), "no_exposures")
        assert one.values == {"hours": 24, "page_views": 2}

    def test_a_site_that_nobody_comes_to_is_no_problem_and_nor_is_a_new_experiment(self) -> None:
        world = World()
        assert "no_exposures" not in codes(result(world).problems)
        world.did(world.person(), "Page Viewed", NOW - HOUR)
        world.save()
        young = make_experiment(slug="young", started_at=NOW - HOUR)
        stopped = make_experiment(
            slug="over", status=Experiment.Status.STOPPED, stopped_at=NOW - HOUR
        )
        for each in (young, stopped):
            assert codes(result_of(each, now=NOW).problems) == ["no_metric"]

    def test_late_exposures_are_told_if_there_are_many(self) -> None:
        for late, is_told in ((0, False), (1, False), (2, True)):
            world = World()
            for number in range(100):
                delay = 2 * DAY if number < late else SECOND
                world.saw(
                    world.person(), f"e{late}", "ab"[number % 2], START, received_at=START + delay
                )
            told = codes(result(world, slug=f"e{late}", measures=[]).problems)
            assert ("late_exposures" in told) == is_told

    def test_visitors_in_several_arms_are_told(self) -> None:
        world = World()
        torn, *others = world.people(4)
        for who in (torn, *others):
            world.saw(who, "blue", "a", START)
        world.saw(torn, "blue", "b", START + HOUR)
        one = found_in(result(world), "several_arms")
        assert one.values == {"n": 1, "share": 0.25}

    def test_arms_that_there_are_not_are_told(self) -> None:
        world = World()
        for arm in ("a", "z", "old", "z"):
            world.saw(world.person(), "blue", arm, START)
        one = found_in(result(world), "unknown_arm")
        assert one.values == {"arms": ["old", "z"], "n": 3}

    @pytest.mark.parametrize(
        ("shown", "n", "is_told"), [("", 25, True), ("variation:7", 25, False), ("", 5, False)]
    )
    def test_an_arm_whose_content_is_gone_is_told(self, shown: str, n: int, is_told: bool) -> None:
        world = World()
        for _ in range(n):
            world.saw(world.person(), "blue", "a", NOW - HOUR)  # the default, as it should
            what = {"variation": shown} if shown else {}
            world.saw(world.person(), "blue", "b", NOW - HOUR, **what)
        found = result(world, contents={"b": "variation:7"})
        told = [one.values for one in found.problems if one.code == "nothing_to_show"]
        assert told == ([{"arm": "b", "n": n}] if is_told else [])

    def test_what_decides_nothing_is_told(self) -> None:
        assert "no_metric" in codes(result(World(), measures=[]).problems)

    def test_a_goal_that_nobody_reached_is_told_once_there_are_visitors(self) -> None:
        for n, is_told in ((120, True), (40, False)):
            world = World()
            plant(world, f"e{n}", {"a": 0.0, "b": 0.0}, n=n, seed=1)
            found = result(
                world,
                slug=f"e{n}",
                measures=[(metric("conversion", slug=f"m{n}", goal=make_goal(ORDER)), "primary")],
            )
            told = [one.values for one in found.problems if one.code == "no_goal_events"]
            assert told == ([{"metric": f"m{n}", "events": [ORDER]}] if is_told else [])

    def test_a_window_that_is_open_says_for_how_many(self) -> None:
        world = World()
        for days in range(4):
            world.saw(world.person(), "blue", "a", NOW - days * DAY - HOUR)
        wanted = metric("conversion", slug="orders", goal=make_goal(ORDER), within=2 * DAY)
        one = found_in(result(world, measures=[(wanted, "primary")]), "window_open")
        assert one.values == {"metric": "orders", "share": 0.5}

    def test_a_guardrail_that_breaks_is_told(self) -> None:
        world = World()
        plant(world, "blue", {"a": 0.4, "b": 0.1}, n=600, seed=2)
        made = metric("conversion", slug="orders", goal=make_goal(ORDER))
        for role, is_told in (("guardrail", True), ("primary", False)):
            found = result(world, slug="blue", measures=[(made, role)])
            told = [one.values for one in found.problems if one.code == "guardrail"]
            assert told == ([{"metric": "orders", "arm": "b"}] if is_told else [])
            made = metric("conversion", slug="again", goal=make_goal(ORDER))
            Experiment.objects.all().delete()

    def test_what_runs_on_though_its_time_is_over_is_told(self) -> None:
        one = found_in(result(World(), ends_at=NOW - DAY), "ended")
        assert one.values == {"since": (NOW - DAY).isoformat()}
        found = result(World(), slug="other", ends_at=NOW + DAY, measures=[])
        assert "ended" not in codes(found.problems)
