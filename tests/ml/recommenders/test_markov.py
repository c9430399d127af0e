"""What comes next after the last step."""

from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.artefact import checksum, packed, unpacked
from personalization.ml.base import Options, Recommender
from personalization.ml.history import History, Step, history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.recommenders.markov import Markov, MarkovConfig
from personalization.ml.unfit import UnfitData
from tests.ml.contract import RecommenderContract
from tests.ml.recommenders.test_sessions import rows_of

DAY = 86_400_000_000


def fitted(*visits: str, **config: float) -> Markov:
    rows = rows_of(*visits)
    model = Markov(MarkovConfig.read(config))
    return model.fit(Dataset(interactions=rows, until=int(rows.at[-1]) + 1), Options())


def scored(model: Markov, *items: str) -> dict[str, float]:
    scores = model.score(history_of(*items))
    return {item: float(score) for item, score in zip(model.items, scores, strict=True) if score}


class TestMarkov(RecommenderContract):
    def made(self) -> Recommender[MarkovConfig]:
        return Markov()


def test_scores_are_the_shares_of_what_came_next() -> None:
    model = fitted("ab", "ab", "ab", "ac")
    assert scored(model, "a") == {"b": pytest.approx(0.75), "c": pytest.approx(0.25)}


def test_staying_with_an_item_counts() -> None:
    assert scored(fitted("aab", "aa"), "a") == {
        "a": pytest.approx(2 / 3),
        "b": pytest.approx(1 / 3),
    }


def test_no_step_leads_from_one_visit_into_the_next() -> None:
    assert scored(fitted("ab", "cd"), "b") == {}


def test_the_last_known_step_decides() -> None:
    model = fitted("ab", "cd")
    assert scored(model, "a", "c") == {"d": 1.0}
    assert scored(model, "c", "a") == {"b": 1.0}
    assert scored(model, "c", "never seen") == {"d": 1.0}


def test_a_step_that_was_always_the_last_is_passed_over() -> None:
    assert scored(fitted("ab", "cd"), "a", "d") == {"b": 1.0}


def test_an_earlier_visit_is_not_gone_on_with() -> None:
    model = fitted("ab", "cd")
    steps = (Step(item="a", at=0, in_visit=False), Step(item="never seen", at=9))
    assert not model.score(History(steps=steps, now=9)).any()


def test_what_is_a_half_life_older_counts_half() -> None:
    rows = interactions_of(
        [
            (0, 0, "a", "v", 0.0, 0),
            (0, 0, "b", "v", 0.0, 0),
            (0, 1, "a", "v", 0.0, 10 * DAY),
            (0, 1, "c", "v", 0.0, 10 * DAY),
        ]
    )
    model = Markov(MarkovConfig(half_life=10.0))
    model.fit(Dataset(interactions=rows, until=20 * DAY), Options())
    assert scored(model, "a") == {"b": pytest.approx(1 / 3), "c": pytest.approx(2 / 3)}


def test_the_very_old_is_still_better_than_nothing() -> None:
    rows = rows_of("ab")
    model = Markov(MarkovConfig(half_life=0.01))
    model.fit(Dataset(interactions=rows, until=100_000 * DAY), Options())
    assert scored(model, "a") == {"b": 1.0}


def test_only_the_most_probable_are_kept_by_shares_of_all() -> None:
    model = fitted("ab", "ab", "ab", "ac", "ac", "ad", neighbours=2)
    assert scored(model, "a") == {"b": pytest.approx(1 / 2), "c": pytest.approx(1 / 3)}


def test_visits_of_one_step_tell_nothing() -> None:
    with pytest.raises(UnfitData, match="2 visits"):
        fitted("a", "b")


def test_nothing_of_visitors_is_kept() -> None:
    def content(*, visitor: int, visit: int) -> bytes:
        rows = interactions_of(
            [(visitor, visit + n // 2, "ab"[n % 2], "v", 0.0, n) for n in range(4)]
        )
        return packed(Markov().fit(Dataset(interactions=rows, until=9), Options()))

    assert content(visitor=3, visit=0) == content(visitor=812, visit=77)


def test_it_looks_at_a_step_that_was_learned_after_it_came_back() -> None:
    content = packed(fitted("ab", "ac"))
    back = unpacked(content, sha256=checksum(content))
    assert isinstance(back, Markov)
    np.testing.assert_allclose(back.score(history_of("a")), [0, 0.5, 0.5])
