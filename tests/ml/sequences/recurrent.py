"""A recurrent network as a recommender: how one plugs in. It is not shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

import numpy as np

from personalization.ml.arrays import Floats
from personalization.ml.base import Arrays, Config, Options, Recommender
from personalization.ml.history import History
from personalization.ml.interactions import Dataset
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class EchoConfig(Config):
    bounds: ClassVar = {"units": (2, 500), "regularization": (1e-6, 1e6)}

    units: int = 40
    regularization: float = 1.0


class EchoState(Recommender[EchoConfig]):
    """Its weights are random, but for what is read off the state of the network: that is a
    ridge regression (Jaeger 2001, “The echo state approach”)."""

    config_class = EchoConfig

    def fit(self, dataset: Dataset, options: Options) -> EchoState:
        rows = dataset.interactions
        if not len(rows):
            raise UnfitData("There are no interactions.")
        self.items, n = rows.items, self.config.units
        rng = options.rng()
        self._enter = rng.normal(size=(len(self.items), n))
        turn = rng.normal(size=(n, n))
        self._turn = 0.9 * turn / np.abs(np.linalg.eigvals(turn)).max()
        seen, following = [np.zeros(n)], [np.zeros(len(self.items))]
        order = np.argsort(rows.visit, kind="stable")
        for _, places in groupby(order, key=lambda place: rows.visit[place]):
            visit = [int(rows.item[place]) for place in places]
            for place, state in enumerate(self._states(visit)[:-1]):
                seen.append(state)
                following.append(np.eye(len(self.items))[visit[place + 1]])
        states = np.array(seen)
        ridge = states.T @ states + self.config.regularization * np.eye(n)
        self._leave = np.linalg.solve(ridge, states.T @ np.array(following))
        return self

    def score(self, history: History) -> Floats:
        number = {key: place for place, key in enumerate(self.items)}
        visit = [number[key] for key in history.visit[-20:] if key in number]
        if not visit:
            return np.zeros(len(self.items), np.float32)
        return (self._states(visit)[-1] @ self._leave).astype(np.float32)

    def arrays(self) -> Arrays:
        return {"enter": self._enter, "turn": self._turn, "leave": self._leave}

    def facts(self) -> JsonObject:
        return {"items": list(self.items)}

    def restore(self, arrays: Arrays, facts: Mapping[str, Any]) -> None:
        self.items = tuple(facts["items"])
        self._enter, self._turn = arrays["enter"], arrays["turn"]
        self._leave = arrays["leave"]

    def _states(self, visit: Sequence[int]) -> list[np.ndarray[Any, Any]]:
        """Return the state of the network after each of the items."""
        state, states = np.zeros(self.config.units), []
        for item in visit:
            state = np.tanh(self._enter[item] + state @ self._turn)
            states.append(state)
        return states
