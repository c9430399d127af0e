"""Sequence rules as a model: kept, and tried on others."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from personalization.events.catalogue import known_events
from personalization.ml.base import InvalidConfig, Model, Options
from personalization.ml.sequences.next_step import END
from personalization.ml.sequences.rules import SequenceRules, SequenceRulesConfig, split
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk
from personalization.rules.catalogue import Catalogue
from tests.ml.contract import ModelContract
from tests.ml.sequences.people import walk
from tests.ml.sequences.test_suggest import PEOPLE

GAP = timedelta(minutes=30)
CATALOGUE = Catalogue(events=known_events())


def found_in(some: list[Walk], **config: Any) -> SequenceRules:
    model = SequenceRules(SequenceRulesConfig.read(config))
    return model.fit(some, Options(), goal="Order Completed", gap=GAP, catalogue=CATALOGUE)


class TestSequenceRules(ModelContract):
    def fitted(self, *, seed: int = 0) -> Model[Any]:
        return found_in(PEOPLE)

    def answers(self, model: Model[Any]) -> np.ndarray[Any, Any]:
        assert isinstance(model, SequenceRules)
        assert model.onward is not None
        found = [json.dumps(asdict(each), sort_keys=True) for each in model.found]
        return np.array([*found, str(model.onward.likeliest(["/shop"]))])


def test_patterns_and_drop_outs_are_found() -> None:
    model = found_in(PEOPLE)
    assert {each.steps for each in model.patterns} == {("/", "/guide")}
    assert len(model.found) == 3


def test_what_comes_next_is_counted_within_visits() -> None:
    onward = found_in(PEOPLE).onward
    assert onward is not None
    assert onward.likeliest(["Product Added"], n=1)[0][0] == END
    # An hour later somebody comes to the shop: that does not follow what was done before.
    late = [walk("/cart", "/shop", minutes=(0, 60))] * 30
    parted = found_in([*PEOPLE, *late]).onward
    assert parted is not None
    assert parted.likeliest(["/cart"], n=1)[0][0] == END


def test_of_few_visits_nothing_is_said_of_what_comes_next() -> None:
    few = [*[walk("/", "Order Completed")] * 21, *[walk("/")] * 9]
    model = found_in(few)
    assert model.onward is None
    assert "next" not in "".join(model.arrays())
    again = SequenceRules(model.config)
    again.restore(model.arrays(), model.facts())
    assert again.onward is None


def test_patterns_are_tried_on_others() -> None:
    model = found_in(PEOPLE)
    others = [
        *[walk("/", "/guide", "Order Completed")] * 2,
        *[walk("/", "/guide")] * 2,
        *[walk("/shop")] * 4,
    ]
    held = model.held(others, gap=GAP)
    assert (held.people, held.followed) == (8, 4)
    assert held.lift == pytest.approx((2 / 4) / (2 / 8))


@pytest.mark.parametrize("others", [[walk("/shop")] * 5, [walk("/", "/guide")] * 5])
def test_others_who_show_nothing_are_said(others: list[Walk]) -> None:
    with pytest.raises(UnfitData, match="Of 5 others, nobody shows"):
        found_in(PEOPLE).held(others, gap=GAP)


def test_where_nothing_leads_to_the_goal_there_is_nothing_to_try() -> None:
    model = found_in(PEOPLE)
    model.found = tuple(each for each in model.found if each.kind != "pattern")
    with pytest.raises(UnfitData, match="not at the goal yet makes it 1.5 times as likely"):
        model.held(PEOPLE, gap=GAP)


def test_people_are_split_without_a_rest() -> None:
    some, others = split(PEOPLE, rng=np.random.default_rng(1))
    assert (len(some), len(others)) == (238, 102)
    assert sorted([*some, *others], key=repr) == sorted(PEOPLE, key=repr)
    assert split(PEOPLE, rng=np.random.default_rng(1)) == (some, others)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="“hours” is 48; allowed: less than the 2 “days”"):
        SequenceRulesConfig(days=2, hours=48)
