"""The steps that rows of features are cleaned by: what each is told, learns and does.

A step learns from the rows of the training alone, and what it learned is arrays that are kept
with the model; applied to a row when it is scored, it does the same as it did then. Columns
are the names of the features that it changes; none: all.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeVar, get_args

import numpy as np

from personalization.ml.arrays import Doubles, Flags
from personalization.ml.base import Config, InvalidConfig
from personalization.ml.unfit import UnfitData
from personalization.registry import Registry

Learned = Mapping[str, Doubles]
Outlying = Literal["clip", "drop"]
Filling = Literal["median", "constant"]
Correcting = Literal["residual", "ratio"]
#: Below this, an expected value is nothing to divide by.
_LEAST = 1e-9


@dataclass(frozen=True, kw_only=True)
class Step(Config):
    """One step. `rows` are always its own columns, `others` those it looks at besides."""

    #: Name in `steps`, set when it is registered.
    name: ClassVar[str]
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("columns", "by"):
            if (named := getattr(self, name, None)) is not None:
                object.__setattr__(self, name, _names(name, named))

    @property
    def looks_at(self) -> tuple[str, ...]:
        """Names of the features that it looks at and leaves as they are."""
        return ()

    def told(self) -> str:
        """Return what it is told, in words: “most 3, action clip”."""
        said = {
            name: ", ".join(value) if isinstance(value, tuple) else value
            for name, value in self.written().items()
            if value != ()
        }
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in said.items())

    def without(self, names: Collection[str]) -> Step | None:
        """Return the step for rows that lack the features `names`; None: nothing is left to do."""
        columns = tuple(name for name in self.columns if name not in names)
        return replace(self, columns=columns) if columns or not self.columns else None

    @abstractmethod
    def learn(self, rows: Doubles, others: Doubles) -> Learned:
        """Return what it needs to know of `rows` (n × columns, NaN: not known)."""

    @abstractmethod
    def applied(self, rows: Doubles, others: Doubles, learned: Learned) -> Doubles:
        """Return the rows as they are after it."""

    def kept(self, rows: Doubles, learned: Learned) -> Flags | None:
        """Return which rows are learned from; None: all. When scoring, all are kept."""
        return None


def _names(field: str, named: Sequence[str]) -> tuple[str, ...]:
    if isinstance(named, str) or not all(isinstance(name, str) for name in named):
        raise InvalidConfig(f"“{field}” is {named!r}; allowed: a list of names of features.")
    return tuple(named)


S = TypeVar("S", bound=type[Step])


class _Steps(Registry[type[Step]]):
    def named(self, name: str) -> Callable[[S], S]:
        add = self.register(name)

        def with_name(step: S) -> S:
            step.name = name
            add(step)
            return step

        return with_name


#: Name → the steps that there are.
steps = _Steps("step of cleaning")


# -- outliers --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Outliers(Step):
    """Values outside of [low, high] are set to the nearer end, or their rows left out."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"action": get_args(Outlying)}
    action: Outlying = "clip"

    def applied(self, rows: Doubles, others: Doubles, learned: Learned) -> Doubles:
        if self.action == "drop":
            return rows
        clipped: Doubles = np.clip(rows, learned["low"], learned["high"])
        return clipped

    def kept(self, rows: Doubles, learned: Learned) -> Flags | None:
        if self.action == "clip":
            return None
        inside = (rows >= learned["low"]) & (rows <= learned["high"])
        return np.asarray((inside | np.isnan(rows)).all(axis=1))


@steps.named("z-score")
@dataclass(frozen=True, kw_only=True)
class ZScore(_Outliers):
    """Outliers are more than `most` standard deviations from the mean."""

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"most": (0.5, 100)}
    most: float = 4.0

    def learn(self, rows: Doubles, others: Doubles) -> Learned:
        center, spread = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
        return {"low": center - self.most * spread, "high": center + self.most * spread}


@steps.named("iqr")
@dataclass(frozen=True, kw_only=True)
class Iqr(_Outliers):
    """Outliers are more than `most` interquartile ranges outside of the quartiles.

    Where most have one value, there is no range: standard deviations stand in, or all who
    differ would be outliers. Source: Tukey, “Exploratory Data Analysis” (1977): 1.5, and 3 for
    those far out.
    """

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"most": (0.1, 100)}
    most: float = 3.0

    def learn(self, rows: Doubles, others: Doubles) -> Learned:
        lower, upper = np.nanpercentile(rows, [25, 75], axis=0)
        reach = self.most * _range(rows, lower, upper)
        return {"low": lower - reach, "high": upper + reach}


# -- scales ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Scaled(Step):
    """Values less a center, over a spread; columns without any spread become 0."""

    def applied(self, rows: Doubles, others: Doubles, learned: Learned) -> Doubles:
        scaled: Doubles = (rows - learned["center"]) / learned["spread"]
        return scaled


@steps.named("min-max")
@dataclass(frozen=True, kw_only=True)
class MinMax(_Scaled):
    """From 0 for the least value of the training to 1 for the greatest."""

    def learn(self, rows: Doubles, others: Doubles) -> Learned:
        least, most = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
        return {"center": least, "spread": _divisor(most - least)}


@steps.named("standard")
@dataclass(frozen=True, kw_only=True)
class Standard(_Scaled):
    """Less the mean, over the standard deviation."""

    def learn(self, rows: Doubles, others: Doubles) -> Learned:
        return {
            "center": np.nanmean(rows, axis=0), "spread": _divisor(np.nanstd(rows, axis=0)),
        }  # fmt: skip


@steps.named("robust")
@dataclass(frozen=True, kw_only=True)
class Robust(_Scaled):
    """Less the median, over the interquartile range: outliers have no say in it.

    Where most have one value, there is no range: the standard deviation stands in.
    """

    def learn(self, rows: Doubles, others: Doubles) -> Learned:
        lower, center, upper = np.nanpercentile(rows, [25, 50, 75], axis=0)
        return {"center": center, "spread": _divisor(_range(rows, lower, upper))}


@steps.named("log")
@dataclass(frozen=True, kw_only=True)
class Log(Step):
    """The natural logarithm of 1 + x; below 0 that of 1 − x, negative."""

    def learn(self, rows: Doubles, others: Doubles) -> Learned:
        return {}

    def applied(self, rows: Doubles, others: Doubles, learned: Learned) -> Doubles:
        return np.sign(rows) * np.log1p(np.abs(rows))


def _range(rows: Doubles, lower: Doubles, upper: Doubles) -> Doubles:
    return np.where(upper > lower, upper - lower, np.nanstd(rows, axis=0))


def _divisor(spread: Doubles) -> Doubles:
    return np.where(spread > 0, spread, 1.0)


# -- what is not known -----------------------------------------------------------------------


@steps.named("impute")
@dataclass(frozen=True, kw_only=True)
class Impute(Step):
    """What is not known becomes the median of the training, or a constant."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"by_what": get_args(Filling)}
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"constant": (-1e12, 1e12)}
    by_what: Filling = "median"
    constant: float = 0.0

    def learn(self, rows: Doubles, others: Doubles) -> Learned:
        if self.by_what == "constant":
            return {"value": np.full(rows.shape[1], float(self.constant))}
        return {"value": np.nanmedian(rows, axis=0)}

    def applied(self, rows: Doubles, others: Doubles, learned: Learned) -> Doubles:
        return np.where(np.isnan(rows), learned["value"], rows)


# -- what is due to something else -----------------------------------------------------------


@steps.named("correct")
@dataclass(frozen=True, kw_only=True)
class Correct(Step):
    """What `by` explains is taken out: long visits have more of everything, telephones less.

    Expected is the least-squares line over `by`. A residual is the value less what is
    expected of it, about the mean; a ratio is the value over what is expected.
    """

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"how": get_args(Correcting)}
    by: tuple[str, ...] = ("visit.seconds", "device.mobile", "device.tablet")
    how: Correcting = "residual"

    @property
    def looks_at(self) -> tuple[str, ...]:
        return self.by

    def without(self, names: Collection[str]) -> Step | None:
        columns = tuple(name for name in self.columns if name not in names)
        by = tuple(name for name in self.by if name not in names)
        return replace(self, columns=columns, by=by) if columns and by else None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.columns or not self.by:
            raise InvalidConfig("A correction has to name “columns” and what they depend on, “by”.")
        if both := sorted(set(self.columns) & set(self.by)):
            raise InvalidConfig(f"“{both[0]}” cannot be corrected by itself.")

    def learn(self, rows: Doubles, others: Doubles) -> Learned:
        center = np.nanmedian(others, axis=0)
        design = _design(others, center)
        lines = np.zeros((design.shape[1], rows.shape[1]))
        for column in range(rows.shape[1]):
            known = ~np.isnan(rows[:, column])
            lines[:, column] = np.linalg.lstsq(design[known], rows[known, column], rcond=None)[0]
        return {"lines": lines, "center": center, "mean": np.nanmean(rows, axis=0)}

    def applied(self, rows: Doubles, others: Doubles, learned: Learned) -> Doubles:
        expected: Doubles = _design(others, learned["center"]) @ learned["lines"]
        if self.how == "residual":
            corrected: Doubles = rows - expected + learned["mean"]
            return corrected
        # A line may go below 0 where no value does; there a ratio says nothing.
        return np.where(expected > _LEAST, rows / np.maximum(expected, _LEAST), np.nan)


def _design(others: Doubles, center: Doubles) -> Doubles:
    known = np.where(np.isnan(others), center, others)
    return np.column_stack([np.ones(len(known)), known])


def step_of(name: str, values: Mapping[str, object]) -> Step:
    """Return the step of this name, told `values`.

    :raises InvalidConfig: naming what is not allowed.
    """
    kind = steps.get(name)
    if kind is None:
        raise InvalidConfig(f"There is no step “{name}”; allowed: {', '.join(steps.names())}.")
    return kind.read(values)  # type: ignore[arg-type]


def refuse_unknown(step: Step, features: Sequence[str]) -> None:
    """Raise `UnfitData` if the step speaks of a feature that rows do not have."""
    for name in (*step.columns, *step.looks_at):
        if name not in features:
            raise UnfitData(f"The step “{step.name}” speaks of “{name}”, which is no feature here.")
