"""Which paths become features."""

from __future__ import annotations

import pytest

from personalization.ml.features.definitions import definition_of, path_feature
from personalization.ml.features.paths import common_paths
from personalization.ml.unfit import UnfitData
from tests.ml.features.pasts import GAP, past
from tests.ml.sequences.people import walk

PEOPLE = [
    *[walk("/", "/shop", "Order Completed")] * 3,
    *[walk("/", "/shop", "/", "/shop", "/", "/shop")] * 2,
    walk("/shop", "Order Completed", minutes=(0, 31)),
]


def test_paths_are_those_that_most_people_took() -> None:
    assert common_paths(PEOPLE, gap=GAP, steps=(2, 3), least=2) == (
        "path:/ > /shop",
        "path:/ > /shop > Order Completed",
        "path:/shop > Order Completed",
        "path:/ > /shop > /",
        "path:/shop > /",
        "path:/shop > / > /shop",
    )


def test_there_are_so_many_and_no_more() -> None:
    assert common_paths(PEOPLE, gap=GAP, steps=(1,), least=1, most=2) == ("path:/shop", "path:/")


def test_a_path_of_few_people_is_no_feature() -> None:
    assert common_paths(PEOPLE[:3], gap=GAP) == ()
    assert common_paths([PEOPLE[0]] * 20, gap=GAP, steps=(3,)) == (
        "path:/ > /shop > Order Completed",
    )


def test_paths_that_are_too_long_are_refused() -> None:
    with pytest.raises(UnfitData, match="1 to 4 steps, not 5"):
        common_paths(PEOPLE, gap=GAP, steps=(5,))


def test_every_path_that_is_found_can_be_computed() -> None:
    for name in common_paths(PEOPLE, gap=GAP, least=1):
        assert definition_of(name).value(past()) == 0
    assert path_feature(["a", "b"]) == "path:a > b"


@pytest.mark.parametrize(("steps", "wrong"), [((0, 2), 0), ((-1,), -1), ((1, 5, 9), 5)])
def test_the_length_that_is_not_allowed_is_named(steps: tuple[int, ...], wrong: int) -> None:
    with pytest.raises(UnfitData, match=f"1 to 4 steps, not {wrong}\\."):
        common_paths(PEOPLE, gap=GAP, steps=steps)
