"""What is said of a model that is watched, as plain values: nothing that computes comes along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Verdict: TypeAlias = Literal["steady", "moved", "drifted", "unknown"]

#: Rows below which nothing is said.
LEAST_ROWS: Final = 200
#: The worst first.
_ORDER: Final[Sequence[Verdict]] = ("drifted", "moved", "steady")


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """How far a column, or the scores of a model, have moved. `rows` are those of now, or of then
    where there are fewer and too few."""

    name: str
    rows: int
    psi: float
    ks: float
    verdict: Verdict

    def sentence(self) -> str:
        if self.verdict == "unknown":
            return f"“{self.name}”: {self.rows} rows are too few to say, needs {LEAST_ROWS}."
        return f"“{self.name}” is {self.verdict} (PSI {self.psi:.2f}, KS {self.ks:.2f})."


@dataclass(frozen=True, kw_only=True)
class CalibrationDrift:
    """The expected calibration error then and now, and what it is by chance of so many rows."""

    rows: int
    then: float
    now: float
    by_chance: float
    verdict: Verdict


def worst(found: Sequence[ColumnDrift]) -> Verdict:
    """Return the verdict on all columns: that of the worst, and “unknown” if none has one."""
    return worst_of(each.verdict for each in found)


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of verdicts; one that is known is worse than none."""
    found = set(verdicts)
    return next((verdict for verdict in _ORDER if verdict in found), "unknown")
