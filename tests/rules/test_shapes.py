"""Objects that pass tests, and differ in what other tests say of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from personalization.rules.matcher import Matcher
from personalization.rules.need import ANY
from personalization.rules.reading import Reader
from personalization.rules.shapes import SOMETHING, Shapes, passes, pool_of, variants
from personalization.rules.where import Where, read_where, where_holds
from tests.effort import Tries, some_or_all
from tests.rules import oracle, strategies
from tests.rules.building import Stored, both, either, none_of, prop

wheres = strategies.groups(strategies.comparisons("prop", strategies.FIELDS), most=3)


def where(stored: Stored) -> Where:
    return read_where(Reader(stored))


def matcher(name: str, stored: Stored | None = None) -> Matcher:
    return Matcher(name, where(stored) if stored else None)


RED, LARGE = prop("color", "=", "red"), prop("size", ">", 10)


@some_or_all(80)
def test_every_shape_counts(tries: Tries) -> None:
    @tries
    @given(stored=wheres, others=st.lists(wheres, max_size=2))
    def holds(stored: Stored, others: list[Stored]) -> None:
        wanted = matcher("Page Viewed", stored)
        shapes = Shapes((wanted, *(matcher("Page Viewed", other) for other in others)))
        for shape in shapes.of(wanted):
            assert shape.name == "Page Viewed"
            assert wanted.matches(shape.properties, at=0)
            assert oracle.matches(stored, shape.properties)

    holds()


@some_or_all(80)
def test_what_some_event_passes_has_a_shape(tries: Tries) -> None:
    @tries
    @given(stored=wheres, tried=st.lists(strategies.histories(), min_size=1, max_size=3))
    def holds(stored: Any, tried: list[Any]) -> None:
        wanted = matcher("Page Viewed", stored)
        seen = [event.properties for history in tried for event in history.events]
        if any(where_holds(wanted.where, each) for each in seen):  # type: ignore[arg-type]
            assert Shapes((wanted,)).of(wanted)

    holds()


def test_shapes_differ_in_what_other_conditions_say() -> None:
    red, large = matcher("Viewed", RED), matcher("Viewed", LARGE)
    found = Shapes((red, large)).of(red)
    assert [large.matches(shape.properties, at=0) for shape in found] == [False, True]


def test_the_first_shape_says_as_little_as_possible() -> None:
    red, large = matcher("Viewed", RED), matcher("Viewed", LARGE)
    assert Shapes((red, large)).of(red)[0].properties == {"color": "red"}
    assert Shapes((matcher("Viewed"),)).of(matcher("Viewed"))[0].properties == {}


def test_conditions_of_other_events_do_not_matter() -> None:
    red, large = matcher("Viewed", RED), matcher("Added", LARGE)
    assert len(Shapes((red, large)).of(red)) == 1


def test_anything_has_a_name_that_no_condition_speaks_of() -> None:
    anything, viewed = matcher(ANY), matcher("Viewed")
    names = [shape.name for shape in Shapes((anything, viewed)).of(anything)]
    assert names == [SOMETHING, "Viewed"]


def test_a_value_is_where_it_is_wanted() -> None:
    red = matcher("Viewed", RED)
    (shape,) = Shapes((red,)).of(red, path=("price", "net"), value=12.5)
    assert shape.properties == {"color": "red", "price": {"net": 12.5}}


def test_a_value_that_the_condition_forbids_has_no_shape() -> None:
    red = matcher("Viewed", RED)
    assert Shapes((red,)).of(red, path=("color",), value="blue") == ()


def test_contradictions_have_no_shape() -> None:
    never = matcher("Viewed", both(RED, none_of(RED)))
    assert Shapes((never,)).of(never) == ()


def test_an_object_and_what_is_inside_of_it() -> None:
    stored = both(prop("address", "is set"), prop("address.city", "=", "Köln"))
    (shape,) = Shapes((matcher("Viewed", stored),)).of(matcher("Viewed", stored))
    assert shape.properties == {"address": {"city": "Köln"}}
    apart = both(prop("address", "=", "x"), prop("address.city", "=", "Köln"))
    assert Shapes(()).of(matcher("Viewed", apart)) == ()


def test_what_is_known_stays_where_it_does_no_harm() -> None:
    tests = where(either(RED, LARGE))
    base = {"size": 20, "other": 1}
    pool = pool_of([tests])
    (found,) = variants([(tests, True)], [], pool=pool, base=base, most=3)
    assert found["other"] == 1
    assert passes(tests, found)
    (denied,) = variants([(tests, False)], [], pool=pool, base=base, most=3)
    assert not passes(tests, denied)
    assert base == {"size": 20, "other": 1}
