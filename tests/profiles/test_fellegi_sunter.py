"""What agreeing says: by hand, and learnt from data that were made to a model."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from personalization.profiles.fellegi_sunter import Model, Pattern, estimate

HALF = Model(0.5, (0.8,), (0.2,))


def test_weights_are_bits_for_and_against() -> None:
    model = Model(0.5, (0.8, 0.9), (0.2, 0.1))
    assert model.weights((True, False)) == pytest.approx((2.0, -3.169925))
    assert model.weights((None, None)) == (0.0, 0.0)


def test_probabilities_follow_from_bayes() -> None:
    # 0.5·0.8 / (0.5·0.8 + 0.5·0.2), and with nothing to compare the prior.
    assert HALF.probability((True,)) == pytest.approx(0.8)
    assert HALF.probability((False,)) == pytest.approx(0.2)
    assert HALF.probability((None,)) == pytest.approx(0.5)
    two = Model(0.1, (0.9, 0.8), (0.1, 0.2))
    # 0.1·0.9·0.8 / (0.1·0.9·0.8 + 0.9·0.1·0.2) = 0.072 / 0.09
    assert two.probability((True, True)) == pytest.approx(0.8)


def test_one_round_is_what_it_is_by_hand() -> None:
    """Three pairs agree (0.8 of each is expected to match), one differs (0.2)."""
    learnt = estimate({(True,): 3, (False,): 1}, start=HALF, learn_u=True, rounds=1)
    assert learnt.prior == pytest.approx(2.6 / 4)
    assert learnt.m == pytest.approx((2.4 / 2.6,))
    assert learnt.u == pytest.approx((0.6 / 1.4,))


def test_one_round_of_two_comparisons_by_hand() -> None:
    start = Model(0.5, (0.9, 0.6), (0.3, 0.2))
    counts: dict[Pattern, int] = {(True, True): 2, (True, None): 4, (False, False): 4}
    # Expected to match: .27/(.27+.03) = 0.9; .45/(.45+.15) = 0.75; .02/(.02+.28) = 1/15.
    matches = [2 * 0.9, 4 * 0.75, 4 / 15]
    learnt = estimate(counts, start=start, learn_u=True, rounds=1)
    assert learnt.prior == pytest.approx(sum(matches) / 10)
    assert learnt.m == pytest.approx(
        (sum(matches[:2]) / sum(matches), matches[0] / (matches[0] + matches[2]))
    )
    others = [2 - matches[0], 4 - matches[1], 4 - matches[2]]
    assert learnt.u == pytest.approx(
        (sum(others[:2]) / sum(others), others[0] / (others[0] + others[2]))
    )


def test_what_is_assumed_counts_for_as_many_matches_as_is_said() -> None:
    counts: dict[Pattern, int] = {(True,): 3, (False,): 1}
    learnt = estimate(counts, start=HALF, strength=4, learn_u=True, rounds=1)
    assert learnt.prior == pytest.approx((2.6 + 4) / (4 + 8))
    assert learnt.m == pytest.approx(((2.4 + 0.8 * 4) / (2.6 + 4),))
    assert learnt.u == pytest.approx(((0.6 + 0.2 * 4) / (1.4 + 4),))


def test_chance_is_left_as_it_is_unless_it_is_to_be_learnt() -> None:
    assert estimate({(True,): 3, (False,): 1}, start=HALF, rounds=5).u == HALF.u


def test_pairs_that_nobody_compared_make_matches_rarer() -> None:
    learnt = estimate({(True,): 3, (False,): 1}, start=HALF, unseen=96, rounds=1)
    assert learnt.prior == pytest.approx(2.6 / 100)


def test_nothing_teaches_nothing() -> None:
    assert estimate({}, start=HALF) == HALF
    assert estimate({(None,): 5}, start=HALF).m == HALF.m


def test_what_generated_the_data_is_found_again() -> None:
    truth = Model(0.2, (0.95, 0.8, 0.7, 0.9), (0.05, 0.1, 0.3, 0.02))
    dice = random.Random(5)
    counts: Counter[Pattern] = Counter()
    for _ in range(20_000):
        chances = truth.m if dice.random() < truth.prior else truth.u
        counts[tuple(dice.random() < chance for chance in chances)] += 1
    start = Model(0.5, (0.8,) * 4, (0.2,) * 4)
    found = estimate(counts, start=start, learn_u=True, rounds=1000)
    assert found.prior == pytest.approx(truth.prior, abs=0.02)
    assert found.m == pytest.approx(truth.m, abs=0.03)
    assert found.u == pytest.approx(truth.u, abs=0.02)


def test_it_does_not_depend_on_the_order_of_the_patterns() -> None:
    counts: dict[Pattern, int] = {(True, None): 3, (False, True): 5, (None, False): 2}
    start = Model(0.3, (0.9, 0.7), (0.1, 0.2))
    assert estimate(counts, start=start) == estimate(dict(reversed(counts.items())), start=start)
