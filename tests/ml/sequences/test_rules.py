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
from personalization.ml.interactions import UnfitData
from personalization.ml.sequences.rules import SequenceRules, SequenceRulesConfig, split
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
        return np.array([json.dumps(asdict(each), sort_keys=True) for each in model.found])


def test_patterns_and_drop_outs_are_found() -> None:
    model = found_in(PEOPLE)
    assert {each.steps for each in model.patterns} == {("/", "/guide")}
    assert len(model.found) == 3


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


def test_people_are_split_without_a_rest() -> None:
    some, others = split(PEOPLE, rng=np.random.default_rng(1))
    assert (len(some), len(others)) == (238, 102)
    assert sorted([*some, *others], key=repr) == sorted(PEOPLE, key=repr)
    assert split(PEOPLE, rng=np.random.default_rng(1)) == (some, others)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="“hours” is 48; allowed: less than the 2 “days”"):
        SequenceRulesConfig(days=2, hours=48)
