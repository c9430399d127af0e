from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from personalization.ml.examples import MOST_CATEGORIES, Examples
from personalization.ml.unfit import UnfitData


def examples(**changed: Any) -> Examples:
    given: dict[str, Any] = {
        "rows": np.array([[1.0, 0], [2, 1], [np.nan, np.nan]]),
        "labels": np.array([0.0, 1, 1]),
        "features": ("pages", "device"),
        "at": np.array([10, 20, 20]),
        "visitor": np.array([0, 1, 0], np.int32),
        "categories": {"device": ("phone", "desk")},
    }
    return Examples(**given | changed)


def test_they_tell_how_many_converted_and_which_columns_are_categories() -> None:
    assert len(examples()) == 3
    assert examples().converters == 2
    assert examples().categorical == (1,)


def test_chosen_rows_keep_what_belongs_to_them() -> None:
    chosen = examples().where(np.array([False, True, True]))
    assert chosen.at.tolist() == [20, 20]
    assert chosen.visitor.tolist() == [1, 0]
    assert chosen.labels.tolist() == [1, 1]
    assert chosen.features == ("pages", "device")
    assert chosen.rows[0].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"features": ("pages",), "categories": {}}, r"\(3, 2\); there are 1 features"),
        ({"labels": np.array([0.0, 1])}, r"differ in length: \[2, 3\]"),
        ({"labels": np.array([0.0, 2, 1])}, "label is 2; allowed: 0 and 1"),
        ({"at": np.array([20, 10, 30])}, "order of time"),
        ({"categories": {"colour": ("red",)}}, "no feature “colour”"),
        ({"categories": {"device": ("phone",)}}, "“device” has values that are no index of its 1"),
        (
            {"categories": {"device": tuple(map(str, range(MOST_CATEGORIES + 1)))}},
            "“device” has 255 categories; allowed: up to 254",
        ),
    ],
)
def test_columns_that_do_not_fit_are_refused_by_name(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(UnfitData, match=words):
        examples(**changed)


def test_there_may_be_no_rows_at_all() -> None:
    none = examples().where(np.zeros(3, bool))
    assert len(none) == 0
    assert none.converters == 0
