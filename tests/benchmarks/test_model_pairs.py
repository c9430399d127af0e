"""Protocols ask about what nobody learned from, and count as their papers do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from personalization.ml.arrays import Floats
from personalization.ml.base import Arrays, Config, Options, Recommender
from personalization.ml.history import History
from personalization.ml.interactions import Dataset
from personalization.types import JsonObject
from project.benchmarks.models import ml1m, msweb, retailrocket
from project.benchmarks.models.data import folder
from project.benchmarks.models.ranked import Pairs, measured
from project.benchmarks.results import Effort


@dataclass
class Fixed(Recommender[Config]):
    """Says what it was made with, and remembers what it was asked."""

    order: str

    def __post_init__(self) -> None:
        self.items = tuple(sorted(self.order))
        self.asked: list[tuple[str, ...]] = []

    def fit(self, dataset: Dataset, options: Options) -> Self:
        return self

    def score(self, history: History) -> Floats:
        self.asked.append(history.items)
        return np.array([-self.order.index(item) for item in self.items], np.float32)

    def arrays(self) -> Arrays:
        return {}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        pass


def rows(*pairs: tuple[int, ...]) -> NDArray[np.int64]:
    return np.array(pairs, np.int64)


class TestRanked:
    def test_what_one_had_is_told_and_no_candidate(self) -> None:
        model = Fixed("1234")
        found = measured(model, Pairs.of(rows((7, 1))), Pairs.of(rows((7, 2))))
        assert model.asked == [("1",)]
        assert found.ndcg10 == 1
        assert found.hit10 == found.recall20 == 1

    def test_what_is_masked_is_no_candidate_and_not_told(self) -> None:
        model = Fixed("1234")
        masked = Pairs.of(rows((7, 2)))
        found = measured(model, Pairs.of(rows((7, 1))), Pairs.of(rows((7, 3))), masked=masked)
        assert model.asked == [("1",)]
        assert found.ndcg10 == 1

    def test_what_is_not_known_counts_as_not_found(self) -> None:
        test = Pairs.of(rows((7, 2), (7, 99), (7, 98)))
        found = measured(Fixed("12"), Pairs.of(rows((7, 1))), test)
        assert found.recall20 == pytest.approx(1 / 3)

    def test_means_are_over_those_that_something_is_asked_about(self) -> None:
        train = Pairs.of(rows((1, 1), (2, 1), (3, 1)))
        found = measured(Fixed("12"), train, Pairs.of(rows((1, 2), (2, 9))))
        assert found.hit10 == 0.5
        assert found.coverage10 == 0.5

    def test_pairs_become_interactions(self) -> None:
        rows_ = Pairs.of(rows((5, 30), (4, 7))).dataset(kind="Rated").interactions
        assert rows_.items == ("7", "30")
        assert [rows_.items[item] for item in rows_.item] == ["30", "7"]


class TestFilms:
    def test_of_ten_ratings_eight_are_learned_from(self) -> None:
        ratings = rows(*[(visitor, film, 5) for film in range(20) for visitor in (1, 2)], (3, 0, 5))
        parts = ml1m._eight_one_one(ratings, rng=np.random.default_rng(0))
        for visitor in (1, 2):
            own = parts[ratings[:, 0] == visitor]
            assert np.bincount(own, minlength=3).tolist() == [16, 2, 2]
        assert parts[-1] == 0


class TestAreas:
    FILE = 'A,5,1,"x, y","/x"\nC,"10",10\nV,5,1\nV,6,1\nV,5,1\nC,"11",11\nV,7,1\n'

    def test_areas_of_a_visitor_follow_it(self, tmp_path: Path) -> None:
        path = tmp_path / "some.data"
        path.write_text(self.FILE)
        assert msweb.read(path) == [("5", "6"), ("7",)]

    def test_the_score_is_100_where_the_lists_are_the_best(self) -> None:
        assert msweb.r_score(Fixed("ab"), [("a", "b")], n_told=None) == 100

    def test_five_places_down_is_worth_half(self) -> None:
        model = Fixed("abcdef")
        score = msweb.r_score(model, [("f", "x"), ("x", "f")], n_told=1)
        told_x = sum(asked == ("x",) for asked in model.asked)
        assert score == pytest.approx(100 * told_x * 2 ** (-5 / 4) / 2)

    def test_who_has_no_more_than_is_told_is_not_asked_about(self) -> None:
        model = Fixed("abc")
        msweb.r_score(model, [("a", "b"), ("a", "b", "c")], n_told=2)
        assert len(model.asked) == 1

    def test_all_models_are_told_the_same(self) -> None:
        one, other = Fixed("abcd"), Fixed("dcba")
        for model in (one, other):
            msweb.r_score(model, [("a", "b", "c"), ("b", "d", "a")], n_told=2)
        assert one.asked == other.asked


class TestCarts:
    ROWS = rows(
        *[(v, i, k) for v in range(9) for i in range(4) for k in range(3) if i * k % 2 == 0]
    )

    def test_nothing_done_with_what_is_asked_about_is_learned_from(self) -> None:
        learned, asked = retailrocket.split(self.ROWS, rng=np.random.default_rng(1))
        wanted = {tuple(pair) for pair in asked.tolist()}
        assert not wanted & {(v, i) for v, i, _ in learned.tolist()}
        taken = {(v, i) for v, i, kind in self.ROWS.tolist() if kind > 0}
        assert wanted <= taken
        assert len(wanted) == int(len(taken) * 0.25)
        assert len(learned) == sum((v, i) not in wanted for v, i, _ in self.ROWS.tolist())

    def test_once_is_one_view_of_each_pair(self) -> None:
        found = retailrocket.once(rows((1, 2, 0), (1, 2, 2), (3, 2, 1)))
        assert found.tolist() == [[1, 2, 0], [3, 2, 0]]

    def test_kinds_are_told(self) -> None:
        interactions = retailrocket.dataset(rows((1, 20, 0), (1, 3, 2))).interactions
        assert interactions.items == ("3", "20")
        assert [interactions.kinds[kind] for kind in interactions.kind] == [
            "Product Viewed",
            "Order Completed",
        ]

    def test_the_mean_is_over_those_that_are_asked_about(self) -> None:
        learned, asked = rows((1, 1, 0), (2, 1, 0), (3, 1, 0)), rows((1, 2), (2, 9))
        assert retailrocket.ndcg10(Fixed("12"), learned, asked) == 0.5


def needs(name: str) -> Any:
    there = (folder() / name).is_dir()
    return pytest.mark.skipif(not there, reason=f"{folder() / name} is not there")


@pytest.mark.slow
@needs("msweb")
def test_areas_are_found_as_well_as_they_should_be() -> None:
    found = {row.name: row for row in msweb.measure(Effort())}
    assert set(found) == {"msweb_all_but_1", "msweb_given_2"}
    assert all(row.met and row.value > (row.popularity or 0) for row in found.values())


@pytest.mark.slow
@needs("ml1m")
def test_films_are_found_as_well_as_they_should_be() -> None:
    name, *others = ml1m._FOLDS
    asked, *learned = (
        np.loadtxt(folder() / fold, np.int64, delimiter=",") for fold in (name, *others)
    )
    # Of every fourth film and every tenth visitor: enough to see, for a tenth of the time.
    told, some = (each[each[:, 1] % 4 == 0] for each in (np.concatenate(learned), asked))
    rows = ml1m._protocol_a(learned=told, asked=some[some[:, 0] % 10 == 0])
    found = {row.name: row for row in rows}
    assert len(found) == 6
    assert all(row.value > 1.2 * (row.popularity or 1) for row in found.values())
