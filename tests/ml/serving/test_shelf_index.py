"""An index that was changed finds what one finds that was made anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.serving.shelf import ShelfItem
from personalization.ml.serving.shelf_index import Index, index_of
from tests.effort import examples

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)

placed = st.builds(
    ShelfItem,
    key=st.sampled_from([f"p{n}" for n in range(8)]),
    kind=st.sampled_from(["product", "article"]),
    category=st.sampled_from(["", "hats"]),
    tags=st.lists(st.sampled_from("xy"), max_size=3).map(tuple),
    price=st.none() | st.sampled_from([Decimal(1), Decimal("1.00"), Decimal(7)]),
    first_seen=st.none() | st.sampled_from([BEGIN, BEGIN + timedelta(days=1)]),
)
shelves = st.lists(placed, unique_by=lambda one: one.key, max_size=8)


def found(index: Index) -> object:
    """Return all that is found by it, whatever the order of what has nothing to be ordered by."""
    places = {place: sorted(keys) for place, keys in index.places.items()}
    return places, list(index.prices), list(index.dates)


@given(shelves, shelves)
@examples(150)
def test_it_is_the_same_as_made_anew(before, after):
    index = index_of(before)
    was = found(index)
    gone = [one for one in before if one not in after]
    new = [one for one in after if one not in before]
    assert found(index.changed(gone=gone, new=new)) == found(index_of(after))
    assert found(index) == was, "those who have it go on with it as it was"


@given(shelves, st.decimals(0, 9, places=2), st.decimals(0, 9, places=2))
@examples(60)
def test_what_is_found_by_price_is_what_costs_that(items, low, high):
    expected = {one.key for one in items if one.price is not None and low <= one.price <= high}
    assert set(index_of(items).priced(low, high)) == expected


def test_what_nothing_is_left_in_is_no_place():
    hat = ShelfItem(key="hat", kind="product", category="clothes")
    assert index_of([hat]).changed(gone=[hat], new=[]).places == {}
