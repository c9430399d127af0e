"""Names that say what distinguishes a group."""

from __future__ import annotations

import numpy as np
from django.utils.functional import lazy
from django.utils.translation import get_language, override
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.clusters import naming
from personalization.ml.clusters.naming import NOTABLE, Difference, differences, names_of
from personalization.ml.features.shipped import names as shipped
from tests.effort import examples

LABELS = {"wishlist.share": "share of wishes"}


def group(**by: float) -> list[Difference]:
    pairs = ((name.replace("__", "."), value) for name, value in by.items())
    return [Difference(feature=name, by=value) for name, value in pairs]


def name(*, taken=(), **by: float) -> str:
    return names_of([group(**by)], labels=LABELS, taken=taken)[0]


def test_the_two_largest_differences_are_said():
    assert name(orders__count=2.0, visits__count=-1.1, pages__count=0.9) == "buys often, few visits"


def test_what_hardly_differs_is_not_said():
    assert name(orders__count=-1.0, visits__count=NOTABLE - 0.01) == "rarely buys"
    assert name(orders__count=0.1) == "like most"


def test_of_features_that_say_alike_another_comes_first():
    by = {"orders__revenue": 2.0, "orders__count": 1.9, "visits__count": 0.5}
    assert name(**by) == "spends much, many visits"
    del by["visits__count"]
    assert name(**by) == "spends much, buys often"


def test_of_what_no_words_are_known_the_label_is_said():
    assert name(wishlist__share=1.0) == "share of wishes high"
    assert name(wishlist__share=-1.0, other__thing=0.9) == "share of wishes low, other.thing high"


def test_words_of_a_site_are_used(monkeypatch):
    monkeypatch.setitem(
        naming.SAID._entries, "wishlist.share", naming.Said(high="dreams", low="does not dream")
    )
    assert name(wishlist__share=1.0) == "dreams"


def test_groups_that_would_be_called_alike_are_told_apart_by_what_differs_next():
    one = group(orders__count=2.0, visits__count=1.5, recency__event=1.0)
    other = group(orders__count=1.0, visits__count=0.9, recency__event=-0.5)
    assert names_of([one, other], labels={}) == [
        "buys often, many visits, long away",
        "buys often, many visits, here lately",
    ]


def test_where_nothing_differs_next_a_number_does():
    assert names_of([group(orders__count=1.0)] * 3, labels={}) == [
        "buys often",
        "buys often 2",
        "buys often 3",
    ]


def test_a_name_that_is_taken_is_given_to_nobody_else():
    assert name(orders__count=1.0, visits__count=0.5, taken=["buys often, many visits"]) == (
        "buys often, many visits 2"
    )
    assert name(taken=["like most", "like most 2"]) == "like most 3"


FEATURES = st.lists(
    st.tuples(st.sampled_from(shipped()), st.floats(-3, 3)),
    max_size=6,
    unique_by=lambda one: one[0],
)


@given(st.lists(FEATURES, min_size=1, max_size=8), st.sets(st.sampled_from(["like most", "new"])))
@examples(40)
def test_no_two_have_one_name(groups, taken):
    said = [[Difference(feature=one, by=by) for one, by in group] for group in groups]
    found = names_of(said, labels={}, taken=taken)
    assert len({*found, *taken}) == len(found) + len(taken)
    assert all(found)


def test_words_are_those_of_the_language_it_is_trained_in(monkeypatch):
    tongue = lazy(get_language, str)()
    monkeypatch.setitem(naming.SAID._entries, "orders.count", naming.Said(high=tongue, low="?"))
    with override("de"):
        assert name(orders__count=1.0) == "de"
    with override("fr"):
        assert name(orders__count=1.0) == "fr"


def test_what_words_are_about_are_features_that_there_are():
    assert set(naming.SAID.names()) <= set(shipped())


def test_differences_are_in_standard_deviations_the_largest_first():
    rows = np.array([[0.0, 5.0, 1.0], [0.0, 5.0, 3.0], [10.0, 5.0, 2.0], [10.0, 5.0, 2.0]])
    first, second = differences(rows, np.array([0, 0, 1, 1]), k=2, features=("a", "b", "c"))
    assert [(one.feature, one.by) for one in first] == [("a", -1.0), ("b", 0.0), ("c", 0.0)]
    assert [(one.feature, one.by) for one in second][0] == ("a", 1.0)


def test_a_group_of_nobody_differs_in_nothing():
    found = differences(np.array([[1.0], [2.0]]), np.array([0, 0]), k=2, features=("a",))
    assert found[1] == [Difference(feature="a", by=0.0)]
