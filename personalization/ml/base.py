"""The contract of every model: a checked configuration, `fit`, `score`, and arrays to keep.

    @algorithms.register("ease")
    class Ease(Recommender[EaseConfig]):
        config_class = EaseConfig

A model is what its configuration, its arrays and its facts say, and nothing else: these are
kept (artefact.py), never the object. Whatever a recurrent network or another library learns
may be plugged in like this, as long as `score` needs no more than numpy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from personalization.exceptions import PersonalizationError
from personalization.ml.arrays import Doubles, Floats, Indices
from personalization.ml.examples import Examples
from personalization.ml.history import History, history_of
from personalization.ml.interactions import Dataset
from personalization.registry import Registry
from personalization.types import JsonObject

Arrays = Mapping[str, NDArray[Any]]


class InvalidConfig(PersonalizationError):
    """A model cannot be configured like this."""


#: Annotation of a field → the types of its values, and what these are called.
_ALLOWED: Mapping[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "whole numbers"),
    "float": ((int, float), "numbers"),
    "bool": ((bool,), "true or false"),
    "str": ((str,), "a text"),
    "JsonObject": ((Mapping,), "an object"),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a model is told before it learns. Subclasses name allowed values in `bounds`, or
    in `choices`; a value is of the type that its field is annotated with in any case."""

    #: Field → smallest and largest allowed value.
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {}
    #: Field → the texts that it may be.
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __post_init__(self) -> None:
        for name, (least, most) in self.bounds.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or not least <= value <= most:
                raise InvalidConfig(f"“{name}” is {value!r}; allowed: {least:g} to {most:g}.")
        for name, texts in self.choices.items():
            if (value := getattr(self, name)) not in texts:
                raise InvalidConfig(f"“{name}” is {value!r}; allowed: {', '.join(texts)}.")
        self._check_types()

    def _check_types(self) -> None:
        for each in fields(self):
            annotation = each.type if isinstance(each.type, str) else each.type.__name__
            kinds, said = _ALLOWED.get(annotation, ((object,), ""))
            value = getattr(self, each.name)
            # In Python True is the number 1; here it is none.
            if not isinstance(value, kinds) or (isinstance(value, bool) and int in kinds):
                raise InvalidConfig(f"“{each.name}” is {value!r}; allowed: {said}.")

    @classmethod
    def read(cls, values: JsonObject) -> Self:
        """Return the configuration with `values`, the rest as shipped.

        :raises InvalidConfig: naming a field that there is not, or a value that is not allowed.
        """
        known = {each.name for each in fields(cls)}
        if unknown := sorted(values.keys() - known):
            raise InvalidConfig(
                f"There is no “{unknown[0]}” here; allowed: {', '.join(sorted(known)) or 'none'}."
            )
        return cls(**values)

    def written(self) -> dict[str, Any]:
        return asdict(self)


def _nobody_looks(share: float, words: str) -> None:
    return None


class Checkpoints(Protocol):
    """Keeps what has been learned so far, and finds it when the same is to be learned again."""

    def find(self, model: Model[Any], dataset: Dataset, *, seed: int) -> Model[Any] | None: ...

    def keep(self, model: Model[Any], dataset: Dataset, *, seed: int, seconds: float) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a model is fitted, beside what it is: the same seed gives the same model."""

    seed: int = 0
    #: Called with the share that is done (0 to 1) and what is being done; may raise to stop.
    progress: Callable[[float, str], None] = field(default=_nobody_looks)
    #: Where parts of a model are kept that take long; None: nowhere.
    checkpoints: Checkpoints | None = None

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def part(self, *, begin: float, end: float) -> Options:
        """Return options whose progress is a part of the whole."""
        return replace(
            self, progress=lambda share, words: self.progress(begin + (end - begin) * share, words)
        )


C = TypeVar("C", bound=Config)


class Model(ABC, Generic[C]):
    """What all models share. After `fit`, or restored, it never changes."""

    #: Name in the registry, set by `algorithms.register` below.
    algorithm: ClassVar[str]
    config_class: ClassVar[type[Config]] = Config

    def __init__(self, config: C | None = None) -> None:
        self.config: C = config if config is not None else self.config_class()  # type: ignore[assignment]

    @abstractmethod
    def arrays(self) -> Arrays:
        """Return what was learned, as arrays of numbers and of texts of fixed width."""

    @abstractmethod
    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        """Become the model that `arrays` and `facts` are of."""

    def facts(self) -> JsonObject:
        """Return what was learned and is no array, as JSON."""
        return {}


class Recommender(Model[C]):
    """Scores every item for a visitor."""

    #: Keys of the items that scores are for, in their order.
    items: tuple[str, ...] = ()

    @abstractmethod
    def fit(self, dataset: Dataset, options: Options) -> Self:
        """Learn from the interactions, none of which is later than `dataset.until`.

        :raises UnfitData: naming what is missing.
        """

    @abstractmethod
    def score(self, history: History) -> Floats:
        """Return a finite number for each of `items`, the higher the better; all 0 if the
        history says nothing. Needs numpy alone, and less than a millisecond."""

    def weighing(self, history: History) -> int:
        """Return which of its ways to weigh what it knows a history is scored by; 0 where there
        is but one."""
        return 0

    def weighed(self, history: History, *, weighing: int) -> Floats:
        """Return the scores of a history by one of these ways; by its own they are `score`."""
        return self.score(history)

    def usual(self) -> Floats:
        """Return what of its scores each history gets that says anything, whatever it says."""
        return np.zeros(len(self.items), np.float32)

    def led_by(self, item: str, *, weighing: int = 0) -> Floats:
        """Return what one item in a history adds to the score of each, below 0 what it takes.

        Where scores are sums over the items of a history, that is its part of the sum."""
        scores = self.score(history_of(item))
        return scores - self.usual() if scores.any() else scores


class Predictor(Model[C]):
    """Tells how likely something is, from a row of features."""

    #: Names of the features, in the order of columns.
    features: tuple[str, ...] = ()
    #: Feature → its values, whose index the column of such a feature holds.
    categories: Mapping[str, tuple[str, ...]] = {}

    @abstractmethod
    def fit(self, examples: Examples, options: Options) -> Self:
        """Learn from rows of which it is known what came of them.

        :raises UnfitData: naming what is missing.
        """

    @abstractmethod
    def score(self, rows: Doubles) -> Doubles:
        """Return a probability for each of `rows` (n × features). Needs numpy alone."""


class Clusterer(Model[C]):
    """Tells which cluster a row of features is in."""

    features: tuple[str, ...] = ()

    @abstractmethod
    def fit(self, rows: Doubles, options: Options) -> Self:
        """Learn from `rows` (n × features)."""

    @abstractmethod
    def score(self, rows: Doubles) -> Indices:
        """Return the number of a cluster for each row, -1 for none. Needs numpy alone."""


class _Algorithms(Registry[type[Model[Any]]]):
    def register(self, name: str) -> Callable[[type[M]], type[M]]:
        add = super().register(name)

        def named(model: type[M]) -> type[M]:
            model.algorithm = name
            add(model)
            return model

        return named


M = TypeVar("M", bound=Model[Any])

#: Name → class of the models that there are.
algorithms = _Algorithms("algorithm")
