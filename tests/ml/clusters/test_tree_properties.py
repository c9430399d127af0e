"""Trees and their rules by what holds for any of them, also where only the unknown are told apart."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from personalization.ml.base import InvalidConfig, Options
from personalization.ml.clusters.boxes import Bounds, boxes_of, merged, rule_of
from personalization.ml.clusters.distil import DistilConfig, distil
from personalization.ml.clusters.personas import Personas, PersonasConfig
from personalization.ml.clusters.shallow import (
    Leaf,
    Split,
    f1,
    joined,
    learned,
    says,
    simplified,
)
from personalization.ml.clusters.speaking import speaker_of
from personalization.ml.unfit import UnfitData
from personalization.rules.catalogue import Catalogue
from personalization.rules.evaluate import evaluate
from personalization.rules.parse import check, parse
from personalization.rules.state import Facts
from tests.effort import examples
from tests.ml.clusters.test_boxes import CATALOGUE, NAMES

NAN = float("nan")
#: As scikit-learn has it where the question is whether something is known at all.
THRESHOLDS = st.integers(-2, 2).map(float) | st.just(math.inf)
TREES = st.recursive(
    st.builds(Leaf, inside=st.booleans()),
    lambda parts: st.builds(
        Split,
        column=st.integers(0, 2),
        threshold=THRESHOLDS,
        low=parts,
        high=parts,
        missing=st.sampled_from(["low", "high", "out"]),
    ),
    max_leaves=8,
)
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 15), st.just(3)),
    elements=st.integers(-3, 3).map(float) | st.just(NAN),
)


def asked(rule: Any, row: Any) -> bool:
    known = {name: value for name, value in zip(NAMES, row.tolist(), strict=True) if value == value}
    return evaluate(parse(json.loads(json.dumps(rule))), Facts(features=known), now=0).holds


def questions(tree: Any) -> int:
    return 0 if isinstance(tree, Leaf) else 1 + questions(tree.low) + questions(tree.high)


# -- trees ------------------------------------------------------------------------------------


@given(TREES, ROWS)
@examples(30)
def test_a_rule_says_what_its_tree_says_also_of_who_is_only_known_or_not(
    tree: Any, rows: Any
) -> None:
    rule = rule_of(tree, lambda column: speaker_of(NAMES[column], CATALOGUE))  # type: ignore[arg-type, return-value]
    if rule is None:
        said = says(tree, rows)
        assert said.all() or not said.any()
        return
    assert check(parse(rule), CATALOGUE) == []
    assert [asked(rule, row) for row in rows] == says(tree, rows).tolist()


@given(TREES, ROWS)
@examples(30)
def test_who_is_in_a_box_is_inside_and_nobody_else(tree: Any, rows: Any) -> None:
    def is_in(box: Any, row: Any) -> bool:
        return all(
            bounds.or_unknown if math.isnan(row[column]) else bounds.above < row[column] <= bounds.most
            for column, bounds in box.items()
        )  # fmt: skip

    boxes = list(boxes_of(tree, {}))
    for some in (boxes, merged(boxes)):
        assert [any(is_in(box, row) for box in some) for row in rows] == says(tree, rows).tolist()
    assert len(merged(boxes)) <= len(boxes)


@given(TREES, ROWS)
@examples(30)
def test_questions_that_change_nothing_go_and_go_once(tree: Any, rows: Any) -> None:
    short = joined(tree)
    assert joined(short) == short
    assert questions(short) <= questions(tree)
    # Who is left out on the way of an unknown answer may be let in where nothing is asked.
    known = rows[~np.isnan(rows).any(axis=1)]
    assert says(short, known).tolist() == says(tree, known).tolist()


@given(TREES)
@examples(15)
def test_of_nobody_nothing_is_said(tree: Any) -> None:
    assert says(tree, np.empty((0, 3))).tolist() == []


@given(ROWS, st.integers(1, 4), st.data())
@examples(20)
def test_a_tree_asks_no_more_than_it_may_and_a_simpler_one_no_more_than_it(
    rows: Any, depth: int, data: Any
) -> None:
    members = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), np.bool_
    )
    tree = learned(rows, members, depth=depth, smallest=1, seed=0)

    def deep(part: Any) -> int:
        return 0 if isinstance(part, Leaf) else 1 + max(deep(part.low), deep(part.high))

    assert deep(tree) <= depth
    found = f1(says(tree, rows), members)
    for given_up in (0.0, 0.3):
        simple = simplified(tree, rows, members, least=found - given_up)
        assert questions(simple) <= questions(tree)
        assert f1(says(simple, rows), members) >= found - given_up - 1e-12


@given(ROWS, st.data())
@examples(20)
def test_as_many_questions_as_it_takes_tell_apart_all_who_differ(rows: Any, data: Any) -> None:
    known = np.unique(np.nan_to_num(rows), axis=0)
    members = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(known), max_size=len(known))), np.bool_
    )
    tree = learned(known, members, depth=20, smallest=1, seed=0)
    assert says(tree, known).tolist() == members.tolist()


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20))
@examples(20)
def test_f1_is_the_same_from_either_side_and_one_only_for_the_same(pairs: Any) -> None:
    said, members = (np.array([pair[n] for pair in pairs], np.bool_) for n in (0, 1))
    found = f1(said, members)
    assert found == f1(members, said)
    assert 0 <= found <= 1
    assert (found == 1) == (bool(said.any()) and said.tolist() == members.tolist())


@pytest.mark.parametrize(
    ("bounds", "is_empty"),
    [
        (Bounds(), False), (Bounds(above=1, most=1), True), (Bounds(above=1, most=2), False),
        (Bounds(above=math.inf), True), (Bounds(most=-math.inf), True),
    ],
)  # fmt: skip
def test_bounds_are_empty_where_nothing_lies_between(bounds: Bounds, is_empty: bool) -> None:
    assert bounds.is_empty is is_empty


# -- the best rule ----------------------------------------------------------------------------


@given(st.integers(0, 500), st.integers(0, 5))
@examples(8)
def test_figures_of_a_rule_are_those_of_who_it_holds_for(seed: int, holes: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 6, size=(60, 3)).astype(float)
    rows[rng.random((60, 3)) < holes / 20] = NAN
    members = rng.random(60) < 0.4
    try:
        found = distil(
            rows, members, features=NAMES, catalogue=CATALOGUE, config=DistilConfig(rounds=2),
            options=Options(),
        )  # fmt: skip
    except UnfitData:
        return
    holds = np.array([asked(found.rule, row) for row in rows])
    both = (holds & members).sum()
    assert found.size == holds.sum()
    assert found.precision == pytest.approx(both / holds.sum())
    assert found.recall == pytest.approx(both / members.sum())
    assert found.f1 == pytest.approx(f1(holds, members))
    for share in (found.share, found.unseen_f1, found.stability):
        assert share is not None
        assert 0 <= share <= 1


@pytest.mark.parametrize(
    ("values", "says_so"),
    [
        ({"questions": 0}, "“questions” is 0; allowed: 1 to 6"),
        ({"questions": 7}, "“questions” is 7; allowed: 1 to 6"),
        ({"smallest": 0.3}, "“smallest” is 0.3; allowed: 0 to 0.2"),
        ({"given_up": NAN}, "“given_up” is nan; allowed: 0 to 0.2"),
        ({"rounds": -1}, "“rounds” is -1; allowed: 0 to 200"),
        ({"deep": 3}, "no “deep” here; allowed: faithful, given_up"),
    ],
)
def test_what_a_rule_cannot_be_told_is_refused_with_what_it_can(values: Any, says_so: str) -> None:
    with pytest.raises(InvalidConfig, match=says_so):
        DistilConfig.read(values)


def test_where_rules_know_no_feature_none_is_written() -> None:
    with pytest.raises(UnfitData, match="No rule can ask for any of the features größe, 年齢"):
        distil(
            np.eye(4)[:, :2], np.array([True, False, False, False]), features=("größe", "年齢"),
            catalogue=Catalogue(), config=DistilConfig(), options=Options(),
        )  # fmt: skip


# -- groups of people -------------------------------------------------------------------------


def crowd(n: int = 40) -> Any:
    rng = np.random.default_rng(3)
    return np.concatenate([rng.normal(0, 0.3, (n, 2)) + 1, rng.normal(0, 0.3, (n, 2)) + 9])


def personas(rows: Any, *features: str, **config: Any) -> Personas:
    model = Personas(PersonasConfig(rounds=2, most=3, k=2, **config))
    model.features = features or ("größe", "年齢")
    return model.fit(rows, Options())


def test_who_is_as_far_out_as_can_be_is_in_a_group_all_the_same() -> None:
    model = personas(crowd())
    far = model.score(
        np.array([[np.inf, np.inf], [1e300, 1e300], [9, 9], [-np.inf, -np.inf], [1, 1]])
    )
    assert far[0] == far[1] == far[2]
    assert far[3] == far[4] != far[0]


def test_of_whom_nothing_is_known_is_like_the_median() -> None:
    rows = crowd()
    rows[:4] = NAN
    model = personas(rows)
    assert set(model.score(rows[:4]).tolist()) <= set(model.ids)
    assert len(set(model.score(rows[:4]).tolist())) == 1


def test_groups_are_named_by_features_of_any_name() -> None:
    model = personas(crowd())
    high, low = model.published(np.array([[9.0, 9.0], [1.0, 1.0]]))
    assert {high, low} == set(model.values())
    assert sorted(str(high).split(", ")) == ["größe high", "年齢 high"]
    assert sorted(str(low).split(", ")) == ["größe low", "年齢 low"]
    assert model.published(np.empty((0, 2))) == []


@pytest.mark.parametrize(
    ("rows", "says_so"),
    [
        (np.empty((0, 2)), "Never known: größe, 年齢"),
        (np.ones((5, 2)), "Of one value in all rows: größe, 年齢"),
        (np.full((5, 2), NAN), "Never known: größe, 年齢"),
        ([[1.0, np.inf], [2.0, 1.0]], "Infinite in some rows: 年齢"),
        (np.zeros((5, 3)), "3 columns for 2 features"),
        (np.zeros(5), "two dimensions"),
    ],
)
def test_rows_that_no_group_can_be_found_in_are_refused(rows: Any, says_so: str) -> None:
    with pytest.raises(UnfitData, match=says_so):
        personas(np.asarray(rows))


@pytest.mark.parametrize(
    ("values", "says_so"),
    [
        ({"clusterer": "größe"}, "“clusterer” is 'größe'; allowed: kmeans"),
        ({"k": 51}, "“k” is 51; allowed: 0 to 50"),
        ({"rounds": 1}, "“rounds” is 1; allowed: 2 to 200"),
        ({"settings": {"größe": 1}}, "no “größe” here"),
        ({"settings": {"starts": 0}}, "“starts” is 0; allowed: 1 to 100"),
    ],
)
def test_what_groups_cannot_be_told_is_refused(values: Any, says_so: str) -> None:
    with pytest.raises(InvalidConfig, match=says_so):
        Personas(PersonasConfig.read({"most": 3, **values})).fit(crowd(), Options())


def test_groups_that_follow_themselves_keep_ids_and_names() -> None:
    rows = crowd()
    first, again = personas(rows), personas(rows[::-1])
    names = dict(first.names)
    again.follow(first, before=first.score(rows), rows=rows)
    assert again.score(rows).tolist() == first.score(rows).tolist()
    assert again.names == names
    assert again.matching.next_id == first.matching.next_id


@given(ROWS, st.integers(1, 4), st.floats(0, 0.3), st.data())
@examples(20)
def test_of_columns_of_days_a_round_threshold_loses_no_more_and_is_said_in_minutes_at_most(
    rows: Any, depth: int, given_up: float, data: Any
) -> None:
    members = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), np.bool_
    )
    tree = learned(rows, members, depth=depth, smallest=1, seed=0)
    least = f1(says(tree, rows), members) - given_up
    simple = simplified(tree, rows, members, least=least, days=range(rows.shape[1]))
    assert f1(says(simple, rows), members) >= least - 1e-12
    assert questions(simple) <= questions(tree)


@given(st.floats(0.01, 400), st.floats(0.001, 20))
@examples(50)
def test_between_two_ages_a_minute_or_more_apart_lies_a_round_one(low: float, width: float) -> None:
    high = low + width
    rows = np.array([[low], [high]])
    members = np.array([True, False])
    exact = Split(column=0, threshold=low, low=Leaf(inside=True), high=Leaf(inside=False))
    simple = simplified(exact, rows, members, least=1.0, days=(0,))
    assert isinstance(simple, Split)
    minutes = simple.threshold * 1440
    assert abs(minutes - round(minutes)) < 1e-6
    if width > 1:
        assert simple.threshold % 1 == 0, "a whole day lies between"
