"""How well a model would have done with what came next, by figures that can be worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.arrays import Floats
from personalization.ml.base import Config, Options, Recommender
from personalization.ml.history import History, history_of
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.questions import Asked
from personalization.ml.training.judging import N, Quality, quality
from tests.effort import examples


class Fixed(Recommender[Config]):
    """A model that says the same to everybody."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.items = tuple(f"i{number}" for number in range(len(scores)))
        self.scores = np.array(scores, np.float32)

    def fit(self, dataset: Dataset, options: Options) -> Fixed:
        return self

    def score(self, history: History) -> Floats:
        return self.scores

    def arrays(self) -> dict[str, Any]:
        return {}

    def restore(self, arrays: Any, facts: Any) -> None:
        pass


def after(*items: str, target: str) -> Asked:
    return Asked(history=history_of(*items), targets=(target,))


def falling(n: int) -> Fixed:
    return Fixed(*range(n, 0, -1))


@pytest.mark.parametrize("rank", [1, 2, 3, 20])
def test_one_question_is_worth_what_its_rank_is(rank: int) -> None:
    found = quality(falling(40), [after(target=f"i{rank - 1}")], repeats=False)
    assert found.ndcg == pytest.approx(1 / math.log2(1 + rank))
    assert found.mrr == pytest.approx(1 / rank)
    assert found.hit_rate == 1


@pytest.mark.parametrize("target", ["i20", "i39", "nowhere"])
def test_what_is_not_in_a_list_is_worth_nothing(target: str) -> None:
    found = quality(falling(40), [after(target=target)], repeats=True)
    assert (found.ndcg, found.mrr, found.hit_rate) == (0, 0, 0)
    assert found.coverage == N / 40


def test_of_several_right_answers_the_whole_list_counts_and_the_first_is_found() -> None:
    asked = Asked(history=history_of("i0"), targets=("i3", "i2", "i30", "nowhere"))
    found = quality(falling(40), [asked], repeats=False)
    gains = [1 / math.log2(1 + rank) for rank in range(1, 5)]
    # The second and the third place: what was seen is in no list.
    assert found.ndcg == pytest.approx((gains[1] + gains[2]) / sum(gains))
    assert found.mrr == pytest.approx(1 / 2)
    assert found.hit_rate == 1


def test_a_list_of_nothing_but_right_answers_is_the_best_there_can_be() -> None:
    asked = Asked(history=history_of("i39"), targets=tuple(f"i{n}" for n in range(30)))
    found = quality(falling(40), [asked], repeats=False)
    assert (found.ndcg, found.mrr, found.hit_rate) == pytest.approx((1, 1, 1))


def test_figures_are_means_over_questions() -> None:
    found = quality(falling(40), [after(target="i0"), after(target="i39")], repeats=False)
    assert (found.ndcg, found.mrr, found.hit_rate) == (0.5, 0.5, 0.5)


def test_what_was_seen_makes_room_unless_it_may_be_shown_again() -> None:
    asked = [after("i0", "i1", target="i2")]
    assert quality(falling(9), asked, repeats=False).mrr == 1
    assert quality(falling(9), asked, repeats=True).mrr == pytest.approx(1 / 3)


def test_what_was_seen_is_no_answer_unless_it_may_be_shown_again() -> None:
    asked = [after("i0", target="i0")]
    assert quality(falling(9), asked, repeats=False).hit_rate == 0
    assert quality(falling(9), asked, repeats=True).hit_rate == 1


def test_who_says_the_same_of_all_has_the_luck_of_nobody() -> None:
    found = quality(Fixed(*[1] * 5), [after(target="i0")], repeats=True)
    assert found.mrr == pytest.approx(1 / 3)
    assert quality(Fixed(*[1] * 99), [after(target="i0")], repeats=True).hit_rate == 0


def test_asking_changes_nothing_of_the_model() -> None:
    model = falling(9)
    before = model.scores.copy()
    quality(model, [after("i0", target="i1")], repeats=False)
    np.testing.assert_array_equal(model.scores, before)


def test_figures_say_whose_they_are() -> None:
    one = Quality(ndcg=0.1, hit_rate=0.2, mrr=0.3, coverage=0.4)
    own = {"ndcg_20": 0.1, "hr_20": 0.2, "mrr_20": 0.3, "coverage": 0.4}
    assert one.figures() == own
    assert one.figures(of="serving") == {f"serving.{name}": each for name, each in own.items()}


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60),
    st.lists(st.integers(0, 70), min_size=1, max_size=10),
    st.booleans(),
)
@examples(100)
def test_every_figure_is_a_share_and_gains_are_ordered(
    scores: list[float], targets: list[int], repeats: bool
) -> None:
    asked = [after("i0", target=f"i{target}") for target in targets]
    found = quality(Fixed(*scores), asked, repeats=repeats)
    assert 0 <= found.mrr <= found.ndcg <= found.hit_rate <= 1
    assert 0 <= found.coverage <= 1
