"""The protocol of groups reads real visits, and makes people up of whom the kind is known."""

from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.threads import one_thread
from project.benchmarks.models.clusters import COLUMNS, kept, learned, measure, visits
from project.benchmarks.models.data import MissingData
from project.benchmarks.models.planted import FEATURES, KINDS, people
from project.benchmarks.results import Effort


def test_visits_are_read_by_the_names_of_their_columns(tmp_path):
    path = tmp_path / "visits.csv"
    names = [*reversed(COLUMNS), "Revenue"]
    path.write_text(f"{','.join(names)}\n9,8,7,6,5,4,3,2,0.5,TRUE\n1,1,1,1,1,1,1,1,1,FALSE\n")
    assert visits(path).tolist() == [[0.5, 2, 3, 4, 5, 6, 7, 8, 9], [1] * 9]


def test_people_are_as_their_kind_is_and_the_same_for_the_same_seed():
    rows, truth = people(n=2000, seed=4)
    again, _ = people(n=2000, seed=4)
    np.testing.assert_array_equal(rows, again)
    assert rows.shape == (2000, len(FEATURES))
    assert (rows >= 0).all()
    assert np.bincount(truth, minlength=len(KINDS)).min() > 100
    revenue = [rows[truth == kind, FEATURES.index("orders.revenue")].mean() for kind in range(4)]
    assert max(revenue) == revenue[list(KINDS).index("big spender")]


def test_of_groups_that_are_there_all_keep_their_ids():
    rows, _ = people(n=600)
    with one_thread():
        assert kept(learned(rows, features=FEATURES, k=4), rows, seed=3) >= 0.95


@pytest.mark.slow
def test_the_goals_are_reached():
    try:
        rows = list(measure(Effort()))
    except MissingData as missing:
        pytest.skip(str(missing))
    assert {row.name for row in rows if not row.met} == set()
    assert len(rows) == 4
