"""All engines as one, with weights that the site's own latest data chose.

Engines are fitted to what is earlier, asked what came next, and weighed by how often they
would have been right; then they are fitted to all. What cannot be learned from these data is
left out, with a remark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats
from personalization.ml.base import Arrays, Options, Recommender, algorithms
from personalization.ml.history import History
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.blend import Blend, blended, bucket_of
from personalization.ml.recommenders.newcomers import Newcomers
from personalization.ml.recommenders.stack_config import POPULARITY, StackConfig, engine_of
from personalization.ml.recommenders.trial import learned, weighed
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject

#: Engines that take seconds to fit, and gain by it every few minutes.
FAST = ("popularity", "markov", "vstan")


@algorithms.register("stack")
class Stack(Recommender[StackConfig]):
    config_class = StackConfig

    #: Sentences: what was left out and why, and that weights are as shipped.
    remarks: tuple[str, ...] = ()
    #: NDCG@20 of what came next in the latest part of the data, by name of the engine and of
    #: the “stack”, and the number of “questions”. Empty if weights are as shipped.
    validation: Mapping[str, float]

    _blend: Blend
    #: Lengths of history × engines, these in the order of their names.
    _weights: Floats

    def fit(self, dataset: Dataset, options: Options) -> Self:
        by = weighed(self.config, dataset, options.part(begin=0.0, end=0.5))
        useful = [name for name, each in by.weights.items() if each.any() or name == POPULARITY]
        found = learned(
            {name: self.config.engines[name] for name in useful},
            dataset,
            options.part(begin=0.5, end=1.0),
            kept={name: each for name, each in by.kept.items() if name in useful},
        )
        if POPULARITY not in found.engines:
            raise UnfitData(" ".join(found.remarks))
        self.remarks = tuple(dict.fromkeys((*by.remarks, *found.remarks)))
        self.validation = by.validation
        blend = blended(found.engines, dataset.interactions, newcomers_share=self.config.newcomers)
        self._become(blend, np.stack([by.weights[name] for name in blend.engines], axis=1))
        options.progress(1.0, "stacked")
        return self

    def refreshed(
        self, dataset: Dataset, options: Options, *, only: Collection[str] = FAST
    ) -> Stack:
        """Return a stack whose engines of the algorithms in `only` are fitted to `dataset`; all
        else is as it is: weights, and what takes long to learn.

        :raises UnfitData: if one of them cannot be learned from it.
        """
        engines = self._blend.engines
        again = {
            name: engine.config.written()
            for name, engine in engines.items()
            if engine.algorithm in only
        }
        found = learned(again, dataset, options, kept={})
        if found.remarks:
            raise UnfitData(" ".join(found.remarks))
        stack = type(self)(self.config)
        stack.remarks, stack.validation = self.remarks, self.validation
        blend = blended(
            {**engines, **found.engines},
            dataset.interactions,
            newcomers_share=self.config.newcomers,
        )
        stack._become(blend, self._weights)
        return stack

    @property
    def weights(self) -> dict[str, list[float]]:
        """The weights of each engine, one for each length of history (blend.LENGTHS)."""
        columns = zip(self._blend.engines, self._weights.T.tolist(), strict=True)
        return dict(columns)

    def score(self, history: History) -> Floats:
        return self.weighed(history, weighing=self.weighing(history))

    def weighing(self, history: History) -> int:
        return bucket_of(self._blend.n_known(history))

    def weighed(self, history: History, *, weighing: int) -> Floats:
        return self._blend.summed(history, weights=self._weights_of(weighing))

    def led_by(self, item: str, *, weighing: int = 0) -> Floats:
        return self._blend.led_by(item, weights=self._weights_of(weighing))

    def arrays(self) -> Arrays:
        arrays: dict[str, NDArray[Any]] = {"weights": self._weights}
        for key, array in self._blend.newcomers.arrays().items():
            arrays[f"newcomers/{key}"] = array
        for name, engine in self._blend.engines.items():
            for key, array in engine.arrays().items():
                arrays[f"engines/{name}/{key}"] = array
        return arrays

    def facts(self) -> JsonObject:
        return {
            "engines": {
                name: {"config": engine.config.written(), "facts": engine.facts()}
                for name, engine in self._blend.engines.items()
            },
            "validation": dict(self.validation),
            "remarks": list(self.remarks),
        }

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        told: Any = facts
        engines = {}
        for name, of in told["engines"].items():
            engines[name] = engine_of(name, of["config"])
            engines[name].restore(_under(f"engines/{name}/", arrays), of["facts"])
        self.validation = told["validation"]
        self.remarks = tuple(told["remarks"])
        newcomers = Newcomers(**_under("newcomers/", arrays))
        self._become(Blend(engines, newcomers=newcomers), arrays["weights"])

    def _become(self, blend: Blend, weights: Floats) -> None:
        self._blend = blend
        self._weights = weights
        self.items = blend.items
        #: Where nothing is known of a history.
        self._alone = np.array([name == POPULARITY for name in blend.engines], np.float32)

    def _weights_of(self, bucket: int) -> Floats:
        weights: Floats = self._alone if bucket < 0 else self._weights[bucket]
        return weights


def _under(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {
        key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)
    }
