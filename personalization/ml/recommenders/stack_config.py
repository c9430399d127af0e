"""Which engines a stack has, and how they are weighed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from personalization.ml.base import Config, InvalidConfig, Recommender, algorithms
from personalization.ml.recommenders.content import Content
from personalization.ml.recommenders.ease import Ease
from personalization.ml.recommenders.ials import Ials
from personalization.ml.recommenders.markov import Markov
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.rp3beta import Rp3Beta
from personalization.ml.recommenders.vstan import Vstan
from personalization.types import JsonObject

#: The engine that always is there.
POPULARITY = "popularity"
_SHIPPED = (Popularity, Ease, Ials, Rp3Beta, Content, Markov, Vstan)


def _shipped() -> dict[str, JsonObject]:
    return {engine.algorithm: {} for engine in _SHIPPED}


@dataclass(frozen=True, kw_only=True)
class StackConfig(Config):
    #: Name → configuration. A name is that of an algorithm; with a colon and a word of one's
    #: own behind it there may be several of one algorithm: `popularity:hour`.
    engines: dict[str, JsonObject] = field(default_factory=_shipped)
    #: The latest part of the data, that weights are chosen by.
    share: float = 0.15
    #: Questions of that part that are asked.
    questions: int = 3_000
    #: How much items that nobody saw get of the scores of those they are like. The more, the more
    #: they are found, and the more they stand in the way of others.
    newcomers: float = 0.5
    #: Whether lists are judged without what was seen already, as they are shown by default;
    #: by itself, with it where visitors go back to what they saw.
    seen: str = "auto"

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "share": (0.01, 0.5),
        "questions": (0, 100_000),
        "newcomers": (0, 10),
    }
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "seen": ("auto", "left_out", "counted"),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        engines: object = self.engines
        if not isinstance(engines, Mapping) or POPULARITY not in engines:
            raise InvalidConfig(
                f"“engines” is {self.engines!r}; needed: engines by name, “{POPULARITY}” among them."
            )
        for name, config in self.engines.items():
            engine_of(name, config)


def engine_name(name: str) -> str:
    """Return the name of the algorithm of an engine."""
    return name.partition(":")[0]


def engine_of(name: str, config: JsonObject) -> Recommender[Any]:
    """Return an engine that has learned nothing yet.

    :raises InvalidConfig: if there is none of that name, or it cannot be configured like this.
    """
    algorithm = algorithms.get(engine_name(name))
    if (
        algorithm is None
        or not issubclass(algorithm, Recommender)
        or algorithm.algorithm == "stack"
    ):
        raise InvalidConfig(f"There is no engine “{name}”.")
    told: object = config
    if not isinstance(told, Mapping):
        raise InvalidConfig(f"“engines” has {config!r} for “{name}”; needed: a configuration.")
    try:
        return algorithm(algorithm.config_class.read(config))
    except InvalidConfig as error:
        raise InvalidConfig(f"Engine “{name}”: {error}") from error
