"""References of columns: every value counted, nobody told of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.references import reference_of, references
from personalization.ml.unfit import UnfitData
from tests.effort import examples

NAN = float("nan")


@examples(80)
@given(st.lists(st.integers(0, 30) | st.just(NAN), max_size=400))
def test_a_reference_counts_every_value_once(values: Any) -> None:
    array = np.array(values, float)
    found = reference_of(array)
    assert found.n == len(values)
    assert found.missing == np.isnan(array).sum()
    for place, cut in enumerate(found.cuts):
        assert sum(found.counts[: place + 1]) == (array <= cut).sum()
    assert found.counted(array) == found


@examples(40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=500))
def test_between_two_cuts_is_a_crowd_and_nobody_stands_out(values: Any) -> None:
    array = np.array(values)
    found = reference_of(array)
    assert all(count >= 10 for count in found.counts) or len(found.counts) == 1
    assert max(values) not in found.cuts


def test_infinite_values_are_refused() -> None:
    with pytest.raises(UnfitData, match="infinite"):
        reference_of(np.array([1, np.inf]))


def test_rows_have_a_reference_for_each_column() -> None:
    rows = np.array([[1.0, NAN], [2, 5]])
    found = references(rows, ["a", "b"])
    assert {name: (each.n, each.missing) for name, each in found.items()} == {
        "a": (2, 0), "b": (2, 1),
    }  # fmt: skip
    with pytest.raises(UnfitData, match="there are 1 columns"):
        references(rows, ["a"])


@examples(40)
@given(*[st.lists(st.floats(-200, 200) | st.just(NAN), max_size=40)] * 2)
def test_what_is_counted_in_two_parts_is_counted_together(one: Any, other: Any) -> None:
    then = reference_of(np.arange(100.0))
    parts = [then.counted(np.array(each, float)) for each in (one, other)]
    whole = then.counted(np.array([*one, *other], float))
    assert whole.counts == tuple(a + b for a, b in zip(*(p.counts for p in parts), strict=True))
    assert whole.missing == sum(part.missing for part in parts)
    assert whole.n == sum(part.n for part in parts)
