"""Weights by what came next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.arrays import Floats
from personalization.ml.evaluation.ranking_metrics import ndcg
from personalization.ml.ranking import top
from personalization.ml.recommenders.answers import N, Question, Table, table_of
from personalization.ml.recommenders.blend import LENGTHS
from personalization.ml.recommenders.likelihood import likeliest
from personalization.ml.recommenders.weighing import ENOUGH, searched, shipped
from tests.effort import examples

N_ITEMS = 40
POPULARITY = 0


def question(
    *rows: Sequence[float],
    target: int | Sequence[int],
    bucket: int = 0,
    left_out: Sequence[int] = (),
) -> Question:
    return Question(
        scores=np.array(rows, np.float32),
        targets=np.atleast_1d(np.array(target, np.int32)),
        bucket=bucket,
        left_out=np.array(left_out, np.int32),
    )


def drawn(
    *, n: int, knows: Sequence[float], seed: int = 0, bucket: int | None = None
) -> list[Question]:
    """Return questions that engine e answers at random, but for a share `knows[e]` of them."""
    rng = np.random.default_rng(seed)
    questions = []
    for number in range(n):
        scores = rng.random((len(knows), N_ITEMS)).astype(np.float32) * 0.9
        target = int(rng.integers(N_ITEMS))
        for engine, share in enumerate(knows):
            if rng.random() < share:
                scores[engine, target] = 1.0
        of = number % len(LENGTHS) if bucket is None else bucket
        questions.append(question(*scores, target=target, bucket=of))
    return questions


def one(*weights: float) -> Floats:
    return np.array(weights, np.float32)


def test_a_rank_counts_those_that_are_better_and_half_of_its_equals() -> None:
    table = table_of(
        [
            question([0.1, 0.9, 0.5], target=2),
            question([0.5, 0.5, 0.5], target=0),
            question([1.0, 0.2, 0.1], target=0),
        ]
    )
    assert table.ranks(one(1.0)).tolist() == [2, 2, 1]


def test_quality_is_the_gain_of_the_first_twenty() -> None:
    table = table_of(
        [
            question([0.1, 0.9, 0.5], target=2),
            question(np.linspace(1, 0, N_ITEMS).tolist(), target=30),
        ]
    )
    assert table.quality(one(1.0)) == pytest.approx(1 / np.log2(3) / 2)


def test_what_is_left_out_is_no_candidate_unless_it_is_asked_for() -> None:
    table = table_of([question([0.9, 0.5, 0.1], target=1, left_out=[0])])
    assert table.ranks(one(1.0)).tolist() == [1]
    both = table_of([question([0.9, 0.5, 0.1], target=1, left_out=[0, 1])])
    assert both.ranks(one(1.0)).tolist() == [1]


def test_a_target_that_no_engine_names_is_still_ranked() -> None:
    scores = np.linspace(1, 0.5, 300)
    scores[299] = 0
    table = table_of([question(scores.tolist(), target=299)])
    assert table.ranks(one(1.0))[0] > 20


def test_what_no_engine_names_says_nothing_of_how_far_to_trust_them() -> None:
    table = table_of(
        [
            question([0.9, 0.1] + [0.0] * 200, target=150),
            question([0.9, 0.1] + [0.0] * 200, target=1),
        ]
    )
    assert len(table.informative()) == 1
    assert table.informative().ranks(one(1.0)).tolist() == [2.0]


def test_of_several_right_answers_those_that_no_engine_names_say_nothing() -> None:
    scores = [0.9, 0.1, 0.5] + [0.0] * 200
    table = table_of([question(scores, target=[1, 2, 150])])
    assert table.informative().ranks(one(1.0)).tolist() == [3.0, 2.0]
    assert len(table.ranks(one(1.0))) == 3


def test_where_nothing_is_named_nothing_is_informative() -> None:
    table = table_of([question([0.9] + [0.0] * 200, target=150)])
    assert len(table.informative()) == 0
    assert len(table_of([]).informative()) == 0


def test_an_engine_that_is_seldom_right_at_the_top_is_trusted_all_the_same() -> None:
    """Most right ones are no candidates but for being right, and so are below those that are."""
    rng = np.random.default_rng(3)
    questions = []
    for _ in range(300):
        target = int(rng.integers(1000))
        scores = rng.random((2, 1000)).astype(np.float32)
        scores[0, target] = 1 - (1 - scores[0, target]) * 0.7
        questions.append(question(*scores, target=target))
    weights = likeliest(table_of(questions))
    assert weights[0] == 1
    assert weights[1] < 0.5


def test_several_right_answers_are_one_list() -> None:
    rows = [1.0, 0.5, 0.1, 0.0]
    table = table_of(
        [
            question(rows, target=[0, 1]),
            question(rows, target=[3, 0]),
            question(rows, target=2),
        ]
    )
    first, second, third, fourth = 1 / np.log2(np.arange(2, 6))
    assert len(table) == 3
    assert table.gains(one(1.0)) == pytest.approx([1.0, (first + fourth) / (first + second), third])


def test_a_list_is_the_best_if_all_its_places_are_right() -> None:
    scores = np.linspace(1, 0.1, 60).tolist()
    first, last = range(30), range(30, 60)
    table = table_of([question(scores, target=first), question(scores, target=last)])
    assert table.gains(one(1.0)) == pytest.approx([1.0, 0.0])


@examples(30)
@given(
    targets=st.lists(st.sets(st.integers(0, N_ITEMS - 1), min_size=1), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_gains_are_those_by_which_models_are_judged(targets: list[set[int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    asked = [
        question(*rng.permutation(2 * N_ITEMS).reshape(2, -1), target=sorted(right))
        for right in targets
    ]
    weights = one(1, 2 * N_ITEMS)
    expected = [ndcg(top(weights @ each.scores, N), relevant=each.targets, n=N) for each in asked]
    assert table_of(asked).gains(weights) == pytest.approx(expected)


def test_a_question_with_many_right_answers_counts_as_one_with_one() -> None:
    """One engine knows of many histories one answer each, the other of one history many."""
    rng = np.random.default_rng(2)
    n_items = 80
    questions = []
    for number in range(40):
        right = np.arange(30) if number == 0 else np.arange(1)
        scores = rng.random((2, n_items))
        scores[1 if number == 0 else 0, right] += 1
        questions.append(question(*scores, target=right))
    weights = likeliest(table_of(questions))
    assert weights[0] == 1
    assert weights[1] < 0.2


def test_questions_of_one_length_can_be_looked_at_alone() -> None:
    questions = drawn(n=30, knows=[0.2, 0.7])
    table = table_of(questions)
    for bucket in range(len(LENGTHS)):
        alone = table_of([each for each in questions if each.bucket == bucket])
        np.testing.assert_array_equal(table.of(bucket).ranks(one(1, 2)), alone.ranks(one(1, 2)))


def test_quality_by_length_is_that_of_all_if_weights_are_the_same() -> None:
    table = table_of(drawn(n=30, knows=[0.2, 0.7]))
    weights = np.tile(one(1, 2), (len(LENGTHS), 1))
    assert table.quality_by_length(weights) == pytest.approx(table.quality(one(1, 2)))


def test_of_no_questions_there_is_no_quality() -> None:
    assert len(table_of([])) == 0
    assert table_of([]).quality(np.empty(0, np.float32)) == 0


def test_the_engine_that_knows_weighs_most() -> None:
    weights = searched(table_of(drawn(n=300, knows=[0.0, 0.9, 0.1])), popularity=POPULARITY)
    assert (weights[:, 1] > weights[:, 2]).all()
    assert (weights[:, 1] > weights[:, POPULARITY]).all()


def test_engines_that_know_different_things_are_both_used() -> None:
    table = table_of(drawn(n=400, knows=[0.0, 0.5, 0.5]))
    weights = searched(table, popularity=POPULARITY)
    assert (weights[:, 1:] > 0).any(axis=0).all()
    assert table.quality_by_length(weights) > 1.02 * table.quality(one(0, 1, 0))


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(one, marks=pytest.mark.slow) for one in (1, 2, 3))]
)
@pytest.mark.parametrize("knows", [(0.1, 0.5, 0.0), (0.1, 0.3, 0.25), (0.0, 0.1, 0.6)])
def test_no_engine_alone_is_better_by_more_than_chance(knows: tuple[float, ...], seed: int) -> None:
    """At all lengths that share weights, and with one right answer or with many. Popularity has
    its weight besides, for each length."""
    rng = np.random.default_rng(seed)
    for n_more in (0, 6):
        table = table_of(
            replace(
                each,
                targets=np.union1d(each.targets, rng.integers(N_ITEMS, size=n_more)).astype(
                    np.int32
                ),
            )
            for each in drawn(n=100 * len(LENGTHS), knows=knows, seed=seed)
        )
        weights = searched(table, popularity=POPULARITY)
        weights[:, POPULARITY] = 0
        for buckets in ((0, 1, 2), (3, 4), (5,)):
            parts = [(table.of(bucket), weights[bucket]) for bucket in buckets]
            for alone in np.eye(len(knows), dtype=np.float32)[1:]:
                ahead = np.concatenate(
                    [part.gains(alone) - part.gains(stacked) for part, stacked in parts]
                )
                assert ahead.mean() <= ahead.std() / np.sqrt(len(ahead)) + 1e-9


def test_where_only_popularity_knows_it_is_alone() -> None:
    for bucket in range(len(LENGTHS)):
        table = table_of(drawn(n=200, knows=[0.95, 0.0], bucket=bucket))
        row = searched(table, popularity=POPULARITY)[bucket]
        assert table.quality(row) >= table.quality(one(1, 0))


def test_popularity_alone_is_chosen_with_nothing_beside_it() -> None:
    weights = searched(table_of(drawn(n=120, knows=[0.9])), popularity=POPULARITY)
    assert weights.tolist() == [[1.0]] * len(LENGTHS)
    few = searched(table_of(drawn(n=6, knows=[0.9])), popularity=POPULARITY)
    assert few.tolist() == [[1.0]] * len(LENGTHS)


@examples(8)
@given(
    knows=st.lists(st.floats(0, 1), min_size=2, max_size=4),
    seed=st.integers(0, 99),
    bad=st.integers(0, len(LENGTHS)),
)
def test_no_length_is_below_popularity_and_its_weight_falls(
    knows: list[float], seed: int, bad: int
) -> None:
    """Whatever engines know; of short histories up to `bad` they know nothing."""
    questions = drawn(n=40 * len(LENGTHS), knows=knows, seed=seed)
    blind = drawn(n=len(questions), knows=[knows[0], *[0.0] * (len(knows) - 1)], seed=seed + 1)
    mixed = [
        blind[place] if place % len(LENGTHS) < bad else each for place, each in enumerate(questions)
    ]
    table = table_of(mixed)
    weights = searched(table, popularity=POPULARITY)
    alone = np.eye(len(knows), dtype=np.float32)[POPULARITY]
    for bucket in range(len(LENGTHS)):
        part = table.of(bucket)
        assert part.quality(weights[bucket]) >= part.quality(alone) - 1e-9
    others = weights[:, 1:].sum(axis=1)
    share = np.where(others > 0, weights[:, POPULARITY], np.inf)
    assert (share[:-1] >= share[1:]).all()


def test_lengths_with_too_few_questions_have_what_is_shipped_of_popularity() -> None:
    few = drawn(n=ENOUGH - 1, knows=[0.0, 1.0], bucket=0)
    many = drawn(n=200, knows=[0.0, 0.9], bucket=3)
    weights = searched(table_of([*few, *many]), popularity=POPULARITY)
    assert weights[0, POPULARITY] == shipped(2, popularity=POPULARITY)[0, POPULARITY]
    np.testing.assert_array_equal(weights[0, 1:], weights[3, 1:])


def test_the_same_questions_give_the_same_weights() -> None:
    questions = drawn(n=100, knows=[0.1, 0.5, 0.4])
    first, second = (searched(table_of(questions), popularity=POPULARITY) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_shipped_weights_let_popularity_fall_with_length() -> None:
    weights = shipped(3, popularity=1)
    assert weights.shape == (len(LENGTHS), 3)
    assert (np.diff(weights[:, 1]) <= 0).all()
    assert (weights[:, [0, 2]] == 1).all()


def test_the_likeliest_weights_are_where_the_likelihood_is_flat() -> None:
    several = [
        replace(each, targets=np.union1d(each.targets, [0, 1])) if place % 3 == 0 else each
        for place, each in enumerate(drawn(n=200, knows=[0.3, 0.6, 0.0]))
    ]
    table = table_of(several)
    weights = likeliest(table)
    assert weights.max() == pytest.approx(1)
    assert weights[1] > weights[0] > weights[2] >= 0
    scale = max(np.linspace(0.5, 30, 200), key=lambda scale: _likelihood(table, scale * weights))
    best = _likelihood(table, scale * weights)
    for engine in range(3):
        for by in (0.8, 1.25):
            moved = scale * weights
            moved[engine] *= by
            assert _likelihood(table, moved) <= best + 0.05


def test_engines_that_say_nothing_are_all_alike() -> None:
    table = table_of([question([0.0] * 5, [0.0] * 5, target=n % 5) for n in range(40)])
    assert likeliest(table).tolist() == [1, 1]


def test_an_engine_that_misleads_gets_no_weight() -> None:
    rng = np.random.default_rng(3)
    questions = []
    for _ in range(100):
        scores = rng.random((2, N_ITEMS))
        target = int(np.argmax(scores[0]))
        scores[1] = 1 - scores[0]
        questions.append(question(*scores.tolist(), target=target))
    assert likeliest(table_of(questions)).tolist() == [1, 0]


def _likelihood(table: Table, weights: np.ndarray) -> float:
    total = -0.5 * float(weights @ weights)
    for begin, end in zip(table.starts[:-1], table.starts[1:], strict=True):
        summed = table.scores[begin:end].astype(float) @ weights
        right = summed[table.right[begin:end]]
        total += float(right.mean() - np.log(np.exp(summed).sum()))
    return total


def test_long_histories_may_have_other_weights_than_short_ones() -> None:
    short = [drawn(n=60, knows=[0.0, 0.9, 0.0], bucket=bucket) for bucket in (0, 1, 2)]
    long = drawn(n=150, knows=[0.0, 0.0, 0.9], bucket=5, seed=1)
    weights = searched(table_of([*sum(short, []), *long]), popularity=POPULARITY)
    assert weights[0, 1] > weights[0, 2]
    assert weights[5, 2] > weights[5, 1]
