"""Conditions on features in the rule language: they mean what the feature means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import personalization.ml.features.shipped  # noqa: F401 (registers them)
from personalization.clock import span
from personalization.ml.clusters.speaking import speaker_of
from personalization.ml.features.deeds import deed_of
from personalization.ml.features.definitions import definition_of
from personalization.ml.features.past import Past
from personalization.profiles.derived import fields
from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.evaluate import evaluate
from personalization.rules.parse import check, parse
from personalization.rules.writing import rule
from tests.effort import examples
from tests.rules.world import GAP, Happening, History, facts

CATALOGUE = Catalogue(features=fields(), retention=timedelta(days=365))
HOUR, DAY = span(timedelta(hours=1)), span(timedelta(days=1))
NOW = 1_000 * DAY
EVENTS = ("Page Viewed", "Product Added", "Order Completed", "Element Clicked")
HISTORIES = st.lists(
    st.builds(
        Happening, name=st.sampled_from(EVENTS), at=st.integers(1, 40 * 24).map(lambda n: NOW - n * HOUR)
    ),
    max_size=15,
)  # fmt: skip
TIMED = (
    "events.count.7d", "pages.count.30d", "cart.adds.7d", "orders.count.3d",
    "recency.event", "recency.cart", "recency.order", "recency.first",
)  # fmt: skip


def holds(condition, history) -> bool:
    parsed = parse(rule(condition))
    assert check(parsed, CATALOGUE) == []
    return evaluate(parsed, facts(History(events=history), parsed), now=NOW).holds


def value_of(name, history) -> float:
    deeds = sorted(deed_of(each, {}) for each in History(events=history).occurrences())
    return definition_of(name).value(Past(deeds=deeds, at=NOW, gap=GAP))


@pytest.mark.parametrize("name", TIMED)
@given(history=HISTORIES, threshold=st.sampled_from([0.5, 1.0, 2.0, 3.25, 6.0, 7.0, 20.0]))
@examples(12)
def test_what_rules_ask_the_events_is_what_the_model_saw(name, history, threshold):
    speak, value = speaker_of(name, CATALOGUE), value_of(name, history)
    assert holds(speak.at_most(threshold), history) is (value <= threshold)
    assert holds(speak.above(threshold), history) is (value > threshold)
    assert holds(speak.known(), history) is (value == value)
    assert holds(speak.unknown(), history) is (value != value)


def test_what_profiles_count_is_a_feature_of_rules():
    assert speaker_of("orders.count", CATALOGUE).above(2.0) == {
        "kind": "feature", "field": "orders.count", "operator": ">", "value": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["ratio.clicks", "orders.revenue.7d", "visits.count.7d", "path:a > b", "mood"]
)
def test_what_no_rule_can_ask_for_has_no_words(name):
    assert speaker_of(name, CATALOGUE) is None


def test_no_rule_compares_texts_by_size():
    known = Catalogue(features={"persona": Field("persona", "persona", "text")})
    assert speaker_of("persona", known) is None


def test_no_rule_looks_further_back_than_events_are_kept():
    known = Catalogue(retention=timedelta(days=10))
    assert speaker_of("cart.adds.7d", known) is not None
    assert speaker_of("cart.adds.30d", known) is None
