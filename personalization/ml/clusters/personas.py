"""Groups that people can use: found in features as they come, with ids that last and names.

What a page of a version shows is kept along: how many groups were tried, a picture of some rows,
and the rules that say the groups. None of it tells who anybody is.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from personalization.ml.arrays import Doubles, Indices
from personalization.ml.base import (
    Arrays,
    Clusterer,
    Config,
    InvalidConfig,
    Model,
    Options,
    algorithms,
)
from personalization.ml.clusters.chance import Chance, against_chance
from personalization.ml.clusters.choose import Choice, ChoiceConfig, Tried, choose, remarks_on
from personalization.ml.clusters.distil import Distilled
from personalization.ml.clusters.joining import Joined, joined
from personalization.ml.clusters.kmeans import KMeans
from personalization.ml.clusters.matching import Matching, first_ids, matched
from personalization.ml.clusters.naming import Difference, differences, names_of
from personalization.ml.clusters.pca import Pca, PcaConfig
from personalization.ml.clusters.rows import names_of as features_of
from personalization.ml.clusters.rows import shaped
from personalization.ml.clusters.stability import stability_of
from personalization.ml.features.clean import Cleaning
from personalization.ml.features.steps import Impute, Log, Standard, ZScore
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject

#: Those that are told how many groups to find; the others find as many as there are.
COUNTED = ("kmeans", "minibatch_kmeans", "hierarchical", "gmm")
#: Rows that are drawn.
DRAWN = 2000
#: What is told of a rule beside itself.
_FIGURES = ("size", "share", "precision", "recall", "f1", "unseen_f1", "stability")


#: As shipped: logarithms, four standard deviations at most, the median where nothing is known.
CLEANING: tuple[JsonObject, ...] = tuple(
    Cleaning([Log(), ZScore(), Impute(), Standard()]).written()
)


@dataclass(frozen=True, kw_only=True)
class PersonasConfig(Config):
    bounds = {"k": (0, 50), "most": (2, 50), "rounds": (2, 200), "components": (0, 50)}
    choices = {"clusterer": (*COUNTED, "dbscan", "hdbscan")}

    clusterer: str = "kmeans"
    #: What the clusterer is told, beside the number of groups.
    settings: JsonObject = field(default_factory=dict)
    #: Number of groups. 0: as many as come out again, `most` at most.
    k: int = 0
    most: int = 8
    #: Trainings on rows drawn anew, for each number that is tried.
    rounds: int = 10
    #: Principal components that groups are looked for in. 0: in the features themselves.
    components: int = 0
    #: Names of the features that people are told apart by; none: those of the shipped plan.
    features: tuple[str, ...] = ()
    #: Steps that these are cleaned by (features/clean.py), with all that they are told.
    cleaning: tuple[JsonObject, ...] = CLEANING

    def __post_init__(self) -> None:
        super().__post_init__()
        named: object = self.features
        if not isinstance(named, list | tuple) or not all(isinstance(one, str) for one in named):
            raise InvalidConfig(f"“features” is {named!r}; allowed: a list of texts.")
        object.__setattr__(self, "features", tuple(named))
        object.__setattr__(self, "cleaning", tuple(Cleaning.read(self.cleaning).written()))

    def choice(self) -> ChoiceConfig:
        return ChoiceConfig(most=max(self.most, self.k), rounds=self.rounds)


@algorithms.register("personas")
class Personas(Clusterer[PersonasConfig]):
    """Rows are features as they are computed (NaN: not known); scores are ids, which groups keep
    from one training to the next (`follow`)."""

    config_class = PersonasConfig

    def __init__(self, config: PersonasConfig | None = None) -> None:
        super().__init__(config)
        #: What features are called that no words are known of.
        self.labels: Mapping[str, str] = {}
        #: How many groups there were before, which are kept if they are as good as others.
        self.before = 0
        self.cleaning = Cleaning.read(self.config.cleaning)
        #: Features of the rows that steps look at, and nobody is told apart by.
        self.aside: tuple[str, ...] = ()
        self.reducer: Pca | None = None
        self.clusterer: Clusterer[Any] = KMeans()
        self.matching: Matching = first_ids(0)
        #: Id → name, also of groups that there are no more.
        self.names: dict[int, str] = {}
        self.choice: Choice | None = None
        #: How far trainings on rows drawn anew agree with this one (adjusted Rand index).
        self.agreement = 0.0
        #: Whether groups are more than chance, and what joining does where no number was told.
        self.chance: Chance | None = None
        self.joined: Joined | None = None
        #: Share of the rows in each group, in the order of `ids`, and what distinguishes it.
        self.shares: tuple[float, ...] = ()
        self.differences: tuple[tuple[Difference, ...], ...] = ()
        #: Id → its rule with figures, where there is one.
        self.rules: dict[int, JsonObject] = {}
        #: Some rows by their principal components (n × 2), and the group of each.
        self.points: Doubles = np.empty((0, 2))
        self.groups: Indices = np.empty(0, np.int32)

    @property
    def ids(self) -> tuple[int, ...]:
        """Return the id of each group, in the order of the clusterer's numbers."""
        return self.matching.ids

    # -- learning ---------------------------------------------------------------------------

    def fit(self, rows: Doubles, options: Options) -> Self:
        rows = shaped(rows, features=self.features)
        self.features = self.features or tuple(f"column {n + 1}" for n in range(rows.shape[1]))
        clean = self._told_apart_by(self.cleaning.fit(rows, features=self.features).rows)
        if self.config.components:
            self.reducer = Pca(PcaConfig(n=self.config.components)).fit(clean, options)
        inner = self.reducer.score(clean) if self.reducer else clean
        k = self._number_of_groups(inner, options)
        self.clusterer = self._made(k).fit(inner, options)
        numbers = self.clusterer.score(inner)
        self._doubt(inner, numbers, k, options)
        n = int(numbers.max()) + 1
        self.matching = first_ids(max(n, k))
        sizes = np.bincount(numbers[numbers >= 0], minlength=len(self.ids))
        self.shares = tuple((sizes / len(clean)).tolist())
        told = differences(clean, numbers, k=len(self.ids), features=self._grouped_by)
        self.differences = tuple(map(tuple, told))
        self.names = {}
        self._name()
        self._draw(clean, numbers, options)
        return self

    @property
    def _grouped_by(self) -> tuple[str, ...]:
        return tuple(name for name in self.features if name not in self.aside)

    def _told_apart_by(self, rows: Doubles) -> Doubles:
        """Return the columns of `rows` (n × features) that people are told apart by."""
        if not self.aside:
            return rows
        return rows[:, [self.features.index(name) for name in self._grouped_by]]

    def _number_of_groups(self, rows: Doubles, options: Options) -> int:
        """Return how many groups to look for, and note how well they come out again."""
        if self.config.clusterer not in COUNTED:
            found = stability_of(
                lambda: self._made(0), rows, rounds=self.config.rounds, options=options
            )
            self.agreement = found.mean
            return 0
        self.choice = choose(
            self._made, rows, config=self.config.choice(), options=options, before=self.before
        )
        k = self.config.k or self.choice.k
        self.agreement = self.choice.of(k).agreement
        return k

    def _doubt(self, rows: Doubles, numbers: Indices, k: int, options: Options) -> None:
        """Note what may speak against the groups, beside that they do not come out again."""
        if self.choice is None:
            self.joined = joined(rows, numbers, options=options)
            return
        if rows.shape[1] < 2:  # there is nothing that it could go with
            return
        with suppress(UnfitData):  # so few of the rows differ that hardly any are drawn
            self.chance = against_chance(lambda: self._made(k), rows, options=options)

    def _made(self, k: int) -> Clusterer[Any]:
        kind = algorithms.get(self.config.clusterer)
        if kind is None or not issubclass(kind, Clusterer):
            raise InvalidConfig(f"There is no clusterer “{self.config.clusterer}”.")
        counted = {"k": k} if self.config.clusterer in COUNTED else {}
        return kind(kind.config_class.read({**self.config.settings, **counted}))

    def _draw(self, clean: Doubles, numbers: Indices, options: Options) -> None:
        drawn = np.sort(options.rng().permutation(len(clean))[:DRAWN])
        self.points = Pca(PcaConfig(n=2)).fit(clean, options).score(clean)[drawn]
        self.groups = numbers[drawn]

    def follow(self, previous: Personas, *, before: Indices, rows: Doubles) -> None:
        """Take over ids and names of `previous`, whose score of `rows` (n × features) was
        `before`; groups that are like none of it get ids and names that none had."""
        self.matching = matched(
            before,
            self._numbers(rows),
            k=len(self.ids),
            next_id=previous.matching.next_id,
        )
        self.names = dict(previous.names)
        self._name()

    def _name(self) -> None:
        """Name the groups that have no name yet."""
        fresh = [place for place, one in enumerate(self.ids) if one not in self.names]
        said = names_of(
            [self.differences[place] for place in fresh],
            labels=self.labels,
            taken=self.names.values(),
        )
        self.names |= {self.ids[place]: name for place, name in zip(fresh, said, strict=True)}

    # -- what was learned -------------------------------------------------------------------

    def score(self, rows: Doubles) -> Indices:
        numbers = self._numbers(rows)
        ids = np.array([*self.ids, -1], np.int32)
        return ids[numbers]

    def published(self, rows: Doubles) -> list[str | None]:
        """Return what rules compare: the name of the group of each row, None for those in none."""
        return [self.names.get(one) for one in self.score(rows).tolist()]

    def values(self) -> tuple[str, ...]:
        """Return all that can be published: the names of the groups that there are."""
        return tuple(self.names[one] for one in self.ids)

    def _numbers(self, rows: Doubles) -> Indices:
        clean = self.cleaning.apply(shaped(rows, features=self.features))
        clean = self._told_apart_by(clean)
        return self.clusterer.score(self.reducer.score(clean) if self.reducer else clean)

    def remarks(self) -> tuple[str, ...]:
        """Return, in sentences, what speaks against these groups."""
        said: tuple[str, ...] = ()
        if self.choice is not None:
            said = remarks_on(self.choice, k=len(self.ids), config=self.config.choice())
        elif self.joined is not None:
            said = self.joined.remarks(self.config.choice())
        return (*said, *(self.chance.remarks() if self.chance else ()))

    def known_rules(self) -> Mapping[int, JsonObject]:
        """Return the rules of the groups that there are, by id."""
        return {one: self.rules[one] for one in self.ids if one in self.rules}

    def keep_rule(self, one: int, found: Distilled) -> None:
        """Keep the rule of the group with this id, with its figures."""
        figures = {name: getattr(found, name) for name in _FIGURES}
        self.rules[one] = {"rule": found.rule, **figures}

    # -- what is kept -----------------------------------------------------------------------

    def arrays(self) -> Arrays:
        parts = {"cluster": self.clusterer.arrays()}
        if self.reducer:
            parts["pca"] = self.reducer.arrays()
        return {
            **self.cleaning.arrays(),
            **{f"{part}.{name}": a for part, arrays in parts.items() for name, a in arrays.items()},
            "ids": np.array(self.ids, np.int32),
            "points": self.points,
            "groups": self.groups,
        }

    def facts(self) -> JsonObject:
        return {
            "features": list(self.features),
            "cleaning": self.cleaning.facts(),
            "aside": list(self.aside),
            "clusterer": _written(self.clusterer),
            "pca": _written(self.reducer) if self.reducer else None,
            "next_id": self.matching.next_id,
            "names": {str(one): name for one, name in self.names.items()},
            "choice": asdict(self.choice) if self.choice else None,
            "agreement": self.agreement,
            "chance": asdict(self.chance) if self.chance else None,
            "joined": asdict(self.joined) if self.joined else None,
            "shares": list(self.shares),
            "differences": [[asdict(each) for each in group] for group in self.differences],
            "rules": {str(one): rule for one, rule in self.rules.items()},
        }

    def restore(self, arrays: Arrays, facts: Mapping[str, Any]) -> None:
        self.features = features_of(facts)
        self.cleaning = Cleaning.restored(arrays, facts["cleaning"])
        self.aside = tuple(facts["aside"])
        self.clusterer = _restored(arrays, facts["clusterer"], part="cluster")
        self.reducer = _restored(arrays, facts["pca"], part="pca") if facts["pca"] else None
        self.matching = Matching(ids=tuple(arrays["ids"].tolist()), next_id=facts["next_id"])
        self.names = {int(one): name for one, name in facts["names"].items()}
        self.choice = _choice(facts["choice"]) if facts["choice"] else None
        self.agreement = facts["agreement"]
        self.chance = Chance(**facts["chance"]) if facts["chance"] else None
        self.joined = Joined(**facts["joined"]) if facts["joined"] else None
        self.shares = tuple(facts["shares"])
        self.differences = tuple(
            tuple(Difference(**each) for each in group) for group in facts["differences"]
        )
        self.rules = {int(one): rule for one, rule in facts["rules"].items()}
        self.points, self.groups = arrays["points"], arrays["groups"]


def _written(model: Model[Any]) -> JsonObject:
    return {
        "algorithm": model.algorithm,
        "config": model.config.written(),
        "facts": model.facts(),
    }


def _restored(arrays: Arrays, told: Mapping[str, Any], *, part: str) -> Any:
    """Return the model within, of which the arrays begin with `part`."""
    kind = algorithms.get(told["algorithm"])
    if kind is None:
        raise ValueError(f"there is no algorithm “{told['algorithm']}”")
    model = kind(kind.config_class.read(told["config"]))
    start = f"{part}."
    own = {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }
    model.restore(own, told["facts"])
    return model


def _choice(told: Mapping[str, Any]) -> Choice:
    return Choice(**{**told, "tried": tuple(Tried(**each) for each in told["tried"])})
