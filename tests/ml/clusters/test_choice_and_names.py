"""How many groups there are, and what they are called: by what holds for any of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from personalization.ml.base import InvalidConfig, Options
from personalization.ml.clusters.choose import (
    Choice,
    ChoiceConfig,
    Tried,
    choose,
    chosen_of,
    remarks_on,
)
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.clusters.matching import matched, stayed
from personalization.ml.clusters.naming import NOTABLE, Difference, differences, names_of
from personalization.ml.clusters.pictures import choice_pictures
from personalization.ml.clusters.svg import (
    LOOKS,
    Scale,
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
from personalization.ml.unfit import UnfitData
from tests.effort import examples

SHARE = st.floats(0, 1)
CONFIG = ChoiceConfig()


@st.composite
def _tried(draw: st.DrawFn) -> list[Tried]:
    ks = draw(st.lists(st.integers(2, 9), min_size=1, max_size=6, unique=True))
    return [
        Tried(
            k=k, agreement=draw(SHARE), least_agreement=0.0, silhouette=draw(st.floats(-1, 1)),
            worst_silhouette=draw(st.floats(-1, 1)), davies_bouldin=1.0, scatter=1.0 / k,
            smallest=draw(st.floats(0, 0.5)),
        )
        for k in sorted(ks)
    ]  # fmt: skip


# -- how many ---------------------------------------------------------------------------------


@given(_tried())
@examples(40)
def test_one_of_those_tried_is_chosen_and_a_stable_one_if_there_is(tried: Any) -> None:
    k = chosen_of(tried, config=CONFIG)
    chosen = next(each for each in tried if each.k == k)
    if any(each.agreement >= CONFIG.stable for each in tried):
        assert chosen.agreement >= CONFIG.stable
    else:
        assert chosen.agreement == max(each.agreement for each in tried)


@given(_tried(), st.integers(0, 9))
@examples(30)
def test_as_many_as_before_are_kept_or_it_is_as_if_there_were_none(tried: Any, before: int) -> None:
    assert chosen_of(tried, config=CONFIG, before=before) in (
        before,
        chosen_of(tried, config=CONFIG),
    )


@given(_tried())
@examples(30)
def test_a_small_group_is_chosen_only_where_all_have_one(tried: Any) -> None:
    stable = [each for each in tried if each.agreement >= CONFIG.stable]
    if any(each.smallest >= CONFIG.smallest for each in stable):
        k = chosen_of(tried, config=CONFIG)
        assert next(each for each in tried if each.k == k).smallest >= CONFIG.smallest


@given(_tried(), st.randoms(use_true_random=False))
@examples(20)
def test_it_is_no_matter_which_was_tried_first(tried: Any, random: Any) -> None:
    stable = [each for each in tried if each.agreement >= CONFIG.stable]
    if not stable:  # of equally stable ones, the first
        return
    shuffled = list(tried)
    random.shuffle(shuffled)
    assert chosen_of(shuffled, config=CONFIG) == chosen_of(tried, config=CONFIG)


@given(_tried())
@examples(30)
def test_what_speaks_against_groups_is_said_of_them_and_no_others(tried: Any) -> None:
    k = chosen_of(tried, config=CONFIG)
    choice = Choice(
        k=k, tried=tuple(tried), elbow=k,
        is_stable=any(each.agreement >= CONFIG.stable for each in tried),
    )  # fmt: skip
    said = " ".join(remarks_on(choice, k=k, config=CONFIG))
    assert ("comes out again" in said) == (not choice.is_stable)
    assert ("hardly apart" in said) == (choice.chosen.worst_silhouette < 0.1)
    assert ("smallest group has" in said) == (choice.chosen.smallest < CONFIG.smallest)
    assert "Too many groups" not in said
    more = tried[-1].k
    if choice.is_stable and more > k:
        assert f"Too many groups: of {more}," in remarks_on(choice, k=more, config=CONFIG)[0]


@given(_tried())
@examples(10)
def test_pictures_of_any_choice_have_a_place_for_every_number(tried: Any) -> None:
    k = tried[0].k
    drawn = choice_pictures(Choice(k=k, tried=tuple(tried), is_stable=True, elbow=k))
    for each in drawn.values():
        assert each.count("<circle") == len(tried) + 1  # a ring around the best
        assert each.count('class="pz-chosen"') == 1
        assert "nan" not in each
        assert "inf" not in each


def made(k: int) -> KMeans:
    return KMeans(KMeansConfig(k=k, starts=1))


def test_fewer_than_the_least_cannot_be_tried() -> None:
    with pytest.raises(UnfitData, match="From 5 to 3 clusters there is none to try"):
        choose(made, np.eye(9), config=ChoiceConfig(least=5, most=3), options=Options())


@pytest.mark.parametrize("rows", [np.zeros((20, 2)), np.empty((0, 2)), np.ones((1, 2))])
def test_of_rows_that_do_not_differ_no_number_is_chosen(rows: Any) -> None:
    with pytest.raises(UnfitData, match="rows that differ are needed; there are"):
        choose(made, rows, config=ChoiceConfig(most=3, rounds=2), options=Options())


def test_who_looks_is_told_each_number_and_may_stop_it() -> None:
    class Stopped(Exception):
        pass

    heard: list[str] = []

    def look(share: float, said: str) -> None:
        heard.append(said)
        if len(heard) == 2:
            raise Stopped

    rows = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(Stopped):
        choose(made, rows, config=ChoiceConfig(most=4, rounds=2), options=Options(progress=look))
    assert heard == ["tries 2 groups", "tries 3 groups"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"least": 1}, "“least” is 1; allowed: 2 to 50"),
        ({"rounds": 2.5}, "“rounds” is 2.5; allowed: whole numbers"),
        ({"stable": 1.01}, "“stable” is 1.01; allowed: 0 to 1"),
        ({"smallest": float("nan")}, "“smallest” is nan; allowed: 0 to 0.5"),
        ({"größe": 1}, "no “größe” here; allowed: least, most"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_what_can(values: Any, says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        ChoiceConfig.read(values)


# -- what tells them apart --------------------------------------------------------------------

ROWS = arrays(
    np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(-9, 9).map(float)
)
ABC = ("größe", "年齢", "c")


@given(ROWS, st.data())
@examples(20)
def test_what_some_have_more_others_have_less(rows: Any, data: Any) -> None:
    numbers = np.array(
        data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    )
    found = differences(rows, numbers, k=3, features=ABC)
    sizes = np.bincount(numbers, minlength=3)
    for name in ABC:
        by = [next(each.by for each in group if each.feature == name) for group in found]
        assert np.dot(by, sizes) == pytest.approx(0, abs=1e-6)
    for group in found:
        assert sorted(each.feature for each in group) == sorted(ABC)
        size = [abs(each.by) for each in group]
        assert size == sorted(size, reverse=True)


@given(ROWS, st.sampled_from([0.5, 100.0]), st.integers(-20, 20))
@examples(15)
def test_neither_unit_nor_origin_is_a_difference(rows: Any, unit: float, origin: int) -> None:
    numbers = np.arange(len(rows)) % 2
    one = differences(rows, numbers, k=2, features=ABC)
    other = differences(rows * unit + origin, numbers, k=2, features=ABC)
    for group, moved in zip(one, other, strict=True):
        by = {each.feature: each.by for each in moved}
        for each in group:
            assert by[each.feature] == pytest.approx(each.by, abs=1e-6)


def test_of_everybody_nothing_is_different() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 3))
    (group,) = differences(rows, np.zeros(30, int), k=1, features=ABC)
    assert all(abs(each.by) < 1e-9 for each in group)
    assert names_of([group], labels={}) == ["like most"]


# -- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label", ["Größe", "年齢", "<b>fett</b>", "100 % sure", "%s", "%(x)s", "‮rtl"]
)
def test_a_label_stands_in_the_name_as_it_is(label: str) -> None:
    group = [Difference(feature="own.thing", by=2.0)]
    assert names_of([group], labels={"own.thing": label}) == [f"{label} high"]
    other = [Difference(feature="own.thing", by=-2.0)]
    assert names_of([other], labels={"own.thing": label}) == [f"{label} low"]


@given(st.floats(-5, 5))
@examples(20)
def test_a_name_says_high_or_low_as_it_is_and_nothing_of_what_is_small(by: float) -> None:
    (name,) = names_of([[Difference(feature="x", by=by)]], labels={})
    expected = "like most" if abs(by) < NOTABLE else f"x {'high' if by > 0 else 'low'}"
    assert name == expected


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6), st.integers(1, 4))
@examples(20)
def test_a_name_has_four_parts_at_most_and_a_number(sizes: Any, alike: int) -> None:
    group = sorted(
        (Difference(feature=f"own{n}.x", by=by) for n, by in enumerate(sizes)),
        key=lambda each: -abs(each.by),
    )
    found = names_of([group] * alike, labels={})
    assert len(set(found)) == alike
    assert all(name.count(", ") <= 3 for name in found)
    if all(abs(by) < NOTABLE for by in sizes):
        assert found == ["like most", *(f"like most {n}" for n in range(2, alike + 1))]


# -- ids --------------------------------------------------------------------------------------

PAIRS = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=40)


def test_of_two_ways_to_keep_as_many_rows_the_one_is_taken_that_keeps_more_ids() -> None:
    before, numbers = np.array([0, 1, 1, 1]), np.array([0, 0, 0, 1])
    assert matched(before, numbers, k=2, next_id=2).ids == (0, 1)
    assert matched(before, 1 - numbers, k=2, next_id=2).ids == (1, 0)


@given(PAIRS, st.permutations(range(4)))
@examples(30)
def test_whatever_new_groups_are_numbered_the_rows_have_the_same_ids(
    pairs: Any, order: Any
) -> None:
    before, numbers = (np.array(column) for column in zip(*pairs, strict=True))
    renamed = np.where(numbers < 0, -1, np.array(order)[numbers])
    found = matched(before, numbers, k=4, next_id=4)
    other = matched(before, renamed, k=4, next_id=4)
    assert found.next_id == other.next_id
    assert sorted(found.ids) == sorted(other.ids)
    kept, again = (
        int((np.array([*each.ids, -2])[where] == before).sum())
        for each, where in ((found, numbers), (other, renamed))
    )
    assert kept == again


@given(PAIRS)
@examples(30)
def test_who_is_matched_a_second_time_keeps_every_id(pairs: Any) -> None:
    before, numbers = (np.array(column) for column in zip(*pairs, strict=True))
    found = matched(before, numbers, k=4, next_id=4)
    now = np.array([*found.ids, -1])[numbers]
    again = matched(now, numbers, k=4, next_id=found.next_id)
    for number in set(numbers.tolist()) - {-1}:
        assert again.ids[number] == found.ids[number]


@given(PAIRS, st.permutations(range(4)))
@examples(20)
def test_who_stayed_is_the_same_under_other_numbers(pairs: Any, order: Any) -> None:
    before, numbers = (np.array(column) for column in zip(*pairs, strict=True))
    assert stayed(before, before).tolist() == (before >= 0).tolist()
    found = stayed(before, numbers)
    assert not found[before < 0].any()
    for old in set(before.tolist()) - {-1}:
        with_it = numbers[before == old]
        most = max(np.bincount(with_it + 1))
        assert found[before == old].sum() == most
    renamed = np.where(numbers < 0, -1, np.array(order)[numbers])
    assert stayed(before, renamed).sum() == found.sum()


# -- pictures ---------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9))
@examples(20)
def test_every_value_has_a_place_on_the_picture(values: Any) -> None:
    x, y = across(values), upwards(values)
    for value in values:
        assert 56 <= float(x.at(value)) <= 624
        assert 36 <= float(y.at(value)) <= 264
    order = sorted(values)
    places = [float(x.at(value)) for value in order]
    assert places == sorted(places)
    heights = [float(y.at(value)) for value in order]
    assert heights == sorted(heights, reverse=True)


def test_where_all_are_one_value_it_stands_in_the_middle() -> None:
    assert Scale(least=3, most=3, first=0, last=10).at(3) == "5.0"


@pytest.mark.parametrize("value", [0.0, 2.5, -3.0])
def test_a_picture_from_nought_has_nought_on_it(value: float) -> None:
    scale = upwards([value, 7.0], from_zero=True)
    assert scale.least == min(0.0, value)
    assert scale.most == 7.0


def test_what_is_written_on_pictures_is_escaped() -> None:
    odd = "<script>“ä”&'\""
    drawn = picture(
        "name", [words("1", "2", odd), dot("1", "2", kind="tried", text=odd)],
        title=odd, description=odd,
    )  # fmt: skip
    assert "<script>" not in drawn
    assert drawn.count("&lt;script&gt;“ä”&amp;&#x27;&quot;") == 5
    assert "style=" not in drawn


def test_groups_beyond_the_looks_there_are_begin_again_and_none_is_a_dot() -> None:
    assert mark("1", "2", LOOKS + 1) == mark("1", "2", 1)
    assert len({mark("1", "2", look) for look in range(LOOKS)}) == LOOKS
    assert 'class="pz-group-none"' in mark("1", "2", -1)
    assert 'aria-hidden="true"' in legend(mark("1", "2", 0))
    assert "<title>" not in dot("1", "2", kind="tried")


def test_lines_and_curves_go_where_they_are_told() -> None:
    assert line("1.0", "2.0", "3.0", "4.0", kind="axis") == (
        '<line class="pz-axis" x1="1.0" y1="2.0" x2="3.0" y2="4.0"/>'
    )
    assert 'points="1,2 3,4"' in curve([("1", "2"), ("3", "4")])
