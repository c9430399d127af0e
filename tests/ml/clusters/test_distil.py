"""A group as a rule that people read."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from personalization.ml.base import Options
from personalization.ml.clusters.distil import DistilConfig, Distilled, distil
from personalization.ml.unfit import UnfitData
from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.evaluate import evaluate
from personalization.rules.explain import sentence
from personalization.rules.parse import check, parse
from personalization.rules.state import Facts

FEATURES = ("orders.count", "visits.count", "mood", "orders.revenue")
CATALOGUE = Catalogue(
    features={
        "orders.count": Field("orders.count", "number of orders", "number"),
        "visits.count": Field("visits.count", "number of visits", "number"),
        "orders.revenue": Field("orders.revenue", "total of all orders", "number"),
        "persona": Field("persona", "persona", "text"),
    }
)
QUICK = DistilConfig(rounds=3)


def people(n: int = 1500, *, seed: int = 2):
    """Return features of people, and who of them buys often and visits seldom."""
    rng = np.random.default_rng(seed)
    orders, visits = rng.poisson(6, n), rng.poisson(20, n)
    rows = np.stack([orders, visits, rng.normal(size=n), rng.gamma(2, 40, n)], axis=1)
    return rows.astype(float), (orders > 7) & (visits <= 18)


def distilled(rows, members, *, features=FEATURES, config=QUICK, seed=0) -> Distilled:
    return distil(
        rows, members, features=features, catalogue=CATALOGUE, config=config,
        options=Options(seed=seed),
    )  # fmt: skip


def leaf(field, operator, value):
    return {"kind": "feature", "field": field, "operator": operator, "value": value}


def test_a_group_that_is_a_rule_is_found_as_this_rule():
    found = distilled(*people())
    assert found.rule["root"]["rules"] == [
        leaf("orders.count", ">", 7), leaf("visits.count", "<=", 18),
    ]  # fmt: skip
    assert (found.precision, found.recall, found.f1) == (1, 1, 1)
    assert found.unseen_f1 == pytest.approx(1, abs=0.05)
    assert found.stability == pytest.approx(1, abs=0.05)
    assert found.remarks(QUICK) == ()


def test_it_is_read_as_a_sentence():
    assert sentence(parse(distilled(*people()).rule), CATALOGUE) == (
        "Visitors whose number of orders is more than 7 and number of visits is at most 18"
    )


def test_the_figures_are_those_of_the_rule_asked_about_everybody():
    rows, members = people()
    blurred = members ^ (np.random.default_rng(5).random(len(members)) < 0.05)
    rows[::17, 1] = np.nan
    found = distilled(rows, blurred)
    rule = parse(json.loads(json.dumps(found.rule)))
    assert check(rule, CATALOGUE) == []
    holds = [
        evaluate(
            rule,
            Facts(features={
                name: value
                for name, value in zip(FEATURES, row, strict=True)
                if not np.isnan(value)
            }),
            now=0,
        ).holds
        for row in rows.tolist()
    ]  # fmt: skip
    both = sum(a and b for a, b in zip(holds, blurred, strict=True))
    assert found.size == sum(holds)
    assert found.share == pytest.approx(sum(holds) / len(rows))
    assert found.precision == pytest.approx(both / sum(holds))
    assert found.recall == pytest.approx(both / blurred.sum())
    assert found.f1 == pytest.approx(2 * both / (sum(holds) + blurred.sum()))


def test_no_rule_asks_for_what_none_can_ask_for():
    rows, _ = people()
    found = distilled(rows, (rows[:, 2] > 0) & (rows[:, 0] > 5))
    assert found.features == ("orders.count", "visits.count", "orders.revenue")
    assert {each.test.name for each in parse(found.rule).leaves()} <= set(found.features)
    assert found.f1 < 0.85


def test_thresholds_are_round_numbers():
    rows, _ = people()
    members = rows[:, 3] > 103.71
    exact = distilled(rows, members, config=replace(QUICK, given_up=0.0))
    assert exact.f1 == 1
    assert len(str(exact.rule["root"]["rules"][0]["value"])) <= 6
    rounder = distilled(rows, members, config=replace(QUICK, given_up=0.05))
    assert rounder.rule["root"]["rules"] == [leaf("orders.revenue", ">", 100)]
    assert 0.95 <= rounder.f1 < 1


def test_how_long_ago_something_was_is_said_as_people_say_it():
    rng = np.random.default_rng(4)
    ages = rng.gamma(2, 4, 1500)[:, None]

    def value(above: float, **config: float) -> str:
        found = distilled(
            ages, ages[:, 0] > above, features=("recency.event",),
            config=replace(QUICK, **config),
        )  # fmt: skip
        [condition] = found.rule["root"]["rules"]
        assert condition["kind"] == "recency"
        assert found.f1 >= 0.99 - config.get("given_up", 0)
        return condition["value"]

    assert value(2.371) == "PT60H"
    assert value(2.371, given_up=0.1) == "P2D"
    assert value(14.05) == "P14D"
    for exact in (value(2.371, given_up=0.0), value(9.2, given_up=0.0)):
        assert not exact.endswith("S")


def test_what_is_given_up_is_bounded():
    rows, members = people()
    blurred = members ^ (np.random.default_rng(6).random(len(members)) < 0.1)
    best = distilled(rows, blurred, config=replace(QUICK, given_up=0.0))
    simple = distilled(rows, blurred, config=replace(QUICK, given_up=0.02))
    assert simple.f1 >= best.f1 - 0.02
    assert len(list(parse(simple.rule).leaves())) <= len(list(parse(best.rule).leaves()))


def test_chance_is_told_by_those_it_has_not_seen():
    rows, members = people(300)
    shuffled = np.random.default_rng(1).permutation(members)
    found = distilled(rows, shuffled, config=replace(QUICK, questions=6))
    assert found.unseen_f1 < found.f1 - 0.1
    assert found.stability < 0.8
    assert found.remarks(replace(QUICK, faithful=1)) == (
        f"The rule finds {found.recall:.0%} of the group, "
        f"and of those it finds {found.precision:.0%} are in it.",
    )


def test_without_trainings_on_rows_drawn_anew_nothing_is_said_of_them():
    found = distilled(*people(), config=replace(QUICK, rounds=0))
    assert (found.unseen_f1, found.stability) == (None, None)


def test_the_same_seed_gives_the_same_rule():
    rows, members = people()
    blurred = members ^ (np.random.default_rng(5).random(len(members)) < 0.1)
    assert distilled(rows, blurred, seed=3) == distilled(rows, blurred, seed=3)


def test_what_no_rule_can_ask_for_at_all_is_refused():
    rows, members = people()
    with pytest.raises(UnfitData, match="No rule can ask for any of the features mood."):
        distilled(rows[:, 2:3], members, features=("mood",))


@pytest.mark.parametrize("everybody", [True, False])
def test_all_or_nobody_is_no_group(everybody):
    rows, _ = people(50)
    with pytest.raises(UnfitData, match="of 50 are in it: nothing tells them apart"):
        distilled(rows, np.full(50, everybody))


def test_those_who_are_like_all_others_have_no_rule():
    rows = np.ones((40, 1))
    members = np.arange(40) % 2 == 0
    with pytest.raises(UnfitData, match="There is no rule for these 20"):
        distilled(rows, members, features=("orders.count",))
