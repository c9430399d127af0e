"""Where items of histories are in models: each item once, and one table for equal items."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Options
from personalization.ml.history import History, Step, history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.recommenders import positions as module
from personalization.ml.recommenders.blend import Blend
from personalization.ml.recommenders.markov import Markov
from personalization.ml.recommenders.positions import Positions, positions_of
from personalization.ml.recommenders.rp3beta import Rp3Beta
from personalization.ml.recommenders.vstan import Vstan
from personalization.ml.serving.engine import Engine
from tests.effort import examples

ITEMS = ("a", "b", "c", "d")
WEIGHTS = {"Buy": 5.0, "Removed": -1.0, "Seen": 0.0}
steps = st.lists(
    st.tuples(st.sampled_from([*ITEMS, "?", ""]), st.sampled_from([*WEIGHTS, "View"])), max_size=12
)


def history_with(told: Sequence[tuple[str, str]]) -> History:
    return History(steps=tuple(Step(item=item, kind=kind, at=0) for item, kind in told))


def test_known_items_of_a_history_are_found_once() -> None:
    positions = Positions(("a", "b", "c"))
    assert positions.of(history_of("c", "?", "a", "c")).tolist() == [2, 0]
    assert positions.of(history_of()).tolist() == []


def test_steps_of_a_history_weigh_what_events_weigh() -> None:
    told = [("a", "View"), ("b", "View"), ("a", "Buy"), ("b", "Removed"), ("?", "Buy")]
    rows, confidences = Positions(("a", "b")).weighted(history_with(told), weights=WEIGHTS)
    assert rows.tolist() == [0]
    assert confidences.tolist() == [6]


@given(steps)
@examples(100)
def test_items_come_in_the_order_in_which_they_first_came(told: list[tuple[str, str]]) -> None:
    known = [ITEMS.index(item) for item, _ in told if item in ITEMS]
    found = Positions(ITEMS).of(history_with(told))
    assert found.tolist() == sorted(set(known), key=known.index)
    assert found.dtype == "int32"


@given(steps)
@examples(100)
def test_what_speaks_for_an_item_and_against_it_is_added_up(told: list[tuple[str, str]]) -> None:
    sums = {
        place: sum(WEIGHTS.get(kind, 1.0) for item, kind in told if item == key)
        for place, key in enumerate(ITEMS)
    }
    rows, confidences = Positions(ITEMS).weighted(history_with(told), weights=WEIGHTS)
    found = dict(zip(rows.tolist(), confidences.tolist(), strict=True))
    assert found == {place: said for place, said in sums.items() if said > 0}


# -- one table -----------------------------------------------------------------------------


def test_equal_items_have_one_table_and_others_their_own() -> None:
    items = ("one", "two")
    first = positions_of(items)
    assert positions_of(tuple(reversed(("two", "one")))) is first
    assert positions_of(("two", "one")) is not first


def test_a_table_goes_when_the_last_model_does() -> None:
    items = ("only", "here")
    held = positions_of(items)
    assert items in module._positions
    del held
    gc.collect()
    assert items not in module._positions


def test_all_engines_of_a_model_look_items_up_in_the_same_table() -> None:
    rows = interactions_of(
        [
            (visitor, visitor, item, "Product Viewed", float("nan"), visitor * 10 + at)
            for visitor in range(8)
            for at, item in enumerate("abc" if visitor % 2 else "acb")
        ]
    )
    dataset = Dataset(interactions=rows, until=100)
    markov, rp3beta, vstan = (
        model.fit(dataset, Options()) for model in (Markov(), Rp3Beta(), Vstan())
    )
    blend = Blend({"markov": markov, "rp3beta": rp3beta, "vstan": vstan})
    table = positions_of(markov.items)
    assert {id(each.items) for each in (markov, rp3beta, vstan, blend)} == {id(table.items)}
    assert blend.number is table.number
    assert Engine(vstan)._index is table.number
