"""Rows of features made fit to learn from, in steps that are kept with the model.

    cleaning = Cleaning([Iqr(), Log(), Impute(), Standard()])
    clean = cleaning.fit(rows, features=features)
    …
    cleaning.apply(rows)   # of somebody who is scored

`arrays` and `facts` are what the model that uses it keeps beside its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalization.ml.arrays import Doubles, Flags, Indices
from personalization.ml.base import Arrays, InvalidConfig
from personalization.ml.features.steps import Learned, Step, refuse_unknown, step_of
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject

#: How many names a sentence has before it says how many others there are.
_NAMED = 5
#: What the names of arrays begin with, so that they get along with those of a model.
PREFIX = "clean"


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Names of features that nothing can be learned from, and of those to be filled in."""

    #: Never known, of one value throughout, or infinite somewhere.
    unknown: tuple[str, ...]
    constant: tuple[str, ...]
    infinite: tuple[str, ...]
    #: Feature → share of rows in which it is not known.
    missing: Mapping[str, float]

    @property
    def unusable(self) -> tuple[str, ...]:
        return (*self.unknown, *self.constant, *self.infinite)

    def sentences(self) -> list[str]:
        """Return what is wrong, a sentence for each kind."""
        return [
            f"{what}: {_listed(names)}."
            for what, names in (
                ("Never known", self.unknown),
                ("Of one value in all rows", self.constant),
                ("Infinite in some rows", self.infinite),
                ("Not known in some rows", tuple(self.missing)),
            )
            if names
        ]


def faults(rows: Doubles, features: Sequence[str]) -> Faults:
    """Return what is wrong with the columns of `rows` (n × features)."""
    _refuse_shape(rows, features)
    gaps = np.isnan(rows)
    never = np.asarray(gaps.all(axis=0))
    infinite = np.asarray(np.isinf(rows).any(axis=0))
    least = np.where(gaps, np.inf, rows).min(axis=0, initial=np.inf)
    most = np.where(gaps, -np.inf, rows).max(axis=0, initial=-np.inf)
    constant = ~never & ~infinite & (least == most)
    share = gaps.mean(axis=0) if len(rows) else np.ones(len(features))
    return Faults(
        unknown=_chosen(features, never),
        constant=_chosen(features, constant),
        infinite=_chosen(features, infinite),
        missing={
            name: float(each)
            for name, each, all_of_it in zip(features, share, never, strict=True)
            if each > 0 and not all_of_it
        },
    )


def usable(rows: Doubles, features: Sequence[str]) -> Indices:
    """Return the columns that something can be learned from."""
    unusable = set(faults(rows, features).unusable)
    return np.array([n for n, name in enumerate(features) if name not in unusable], np.int32)


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """Rows to learn from, and which of those given they are."""

    rows: Doubles
    kept: Flags


class Cleaning:
    """Steps one after another. After `fit`, or restored, it never changes."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(steps)
        self.features: tuple[str, ...] = ()
        self._learned: tuple[Learned, ...] = ()

    @classmethod
    def read(cls, stored: object) -> Cleaning:
        """Return the steps written as `[{"step": "iqr", "most": 3}, …]`.

        :raises InvalidConfig: naming what is not allowed.
        """
        if isinstance(stored, str) or not isinstance(stored, Sequence):
            raise InvalidConfig(f"The steps of a cleaning are {stored!r}; allowed: a list of them.")
        for each in stored:
            if not isinstance(each, Mapping) or not isinstance(each.get("step"), str):
                raise InvalidConfig(
                    f"A step of a cleaning is {each!r}; allowed: an object with its name, “step”."
                )
        return cls(
            step_of(each["step"], {name: each[name] for name in each if name != "step"})
            for each in stored
        )

    def written(self) -> list[dict[str, Any]]:
        return [
            {"step": step.name}
            | {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in step.written().items()
            }
            for step in self.steps
        ]

    def sentences(self) -> list[str]:
        """Return each step in a few words: “iqr (most 3, action clip)”."""
        return [
            f"{step.name} ({told})" if (told := step.told()) else step.name for step in self.steps
        ]

    @property
    def looks_at(self) -> tuple[str, ...]:
        """Names of the features that steps look at and leave as they are."""
        return tuple(dict.fromkeys(name for step in self.steps for name in step.looks_at))

    def without(self, names: Collection[str]) -> Cleaning:
        """Return the cleaning of rows that lack some features: steps go on without them, and
        those of which nothing is left are left out."""
        return Cleaning(left for step in self.steps if (left := step.without(names)) is not None)

    def fit(self, rows: Doubles, *, features: Sequence[str]) -> Cleaned:
        """Learn from `rows` (n × features) and return them clean; n may be less then.

        :raises UnfitData: naming the features that are constant, infinite or never known, or
            a feature that a step speaks of and that there is not.
        """
        found = faults(rows, features)
        if found.unusable:
            wrong = [line for line in found.sentences() if not line.startswith("Not known in")]
            raise UnfitData("Nothing can be learned from some features. " + " ".join(wrong))
        self.features = tuple(features)
        kept: Flags = np.ones(len(rows), np.bool_)
        learned = []
        for step in self.steps:
            refuse_unknown(step, self.features)
            own, others = self._columns(step)
            self._refuse_unknown_columns(rows, step)
            knows = step.learn(rows[:, own], rows[:, others])
            if (inside := step.kept(rows[:, own], knows)) is not None:
                rows = rows[inside]
                kept[np.flatnonzero(kept)[~inside]] = False
                if not len(rows):
                    raise UnfitData(f"The step “{step.name}” leaves out every row.")
            rows = _put(rows, own, step.applied(rows[:, own], rows[:, others], knows))
            learned.append(knows)
        self._learned = tuple(learned)
        return Cleaned(rows=rows, kept=kept)

    def apply(self, rows: Doubles) -> Doubles:
        """Return `rows` (n × features) as the model knows them; none is left out.

        :raises UnfitData: if they have another number of columns.
        """
        _refuse_shape(rows, self.features)
        for step, knows in zip(self.steps, self._learned, strict=True):
            own, others = self._columns(step)
            rows = _put(rows, own, step.applied(rows[:, own], rows[:, others], knows))
        return rows

    def arrays(self) -> Arrays:
        return {
            f"{PREFIX}.{number}.{name}": array
            for number, learned in enumerate(self._learned)
            for name, array in learned.items()
        }

    def facts(self) -> JsonObject:
        return {"features": list(self.features), "steps": self.written()}

    @classmethod
    def restored(cls, arrays: Arrays, facts: Mapping[str, Any]) -> Cleaning:
        """Return the cleaning that `arrays` (others may be among them) and `facts` are of."""
        cleaning = cls.read(facts["steps"])
        cleaning.features = tuple(facts["features"])
        cleaning._learned = tuple(
            {
                name.removeprefix(start): array
                for name, array in arrays.items()
                if name.startswith(start)
            }
            for start in (f"{PREFIX}.{number}." for number in range(len(cleaning.steps)))
        )
        return cleaning

    def _refuse_unknown_columns(self, rows: Doubles, step: Step) -> None:
        """Refuse columns of which the steps before left nothing."""
        gone = _chosen(self.features, np.asarray(np.isnan(rows).all(axis=0)))
        if gone:
            raise UnfitData(f"Before the step “{step.name}”, never known: {_listed(gone)}.")

    def _columns(self, step: Step) -> tuple[list[int], list[int]]:
        place = {name: number for number, name in enumerate(self.features)}
        own = [place[name] for name in step.columns or self.features]
        return own, [place[name] for name in step.looks_at]


def _put(rows: Doubles, columns: Sequence[int], values: Doubles) -> Doubles:
    changed = rows.astype(np.float64)  # a copy, also of whole numbers
    changed[:, columns] = values
    return changed


def _refuse_shape(rows: Doubles, features: Sequence[str]) -> None:
    if rows.ndim != 2 or rows.shape[1] != len(features):
        raise UnfitData(f"Rows have the shape {rows.shape}; there are {len(features)} features.")


def _chosen(features: Sequence[str], flags: Flags) -> tuple[str, ...]:
    return tuple(name for name, chosen in zip(features, flags, strict=True) if chosen)


def _listed(names: Sequence[str]) -> str:
    others = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {others} others" if others > 0 else "")
