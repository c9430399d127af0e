"""Visits like the one that goes on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.artefact import packed
from personalization.ml.base import Options, Recommender
from personalization.ml.history import history_of
from personalization.ml.interactions import Dataset, Interactions, interactions_of
from personalization.ml.recommenders.vstan import Vstan, VstanConfig
from personalization.ml.unfit import UnfitData
from tests.effort import examples
from tests.ml.contract import RecommenderContract
from tests.ml.recommenders.test_sessions import rows_of

HOUR = 3_600_000_000


def learned(rows: Interactions, **config: float) -> Vstan:
    until = int(rows.at[-1]) + 1
    return Vstan(VstanConfig.read(config)).fit(Dataset(interactions=rows, until=until), Options())


def scored(model: Vstan, *items: str) -> dict[str, float]:
    scores = model.score(history_of(*items))
    return {item: float(score) for item, score in zip(model.items, scores, strict=True) if score}


def visits_of(*visits: tuple[str, int]) -> Interactions:
    """Return visits of one letter for each item, all of it at a given hour."""
    return interactions_of(
        [
            (0, visit, item, "v", 0.0, hour * HOUR + 60 * place)
            for visit, (items, hour) in enumerate(visits)
            for place, item in enumerate(items)
        ]
    )


class TestVstan(RecommenderContract):
    def made(self) -> Recommender[VstanConfig]:
        return Vstan()


def test_only_visits_that_share_a_step_count() -> None:
    model = learned(rows_of("ab", "cd"))
    assert set(scored(model, "a")) == {"a", "b"}


def test_a_visit_that_shares_more_counts_more() -> None:
    model = learned(rows_of("abx", "aby", "cay"), rarity=0, length_power=0)
    scores = scored(model, "b", "a")
    assert scores["y"] > scores["x"] > 0


def test_a_visit_that_shares_later_steps_counts_more() -> None:
    scores = scored(learned(rows_of("ax", "by"), rarity=0), "a", "b")
    assert scores["y"] > scores["x"] > 0


def test_what_is_nearer_to_the_shared_step_counts_more() -> None:
    scores = scored(learned(rows_of("abcdef"), rarity=0), "c")
    assert scores["c"] > scores["d"] > scores["e"] > scores["f"]
    assert scores["b"] == pytest.approx(scores["d"])


def test_the_last_of_a_repeated_step_is_the_shared_one() -> None:
    scores = scored(learned(rows_of("azay"), rarity=0), "a")
    assert scores["y"] == pytest.approx(scores["z"])


def test_a_visit_that_is_a_half_life_older_counts_half() -> None:
    rows = visits_of(("ax", 0), ("ay", 48))
    scores = scored(learned(rows, rarity=0, half_life=2.0), "a")
    assert scores["x"] == pytest.approx(scores["y"] / 2)


def test_a_rare_item_counts_more_than_a_common_one() -> None:
    rows = rows_of("axy", "bx", "cx")
    scores = scored(learned(rows, reach=1000.0), "a")
    assert scores["y"] > scores["x"]


def test_long_visits_count_less_by_their_length() -> None:
    rows = rows_of("axcdefgh", "ay")
    of_cosine = scored(learned(rows, rarity=0, length_power=0.5), "a")
    of_all = scored(learned(rows, rarity=0, length_power=0), "a")
    assert of_cosine["x"] == pytest.approx(of_cosine["y"] / 2)
    assert of_all["x"] == pytest.approx(of_all["y"], rel=1e-4)


def test_neighbours_are_the_nearest_and_the_latest_of_each_item() -> None:
    rows = rows_of("ax", "ay", "az")
    assert set(scored(learned(rows, sample=2), "a")) == {"a", "y", "z"}
    closest = rows_of("abx", "ay", "az")
    assert set(scored(learned(closest, neighbours=1), "b", "a")) == {"a", "b", "x"}


def test_only_the_latest_visits_are_remembered() -> None:
    assert set(scored(learned(rows_of("ax", "ay", "az"), visits=2), "a")) == {"a", "y", "z"}


def test_visits_of_one_step_tell_nothing() -> None:
    with pytest.raises(UnfitData, match="second step"):
        learned(rows_of("a", "b"))


def test_nothing_of_visitors_and_no_instant_is_kept() -> None:
    def content(*, visitor: int, moved: int) -> bytes:
        rows = [(visitor, n // 2, "ab"[n % 2], "v", 0.0, 5 * HOUR + moved + n) for n in range(4)]
        return packed(learned(interactions_of(rows)))

    assert content(visitor=3, moved=0) == content(visitor=812, moved=HOUR // 2)


def test_appending_is_learning_from_all() -> None:
    early, late = ("abc", 1), ("bcd", 5)
    model = learned(visits_of(early)).appended(visits_of(late), since=3 * HOUR)
    whole = learned(visits_of(early, late))
    assert model.items == whole.items == ("a", "b", "c", "d")
    assert scored(model, "b") == scored(whole, "b")


def test_a_visit_that_went_on_is_replaced() -> None:
    model = learned(visits_of(("ab", 1), ("bc", 5)))
    grown = model.appended(visits_of(("bcd", 5)), since=5 * HOUR)
    assert scored(grown, "b") == scored(learned(visits_of(("ab", 1), ("bcd", 5))), "b")


def test_what_was_there_before_appending_does_not_change() -> None:
    model = learned(visits_of(("ab", 1)))
    before = packed(model)
    model.appended(visits_of(("bc", 5)), since=5 * HOUR)
    assert packed(model) == before


def test_appending_lets_go_of_the_oldest() -> None:
    model = learned(visits_of(("ax", 1), ("ay", 2)), visits=2)
    grown = model.appended(visits_of(("az", 5)), since=5 * HOUR)
    assert set(scored(grown, "a")) == {"a", "y", "z"}


def test_appending_is_by_full_hours() -> None:
    with pytest.raises(ValueError, match="full hours"):
        learned(visits_of(("ab", 1))).appended(visits_of(("bc", 5)), since=7)


@examples(40)
@given(
    visits=st.lists(st.text("abcdef", min_size=2, max_size=6), min_size=2, max_size=8),
    cut=st.integers(1, 7),
    asked=st.text("abcdef", min_size=1, max_size=4),
)
def test_wherever_it_is_cut_appending_gives_the_same_scores(
    visits: list[str], cut: int, asked: str
) -> None:
    cut = min(cut, len(visits) - 1)
    timed = [(items, hour) for hour, items in enumerate(visits)]
    whole = learned(visits_of(*timed))
    part = learned(visits_of(*timed[:cut]))
    grown = part.appended(visits_of(*timed[cut - 1 :]), since=(cut - 1) * HOUR)
    ours, other = scored(grown, *asked), scored(whole, *asked)
    assert ours == pytest.approx(other, rel=1e-5)


def test_scores_are_what_the_formula_says() -> None:
    """Three visits by hand: closeness by place, age and length, items by distance."""
    config = {"step_decay": 2.0, "last_decay": 3.0, "reach": 1.5, "length_power": 0.5}
    model = learned(visits_of(("abc", 0), ("cab", 24)), rarity=0, half_life=1.0, **config)
    scores = scored(model, "a", "c")
    first = (np.exp(-1 / 2) + 1) * np.exp(0) * 0.5 / np.sqrt(3)
    second = (np.exp(-1 / 2) + 1) * np.exp(0) / np.sqrt(3)
    # The last step here is c: the third of the first visit, the first of the second.
    assert scores["b"] == pytest.approx(first * np.exp(-1 / 1.5) + second * np.exp(-2 / 1.5))
    assert scores["c"] == pytest.approx(first + second)
