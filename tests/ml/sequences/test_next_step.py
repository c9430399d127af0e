"""The next step of a visit: counted, mixed, kept, and judged beside what is most usual."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Model, Options
from personalization.ml.sequences.next_step import END, NextStep, NextStepConfig, judged
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk
from tests.effort import examples
from tests.ml.contract import ModelContract
from tests.ml.sequences.people import walk

VISITS = [
    *[walk("home", "shop", "product", "cart")] * 30,
    *[walk("home", "blog", "product")] * 20,
    *[walk("shop", "product", "product")] * 10,
]


def fitted(visits: list[Walk] = VISITS, **config: Any) -> NextStep:
    return NextStep(NextStepConfig(**{"visits": 1, "least": 1, **config})).fit(visits, Options())


class TestNextStep(ModelContract):
    def fitted(self, *, seed: int = 0) -> Model[Any]:
        return NextStep().fit(VISITS, Options(seed=seed))

    def answers(self, model: Model[Any]) -> np.ndarray[Any, Any]:
        assert isinstance(model, NextStep)
        asked: list[list[str]] = [[], ["home"], ["home", "shop"], ["never seen"], ["x", "shop"]]
        return np.stack([model.score(steps) for steps in asked])


def test_what_followed_most_often_is_likeliest() -> None:
    model = fitted()
    assert model.likeliest(["home"], n=1)[0][0] == "shop"
    assert model.likeliest(["cart"], n=1)[0][0] == END
    # After the shop people go on from a product, after the blog they leave.
    assert model.likeliest(["shop", "product"], n=1)[0][0] == "cart"
    assert model.likeliest(["blog", "product"], n=1)[0][0] == END


def test_counts_are_mixed_with_those_of_fewer_steps() -> None:
    model = fitted([walk("a", "b"), walk("a", "c"), walk("a", "b")], order=1, strength=2)
    # Ten steps in all: a and the end three times each, b twice, c once; and one for all unseen.
    usual = dict(zip(model.steps, (np.array([3, 2, 1, 3]) + 1 / 4) / 10, strict=True))
    after = dict(zip(model.steps, model.score(["a"]), strict=True))
    assert after["b"] == pytest.approx((2 + 2 * usual["b"]) / (3 + 2))
    assert after["a"] == pytest.approx((0 + 2 * usual["a"]) / (3 + 2))


def test_a_step_that_nobody_knows_is_passed_over() -> None:
    model = fitted()
    np.testing.assert_array_equal(model.score(["never seen"]), model.score([]))
    np.testing.assert_array_equal(model.score(["home", "never seen"]), model.score(["home"]))
    np.testing.assert_array_equal(model.score(["never seen", "home"]), model.score(["home"]))


def test_a_step_of_few_visits_is_not_kept() -> None:
    rare = [*VISITS, *[walk("home", "/somebody", "shop")] * 9]
    model = fitted(rare, least=10)
    assert "/somebody" not in model.steps
    assert "/somebody" not in model.arrays()["steps"].tolist()
    np.testing.assert_array_equal(
        model.score(["home"]), fitted([*VISITS, *[walk("home", "shop")] * 9]).score(["home"])
    )


def test_a_longer_look_back_than_anybody_took_changes_nothing() -> None:
    model = fitted(order=4)
    np.testing.assert_allclose(
        model.score(["cart", "cart", "home"]), model.score(["cart", "home"]), atol=1e-12
    )


@examples(40)
@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=1, max_size=8),
    st.lists(st.sampled_from("abcd"), max_size=5),
    st.integers(1, 4),
)
def test_probabilities_add_up_to_one(visits: Any, steps: Any, order: int) -> None:
    known = [walk(*visit) for visit in visits if visit]
    if not known:
        return
    scores = fitted(known, order=order).score(steps)
    assert scores.sum() == pytest.approx(1)
    assert (scores > 0).all()


@examples(20)
@given(st.permutations(VISITS))
def test_the_order_of_visits_changes_nothing(visits: Any) -> None:
    some = [["home"], ["shop", "product"]]
    for steps in some:
        np.testing.assert_array_equal(fitted(visits).score(steps), fitted().score(steps))


def test_too_few_visits_are_said() -> None:
    with pytest.raises(UnfitData, match="Needs 50 visits, there are 2"):
        NextStep().fit([walk("a"), walk("b"), walk()], Options())


def test_one_who_looks_may_stop_it() -> None:
    class Stopped(Exception):
        pass

    def stop(share: float, words: str) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        NextStep().fit(VISITS, Options(progress=stop))


def test_how_often_steps_were_taken_is_known() -> None:
    model = fitted()
    assert model.times(["home"]) == 50
    assert model.times(["home", "shop"]) == 30
    assert model.times([]) == 30 * 5 + 20 * 4 + 10 * 4  # the end of a visit is a step
    assert model.times(["never seen"]) == model.times(["cart", "home"]) == 0
    assert model.times(["home", "shop", "product"]) == 0  # of three it counts nothing


def test_a_goal_is_come_to_as_often_as_a_chain_does() -> None:
    # From home half go to the shop; of those there, a third leave, a third stay, a third order.
    rng, visits = np.random.default_rng(3), []
    for _ in range(4000):
        steps = ["home"]
        while steps[-1] in {"home", "shop"}:
            choices = {"home": ["shop", ""], "shop": ["", "shop", "order"]}[steps[-1]]
            steps.append(str(rng.choice(choices)))
        visits.append(walk(*filter(None, steps)))
    reaching = fitted(visits, order=1).reaching("order")
    assert reaching["shop"] == pytest.approx(1 / 2, abs=0.03)
    assert reaching["home"] == pytest.approx(1 / 4, abs=0.03)
    assert reaching["order"] == 1.0
    assert fitted(visits).reaching("never seen") == {}


@examples(30)
@given(
    st.lists(st.lists(st.sampled_from("abcg"), max_size=6), min_size=1, max_size=8),
    st.integers(1, 4),
)
def test_whoever_may_leave_does_not_come_to_the_goal_for_certain(visits: Any, order: int) -> None:
    known = [walk(*visit) for visit in visits if visit]
    if not known or not any("g" in visit.steps for visit in known):
        return
    model = fitted(known, order=order)
    reaching = model.reaching("g")
    assert set(reaching) == set(model.steps[:-1])
    assert all(0 < share < 1 for step, share in reaching.items() if step != "g")
    # One step on, it is what it is from there.
    for step in set(reaching) - {"g"}:
        onward = dict(zip(model.steps, model.score([step]), strict=True))
        expected = sum(share * reaching[other] for other, share in onward.items() if other)
        assert reaching[step] == pytest.approx(expected)


def chain_of(rng: np.random.Generator, n: int) -> list[Walk]:
    """Return visits of a chain that goes on to the next of four steps nine times in ten."""
    found = []
    for _ in range(n):
        steps, place = [], int(rng.integers(4))
        while rng.random() < 0.85:
            steps.append("abcd"[place])
            place = (place + 1) % 4 if rng.random() < 0.9 else int(rng.integers(4))
        found.append(walk(*steps))
    return found


def test_a_chain_is_told_nearly_as_well_as_by_who_knows_it() -> None:
    rng = np.random.default_rng(6)
    model = NextStep().fit(chain_of(rng, 2000), Options())
    found = judged(model, chain_of(rng, 500))
    # Who knows the chain: on with 0.85, then to the next with 0.925 and to each other with 0.025.
    likely = np.array([0.15, 0.85 * 0.925, *[0.85 * 0.025] * 3])
    assert found.surprise == pytest.approx(-(likely * np.log2(likely)).sum(), abs=0.1)
    assert found.first == pytest.approx(0.85 * 0.925, abs=0.05)
    assert found.first > found.popular_first + 0.3
    assert found.surprise < found.popular_surprise - 0.5
    assert found.among_three >= found.first
    assert found.popular_among_three >= found.popular_first


def test_steps_that_were_never_seen_are_not_judged() -> None:
    found = judged(fitted(), [walk("home", "never seen", "shop")])
    assert found.n == 2
    with pytest.raises(UnfitData, match="no next step"):
        judged(fitted(), [])
