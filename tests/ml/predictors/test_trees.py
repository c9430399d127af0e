from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Options
from personalization.ml.examples import Examples
from personalization.ml.predictors.boosting import Boosting, BoostingConfig
from personalization.ml.predictors.forest import Forest, ForestConfig
from personalization.ml.predictors.trees import Tree, Trees, known_categories, planted
from personalization.ml.unfit import UnfitData
from tests.effort import examples as effort
from tests.ml.predictors.behaviour import behaviour

NAN = float("nan")


def stump(**changed: Any) -> Trees:
    """Return one tree: pages ≤ 3 → 1; else device in {0, 2} → 10, others → 100."""
    given: dict[str, Any] = {
        "feature": np.array([0, 0, 1, 0, 0]),
        "threshold": np.array([3.0, 0, 0, 0, 0]),
        "left": np.array([1, 1, 3, 3, 4]),
        "right": np.array([2, 1, 4, 3, 4]),
        "value": np.array([0.0, 1, 0, 10, 100]),
        "missing_left": np.array([1, 0, 0, 0, 0]),
        "is_categorical": np.array([0, 0, 1, 0, 0]),
        "categories_left": np.array([[0, 0, 0]] * 2 + [[1, 0, 1]] + [[0, 0, 0]] * 2, bool),
    }
    known = np.array([[0, 0, 0], [1, 1, 1]], bool)
    return planted([Tree(**given | changed)] * 2, known=known)


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ([3.0, 1], 1),
        ([3.1, 0], 10),
        ([3.1, 1], 100),
        ([3.1, 2], 10),
        ([NAN, 1], 1),
        ([9.0, NAN], 100),
        ([9.0, 7], 100),  # a category that there is not counts as missing
        ([9.0, -1], 100),
        ([9.0, 0.5], 10),  # as a whole number
    ],
)
def test_a_row_goes_down_every_tree(row: list[float], value: float) -> None:
    trees = stump()
    assert trees.depth == 2
    assert trees.total(np.array([row]), start=0.5).tolist() == [2 * value + 0.5]


def test_equal_sets_of_categories_are_kept_once() -> None:
    assert stump().sets.tolist() == [[True, False, True]]


def test_many_rows_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.column_stack([np.linspace(0, 6, 50), np.arange(50) % 3])
    together = stump().total(rows)
    monkeypatch.setattr("personalization.ml.predictors.trees._CELLS", 14)
    assert stump().total(rows).tolist() == together.tolist()
    assert stump().total(rows[:0]).tolist() == []


def test_nodes_that_lead_nowhere_or_in_a_circle_are_refused() -> None:
    with pytest.raises(UnfitData, match="“left” has nodes outside of 0…9"):
        stump(left=np.array([1, 1, 30, 3, 4]))
    with pytest.raises(UnfitData, match="no trees"):
        stump(left=np.array([2, 1, 0, 3, 4])).depth  # noqa: B018 - it is computed when asked for


def test_arrays_come_back_as_the_same_trees() -> None:
    trees = stump()
    back = Trees.of(trees.arrays())
    rows = np.array([[1.0, 0], [5, 1], [NAN, NAN]])
    assert back.total(rows).tolist() == trees.total(rows).tolist()


def test_known_categories_are_those_of_the_rows() -> None:
    rows = np.array([[0.5, 3], [1.5, NAN], [2.5, 1]])
    assert known_categories(rows, (1,)).tolist() == [
        [False] * 4,
        [False, True, False, True],
    ]
    assert not known_categories(rows, ()).any()


# -- what scikit-learn says of the same trees -------------------------------------------------


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Keep what scikit-learn fits, by the name of its class."""
    from sklearn import ensemble

    kept: dict[str, Any] = {}
    for kind in (ensemble.HistGradientBoostingClassifier, ensemble.RandomForestClassifier):

        def fit(self: Any, X: Any, y: Any, *, fitted: Any = kind.fit) -> Any:
            kept[type(self).__name__] = self
            kept["rows"] = X
            return fitted(self, X, y)

        monkeypatch.setattr(kind, "fit", fit)
    return kept


def without(examples: Examples, *categories: float) -> Examples:
    """Return the rows that are of none of the `categories` of the second column."""
    return examples.where(~np.isin(examples.rows[:, 1], categories))


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("left_out", [(), (0.0,)])
def test_boosted_trees_add_up_to_what_scikit_learn_says(
    grown: dict[str, Any], missing: float, left_out: tuple[float, ...]
) -> None:
    learned = without(behaviour(n=500, missing=missing), *left_out)
    model = Boosting(BoostingConfig(iterations=30)).fit(learned, Options())
    theirs = grown["HistGradientBoostingClassifier"]
    assert len(model.trees.sets)
    asked = behaviour(n=300, seed=5, missing=0.2).rows
    # Theirs have the categories first, numbered without gaps.
    dense = np.where(np.isin(asked[:, 1], left_out), NAN, asked[:, 1] - len(left_out))
    rows = np.column_stack([dense, asked[:, 0], asked[:, 2:]])
    ours = model.trees.total(asked, start=model.baseline)
    assert ours.tolist() == theirs._raw_predict(rows)[:, 0].tolist()
    np.testing.assert_allclose(model.score(asked), theirs.predict_proba(rows)[:, 1], rtol=1e-14)


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_forests_say_what_scikit_learn_says(grown: dict[str, Any], missing: float) -> None:
    learned = without(behaviour(n=400, missing=missing), 2.0)
    model = Forest(ForestConfig(trees=20)).fit(learned, Options())
    asked = behaviour(n=300, seed=5, missing=missing).rows
    # Theirs have a column of zeros and ones for each category that was there.
    numbers, device = asked[:, [0, 2, 3]], asked[:, [1]]
    rows = np.concatenate([numbers, device == np.array([0.0, 1.0])], axis=1)
    theirs = grown["RandomForestClassifier"].predict_proba(rows)[:, 1]
    assert model.score(asked).tolist() == theirs.tolist()


@cache
def small_models() -> tuple[Boosting, Forest]:
    learned = behaviour(n=150)
    return (
        Boosting(BoostingConfig(iterations=10)).fit(learned, Options()),
        Forest(ForestConfig(trees=5)).fit(learned, Options()),
    )


@effort(15)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, 2.5, 1e300, -1e300, 0.1, NAN]),
            st.sampled_from([0.0, 1.0, 2.0, 3.0, 99.0, -1.0, NAN]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_row_alone_scores_what_it_scores_among_others(cells: list[tuple[float, float]]) -> None:
    rows = np.array([[pages, device, 1.0, 0.0] for pages, device in cells])
    for model in small_models():
        together = model.score(rows)
        assert together.tolist() == [float(model.score(row[None])[0]) for row in rows]
        assert ((together >= 0) & (together <= 1)).all()


def test_without_categories_there_are_no_sets() -> None:
    plain = replace(behaviour(n=200), categories={})
    for model in (Boosting(BoostingConfig(iterations=5)), Forest(ForestConfig(trees=3))):
        trees = model.fit(plain, Options()).trees
        assert not len(trees.sets)
        assert (trees.category_set == -1).all()
