"""Pictures are drawn to scale, read out, and safe whatever names are in them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from django.utils.safestring import SafeString
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.clusters.svg import (
    BOTTOM,
    HEIGHT,
    LEFT,
    LOOKS,
    RIGHT,
    TOP,
    WIDTH,
    across,
    curve,
    dot,
    legend,
    line,
    mark,
    picture,
    upwards,
    words,
)
from tests.effort import examples

EVIL = "</title><script>alert(1)</script>\"' & é"
values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


def parsed(part: SafeString) -> ElementTree.Element:
    return ElementTree.fromstring(part)  # noqa: S314


@given(values)
@examples(100)
def test_every_value_has_a_place_inside_of_the_edges(several: list[float]) -> None:
    x, y = across(several), upwards(several, from_zero=True)
    for value in several:
        assert LEFT <= float(x.at(value)) <= WIDTH - RIGHT
        assert TOP <= float(y.at(value)) <= HEIGHT - BOTTOM


@given(values)
@examples(50)
def test_more_is_further_right_and_higher_up(several: list[float]) -> None:
    x, y = across(several), upwards(several)
    ordered = sorted(several)
    assert [float(x.at(value)) for value in ordered] == sorted(float(x.at(v)) for v in several)
    heights = [float(y.at(value)) for value in ordered]
    assert heights == sorted(heights, reverse=True)


def test_the_least_and_the_most_are_at_the_edges() -> None:
    assert [across([2, 4]).at(value) for value in (2, 3, 4)] == ["56.0", "340.0", "624.0"]
    assert upwards([2, 4]).at(2) == f"{HEIGHT - BOTTOM:.1f}"


def test_from_zero_the_axis_begins_there() -> None:
    assert float(upwards([2, 4], from_zero=True).at(0)) == HEIGHT - BOTTOM
    assert float(upwards([2, 4], from_zero=True).at(2)) < float(upwards([2, 4]).at(2))


def test_values_that_are_all_the_same_are_in_the_middle() -> None:
    assert across([7, 7]).at(7) == "340.0"


def test_a_picture_is_read_out_by_its_title_and_description() -> None:
    found = parsed(picture("one", [], title="Groups", description="Three of them."))
    ids = {each.get("id"): each.text for each in found.iter() if each.get("id")}
    assert ids == {"one-title": "Groups", "one-desc": "Three of them."}
    assert (found.get("aria-labelledby"), found.get("role")) == ("one-title", "img")
    assert found.get("aria-describedby") == "one-desc"


@pytest.mark.parametrize(
    "part",
    [
        picture("one", [dot("1", "2", kind="dot", text=EVIL)], title=EVIL, description=EVIL),
        words("1", "2", EVIL),
        dot("1", "2", kind="dot", text=EVIL),
    ],
    ids=["picture", "words", "dot"],
)
def test_names_are_text_and_never_markup(part: SafeString) -> None:
    found = parsed(part)
    assert EVIL in "".join(found.itertext())
    assert not [each for each in found.iter() if each.tag == "script"]


def test_nothing_has_a_style_of_its_own_or_a_script() -> None:
    parts = [
        line("0", "0", "1", "1", kind="axis"), curve([("0", "0"), ("1", "1")]),
        mark("1", "1", 0), mark("1", "1", -1), dot("1", "1", kind="dot"),
    ]  # fmt: skip
    for each in parsed(picture("one", parts, title="T", description="D")).iter():
        assert not {"style", "fill", "stroke", "onclick", "href"} & set(each.attrib)


def test_each_group_has_a_look_of_its_own_until_there_are_too_many() -> None:
    looks = [mark("1", "1", look) for look in range(LOOKS)]
    assert len({parsed(each).get("d") for each in looks}) == LOOKS
    assert len({parsed(each).get("class") for each in looks}) == LOOKS
    assert mark("1", "1", LOOKS) == looks[0]
    assert mark("1", "1", -1) not in looks


def test_a_legend_is_passed_over_by_who_reads_aloud() -> None:
    found = parsed(legend(mark("8", "8", 0)))
    assert (found.get("aria-hidden"), found.get("focusable")) == ("true", "false")
    assert len(found) == 1


def test_a_dot_says_what_it_is_only_if_it_is_anything() -> None:
    assert len(parsed(dot("1", "2", kind="dot"))) == 0
    assert "".join(parsed(dot("1", "2", kind="dot", text="9 people")).itertext()) == "9 people"
