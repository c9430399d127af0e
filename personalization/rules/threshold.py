"""Comparing a measure, such as a count or a sum, with a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import eq, ge, gt, le, lt, ne
from typing import Literal, cast

from personalization.rules.reading import Reader

CountOperator = Literal[">=", ">", "<=", "<", "=", "!="]
COUNT_OPERATORS: tuple[CountOperator, ...] = (">=", ">", "<=", "<", "=", "!=")
COMPLEMENT: Mapping[CountOperator, CountOperator] = {
    ">=": "<", "<": ">=", ">": "<=", "<=": ">", "=": "!=", "!=": "=",
}  # fmt: skip
_OPERATIONS: Mapping[CountOperator, Callable[[float, float], bool]] = {
    ">=": ge, ">": gt, "<=": le, "<": lt, "=": eq, "!=": ne,
}  # fmt: skip
#: The largest count, and so how many instants are kept of one profile at most.
MAX_COUNT = 1000


@dataclass(frozen=True, slots=True)
class Threshold:
    """An operator with the number on its right side."""

    operator: CountOperator
    value: float

    @classmethod
    def of_count(cls, reader: Reader, *, at_most: int = MAX_COUNT) -> Threshold:
        return cls(_operator(reader), reader.child("value").count(at_most=at_most))

    @classmethod
    def of_number(cls, reader: Reader, *, at_most: int) -> Threshold:
        return cls(_operator(reader), reader.child("value").number(at_most=at_most))

    def holds(self, measured: float) -> bool:
        return _OPERATIONS[self.operator](measured, self.value)

    def times(self, factor: int) -> Threshold:
        return replace(self, value=self.value * factor)

    @property
    def complement(self) -> Threshold:
        return replace(self, operator=COMPLEMENT[self.operator])

    @property
    def least(self) -> int:
        """Return how many events must be known to decide a count."""
        return int(self.value) + 1

    @property
    def sql(self) -> str:
        return "<>" if self.operator == "!=" else self.operator


def _operator(reader: Reader) -> CountOperator:
    return cast(CountOperator, reader.child("operator").choice(COUNT_OPERATORS))
