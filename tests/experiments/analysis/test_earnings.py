"""What contents, slots, segments and everything earn: each beside its own holdout."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from personalization.experiments import earnings
from personalization.experiments.contents import Content, contents_of
from personalization.experiments.earnings import (
    SPAN,
    Earned,
    earned,
    grouped,
    holdout_names,
    judges_of_site,
    together,
)
from personalization.experiments.measuring import Measured
from personalization.experiments.results import Comparison, Result
from personalization.experiments.statistics.samples import Proportion, Ratio
from personalization.experiments.trial import GLOBAL, HELD_OUT, SHOWN
from tests.delivery.people import make_segments, make_variation
from tests.experiments.analysis.planted import ORDER, plant_holdout
from tests.experiments.analysis.world import DAY, HOUR, NOW, START, World, make_goal, metric

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _goal() -> None:
    make_goal(ORDER, slug="orders", within=3 * DAY)


def earn(name: str) -> Earned:
    return earned(name, judges_of_site(), now=NOW)


def decisive(result: Result) -> Comparison:
    [one] = result.metrics[0].comparisons
    return one


def test_what_a_content_earns_is_what_those_do_who_see_it_beside_those_who_do_not() -> None:
    world = World()
    plant_holdout(world, "hero/variation:1", held_out=0.1, shown=0.3, n=700, seed=1)
    world.save()
    found = earn("hero/variation:1").result
    assert (found.subject, found.arms) == ("holdout:hero/variation:1", (HELD_OUT, SHOWN))
    one = decisive(found)
    assert one.verdict == "better"
    assert one.arm == SHOWN
    assert one.difference is not None
    assert one.gained == pytest.approx(one.difference * found.units[1])
    assert [each.code for each in found.problems] == []


def test_a_content_with_nothing_to_divide_by_is_no_part_of_what_all_earn() -> None:
    """Of 200 in each arm all saw a page, but of the second content only those who see it."""
    one = Ratio.of([1.0, 0.0] * 100, [1.0] * 200)
    nothing = Ratio.of([0.0] * 200, [0.0] * 200)
    found = earn("hero/variation:1")
    strata = [
        replace(found, metrics=(measured_as(samples),)) for samples in ((one, one), (nothing, one))
    ]
    [metric] = together("slot:hero", strata, now=NOW).metrics
    assert metric.comparisons[0].difference == 0
    assert [arm.mean for arm in metric.arms] == [0.5, 0.5]
    assert together("slot:hero", strata[1:], now=NOW).metrics == ()


def test_few_buyers_among_those_held_out_are_not_sure_of_it_in_all_together_either() -> None:
    found = earn("hero/variation:1")
    lucky = Proportion(100, 0), Proportion(900, 27)
    alone = replace(found, metrics=(measured_as(lucky),))
    [metric] = together("slot:hero", [alone] * 3, now=NOW).metrics
    [one] = metric.comparisons
    assert one.difference == pytest.approx(0.03)
    assert one.fixed is not None
    assert one.fixed.low is not None
    assert one.fixed.high is not None
    # The error is as wide as if those held out varied as all do, and not as if they never did.
    assert one.fixed.high - one.fixed.low > 2 * 1.96 * (0.027 * 0.973 / 300) ** 0.5


def measured_as(samples: tuple[Ratio, Ratio] | tuple[Proportion, Proportion]) -> Measured:
    return Measured(
        metric=metric("ratio", slug="m"),
        role="primary",
        samples=samples,
        amounts=tuple(one.per_total if isinstance(one, Ratio) else one.n for one in samples),
    )


def older_holdout(*, before_span: bool) -> Result:
    """Have regulars come once a week, and buy more often when they see the content."""
    world, rng = World(), np.random.default_rng(9)
    began = NOW - SPAN + 2 * DAY
    for who in world.people(600):
        arm, likely = (SHOWN, 0.4) if rng.random() < 0.5 else (HELD_OUT, 0.2)
        regular = 1.5 if rng.random() < 0.5 else 0.5
        for week in (-1, 0):
            at = began + week * 7 * DAY
            if before_span or not week:
                world.saw(who, "hero/variation:1", arm, at)
            if rng.random() < (likely if before_span or not week else 0.2) * regular:
                world.did(who, ORDER, at + HOUR)
    world.save()
    return earn("hero/variation:1").result


def test_what_a_holdout_did_before_the_span_is_not_taken_out_of_what_it_does() -> None:
    one = decisive(older_holdout(before_span=True))
    assert one.reduced_by is None
    [held_out, shown] = older_holdout_means()
    assert one.difference == pytest.approx(shown - held_out)


def older_holdout_means() -> list[float]:
    found = earn("hero/variation:1").result
    return [arm.mean or 0.0 for arm in found.metrics[0].arms]


def test_of_a_holdout_that_is_younger_what_people_did_before_is_taken_out() -> None:
    one = decisive(older_holdout(before_span=False))
    assert one.reduced_by is not None
    assert one.reduced_by > 0


def test_the_shares_are_those_that_most_came_with() -> None:
    world = World()
    people = plant_holdout(
        world, "hero/variation:1", held_out=0.1, shown=0.1, n=600, seed=2, share=0.2
    )
    for who in people[:20]:
        world.saw(who, "hero/variation:1", SHOWN, START, chance=0.9)
    world.save()
    found = earn("hero/variation:1").result
    assert found.shares_p is not None
    assert found.shares_p > 0.001
    # Where more are held out than chance would, it shows.
    world = World()
    for number in range(400):
        arm = HELD_OUT if number % 2 else SHOWN
        world.saw(world.person(), "x/y", arm, START, chance=0.1 if arm == HELD_OUT else 0.9)
    world.save()
    assert "shares" in [each.code for each in earn("x/y").result.problems]


def test_slots_and_segments_have_their_contents_together() -> None:
    make_segments("new", "old")
    first = make_variation("new", "a", slot="hero")
    second = make_variation("old", "b", slot="hero")
    names = [
        f"hero/variation:{first.pk}", f"hero/variation:{second.pk}", "footer/template:0:new+old",
        "hero/variation:999999", "hero/odd",
    ]  # fmt: skip
    known = contents_of(names)
    assert known[names[0]] == Content(slot="hero", words=str(first), segments=("new",))
    assert known[names[2]].segments == ("new", "old")
    assert set(known) == set(names[:3])
    groups = grouped([earn(name) for name in names])
    assert {subject: len(some) for subject, some in groups.items()} == {
        "segment:new": 2, "segment:old": 2, "slot:footer": 1, "slot:hero": 4,
    }  # fmt: skip


def test_together_they_earn_the_sum_of_what_each_does() -> None:
    world = World()
    plant_holdout(world, "hero/variation:1", held_out=0.1, shown=0.3, n=500, seed=3)
    plant_holdout(world, "hero/variation:2", held_out=0.5, shown=0.4, n=500, seed=4, share=0.3)
    plant_holdout(world, "hero/variation:3", held_out=0.5, shown=0.4, n=12, seed=5)  # too few
    world.save()
    parts = [earn(f"hero/variation:{number}") for number in (1, 2, 3)]
    found = together("slot:hero", parts, now=NOW)
    assert (found.subject, found.shares_p) == ("slot:hero", None)
    assert found.units == tuple(sum(each.result.units[arm] for each in parts) for arm in (0, 1))
    one = decisive(found)
    gains = [decisive(each.result).gained or 0 for each in parts[:2]]
    assert one.gained == pytest.approx(sum(gains))
    assert one.difference == pytest.approx(
        sum(gains) / sum(each.result.units[1] for each in parts[:2])
    )


def test_contents_that_few_see_say_something_together() -> None:
    world = World()
    for number in range(6):
        plant_holdout(world, f"hero/variation:{number}", held_out=0.1, shown=0.6, n=80, seed=number)
    world.save()
    parts = [earn(f"hero/variation:{number}") for number in range(6)]
    assert {decisive(each.result).verdict for each in parts} == {"too_few"}
    assert decisive(together("slot:hero", parts, now=NOW)).verdict == "better"


def test_what_is_wrong_with_a_part_is_told_of_the_whole() -> None:
    world = World()
    for number in range(300):
        world.saw(world.person(), "hero/x", SHOWN if number % 5 else HELD_OUT, START, chance=0.5)
    world.save()
    [one] = [
        each
        for each in together("slot:hero", [earn("hero/x")], now=NOW).problems
        if each.code == "shares"
    ]
    assert one.values["subject"] == "holdout:hero/x"


def test_contents_of_which_nothing_can_be_said_have_no_metric_together() -> None:
    found = together("slot:hero", [earn("hero/x"), earn("hero/y")], now=NOW)
    assert (found.metrics, found.units) == ((), (0, 0))


def test_everything_personal_is_beside_the_holdout_from_everything() -> None:
    world = World()
    plant_holdout(world, GLOBAL, held_out=0.1, shown=0.3, n=600, seed=6)
    world.save()
    found = earn(GLOBAL).result
    assert found.subject == "global"
    assert decisive(found).verdict == "better"


def test_names_of_holdouts_are_those_in_the_log_and_not_those_of_experiments() -> None:
    world = World()
    who = world.person()
    odd = 'foot "er"/template:0:é'
    for name in ("hero/variation:1", "hero/variation:1", GLOBAL, "blue", odd):
        world.saw(who, name, SHOWN, NOW - DAY)
    world.saw(who, "list/variation:3", SHOWN, NOW - DAY, event="Recommendation Shown")
    world.saw(who, "old/variation:2", SHOWN, NOW - SPAN - DAY)
    for assigned in (None, 7, ["a/b"], "a/b"):
        world.did(who, "Slot Shown", NOW - DAY, assigned=assigned)
    world.did(who, "Slot Clicked", NOW - DAY, assigned={"c/d": {}})
    world.save()
    assert holdout_names(now=NOW) == [odd, GLOBAL, "hero/variation:1", "list/variation:3"]


def test_a_browser_that_makes_up_names_without_end_is_not_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(earnings, "_NAMES_AT_MOST", 3)
    world = World()
    who = world.person()
    for number in range(9):
        world.saw(who, f"a/{number}", SHOWN, NOW - DAY)
    world.save()
    assert len(holdout_names(now=NOW)) == 3


@pytest.mark.parametrize(
    ("goals", "judges"),
    [
        ([], [("orders:conversion", "primary")]),
        (
            [("sales", "total"), ("fees", "fee")],
            [
                ("sales:value", "primary"), ("orders:conversion", "secondary"),
                ("sales:conversion", "secondary"), ("fees:value", "secondary"),
                ("fees:conversion", "secondary"),
            ],
        ),
    ],
)  # fmt: skip
def test_the_first_goal_with_a_worth_decides_or_else_the_first(goals: Any, judges: Any) -> None:
    for slug, worth in goals:
        make_goal(ORDER, slug=slug, worth=worth)
    make_goal("Form Submitted", slug="off", worth="x", is_active=False)
    assert [(metric.slug, role) for metric, role in judges_of_site()] == judges


def test_what_was_shown_long_ago_is_not_looked_at() -> None:
    world = World()
    world.saw(world.person(), "hero/x", SHOWN, NOW - SPAN - timedelta(seconds=1))
    world.saw(world.person(), "hero/x", SHOWN, NOW - SPAN)
    world.save()
    assert earn("hero/x").result.units == (0, 1)
