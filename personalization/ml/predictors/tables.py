"""From what is known of somebody to the row that a predictor was fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar, cast

import numpy as np

from personalization.exceptions import PersonalizationError
from personalization.ml.arrays import Doubles
from personalization.ml.base import Arrays, Config, Predictor
from personalization.ml.examples import Examples
from personalization.ml.unfit import UnfitData
from personalization.types import Json, JsonObject

C = TypeVar("C", bound=Config)


class WrongRows(PersonalizationError):
    """These rows are not what the model was fitted to."""


class _Told(TypedDict):
    features: list[str]
    categories: dict[str, list[str]]


class TablePredictor(Predictor[C]):
    """A predictor that knows the names of its columns, and which of them hold categories."""

    def facts(self) -> JsonObject:
        return {
            "features": list(self.features),
            "categories": {name: list(values) for name, values in self.categories.items()},
        }

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        told = cast(_Told, facts)
        self.features = tuple(told["features"])
        self.categories = {name: tuple(values) for name, values in told["categories"].items()}

    def _learns_of(self, examples: Examples) -> None:
        """Remember the columns.

        :raises UnfitData: if there are no two kinds of rows to tell apart.
        """
        if not 0 < examples.converters < len(examples):
            raise UnfitData(
                f"Telling who converts needs both kinds of rows; {examples.converters} of"
                f" {len(examples)} converted."
            )
        if not examples.features:
            raise UnfitData("There is no feature to learn from.")
        if np.isinf(examples.rows).any():
            name = examples.features[int(np.isinf(examples.rows).any(axis=0).argmax())]
            raise UnfitData(f"“{name}” has infinite values.")
        self.features = examples.features
        self.categories = dict(examples.categories)

    def _fitting(self, rows: Doubles) -> Doubles:
        """Return the rows as doubles; infinite numbers are as good as missing.

        :raises WrongRows: if they have other columns.
        """
        if rows.ndim != 2 or rows.shape[1] != len(self.features):
            raise WrongRows(
                f"Rows have the shape {rows.shape}; {self.algorithm} was fitted to"
                f" {len(self.features)} features."
            )
        rows = np.asarray(rows, np.float64)
        return np.where(np.isinf(rows), np.nan, rows) if np.isinf(rows).any() else rows


def row_of(model: Predictor[Any], values: Mapping[str, Json]) -> Doubles:
    """Return the row (1 × features) that `model` is asked about somebody with these `values`.

    What is not known, is of another type or a category of which nothing was learned, is NaN.
    """
    return np.array([[_cell(model, name, values.get(name)) for name in model.features]])


def _cell(model: Predictor[Any], name: str, value: Json) -> float:
    if (known := model.categories.get(name)) is not None:
        text = value if isinstance(value, str) else _number_as_text(value)
        return float(known.index(text)) if text in known else float("nan")
    return float(value) if isinstance(value, int | float) else float("nan")


def _number_as_text(value: Json) -> str:
    """Return a number or truth as categories name it: 3, 2.5, true."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, int | float) else ""
