"""A recurrent network keeps the contract of models, so one can be plugged in."""

from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.base import Options, Recommender, algorithms
from personalization.ml.history import history_of
from personalization.ml.interactions import Dataset, interactions_of
from tests.ml.contract import RecommenderContract
from tests.ml.sequences.recurrent import EchoConfig, EchoState


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algorithms, "_entries", dict(algorithms.items()))
    algorithms.register("echo_state")(EchoState)


class TestEchoState(RecommenderContract):
    def made(self) -> Recommender[EchoConfig]:
        return EchoState()


def test_a_recurrent_network_sees_the_order_of_steps() -> None:
    # What follows “b” depends on what was before it.
    visits = ["abc", "dbe"] * 40
    rows = [
        (visit, visit, item, "k", float("nan"), visit * 100 + place)
        for visit, items in enumerate(visits)
        for place, item in enumerate(items)
    ]
    model = EchoState().fit(Dataset(interactions=interactions_of(rows), until=10**6), Options())
    for before, after in (("a", "c"), ("d", "e")):
        scores = model.score(history_of(before, "b"))
        assert model.items[int(np.argmax(scores))] == after
