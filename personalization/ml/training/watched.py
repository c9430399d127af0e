"""What a look at a version found, as plain values and as the JSON that is kept with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from personalization.ml.models import ModelVersion
from personalization.ml.training.list_clicks import Clicked, Clicks
from personalization.ml.verdicts import (
    LEAST_ROWS,
    CalibrationDrift,
    ColumnDrift,
    Verdict,
    worst,
    worst_of,
)
from personalization.types import JsonObject

#: What remarks of this begin with, by which they are replaced.
MARK = "Drift: "
#: Name of the column of scores.
SCORE = "what it says"
_TOLD = 5
_MOVED: tuple[Verdict, ...] = ("moved", "drifted")


@dataclass(frozen=True, kw_only=True)
class Slow:
    """How far columns have moved `since` an instant long before the training."""

    since: datetime
    columns: Sequence[ColumnDrift]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What became of scores that were said from `since` until before `until`, and whether the
    version that is looked at said some of them itself."""

    drift: CalibrationDrift
    since: datetime
    until: datetime
    own: bool

    def sentence(self) -> str:
        said = f"from {self.since:%Y-%m-%d} to {self.until:%Y-%m-%d}"
        found = self.drift
        if found.verdict == "unknown":
            return (
                f"{found.rows} scores {said} can be judged, needs {LEAST_ROWS}; what came of later "
                "ones is not known yet."
            )
        return (
            f"its probabilities {said} were off by {found.now:.3f} on average, {found.then:.3f} "
            f"when they were trained ({found.rows} rows)."
        )


@dataclass(frozen=True, kw_only=True)
class Watched:
    """How far what a version sees and says has moved since it was trained, and since long ago."""

    version: ModelVersion
    at: datetime
    #: What it sees, the furthest first, and the scores.
    columns: Sequence[ColumnDrift] = ()
    #: None where the model is too young for it.
    slow: Slow | None = None
    #: None of what says no probabilities.
    calibration: Calibration | None = None
    #: None of what fills no lists.
    clicks: Clicks | None = None
    #: Why nothing can be said.
    problem: str = ""

    @property
    def verdict(self) -> Verdict:
        found = [worst(self.columns)]
        if self.slow is not None:
            found.append(worst(self.slow.columns))
        if self.calibration is not None:
            found.append(self.calibration.drift.verdict)
        return worst_of(found)

    @property
    def is_outgrown(self) -> bool:
        """Whether it should be trained anew: it sees something else than it learned from, or what
        it said itself did not come true. What moved slowly, or before it was trained, it knows."""
        said = self.calibration
        return worst(self.columns) == "drifted" or (
            said is not None and said.own and said.drift.verdict == "drifted"
        )

    def figures(self) -> Mapping[str, float]:
        found = {}
        if told := _known(self.columns):
            found["drift_psi"] = max(each.psi for each in told)
            found["drift_ks"] = max(each.ks for each in told)
        if self.slow is not None and (told := _known(self.slow.columns)):
            found["drift_slow_psi"] = max(each.psi for each in told)
        said = self.calibration
        if said is not None and said.drift.verdict != "unknown":
            found["drift_ece"] = said.drift.now
        return found

    def remarks(self) -> list[str]:
        """Return what is to be looked at, in sentences."""
        if self.problem:
            return [f"{MARK}{self.problem}"]
        told = [each.sentence() for each in _moved(self.columns)]
        if self.slow is not None:
            since = f"since {self.slow.since:%Y-%m-%d}"
            told += [f"{since} {each.sentence()}" for each in _moved(self.slow.columns)]
        if self.calibration is not None and self.calibration.drift.verdict in _MOVED:
            told.append(self.calibration.sentence())
        if self.clicks is not None:
            told += self.clicks.remarks()
        return [f"{MARK}{each}" for each in told]

    def written(self) -> JsonObject:
        """Return what `read` understands."""
        found = {name: value for name, value in asdict(self).items() if name != "version"}
        return {name: _plain(value) for name, value in found.items()}

    @classmethod
    def read(cls, version: ModelVersion) -> Self | None:
        """Return what was found of a version the last time; None if nobody looked, or what they
        wrote was of another shape."""
        stored = version.watched
        try:
            return cls(
                version=version,
                at=datetime.fromisoformat(stored["at"]),
                columns=_columns(stored["columns"]),
                slow=_slow(stored["slow"]),
                calibration=_calibration(stored["calibration"]),
                clicks=_clicks(stored["clicks"]),
                problem=stored["problem"],
            )
        except (KeyError, TypeError, ValueError):
            return None


def _known(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    return [each for each in columns if each.verdict != "unknown"]


def _moved(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    return [each for each in columns if each.verdict in _MOVED][:_TOLD]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _columns(stored: Any) -> tuple[ColumnDrift, ...]:
    return tuple(ColumnDrift(**each) for each in stored)


def _slow(stored: Any) -> Slow | None:
    if stored is None:
        return None
    since = datetime.fromisoformat(stored["since"])
    return Slow(since=since, columns=_columns(stored["columns"]))


def _calibration(stored: Any) -> Calibration | None:
    if stored is None:
        return None
    return Calibration(
        drift=CalibrationDrift(**stored["drift"]),
        since=datetime.fromisoformat(stored["since"]),
        until=datetime.fromisoformat(stored["until"]),
        own=stored["own"],
    )


def _clicks(stored: Any) -> Clicks | None:
    if stored is None:
        return None
    return Clicks(
        since=datetime.fromisoformat(stored["since"]),
        own=Clicked(**stored["own"]),
        popularity=Clicked(**stored["popularity"]),
        others=tuple(Clicked(**each) for each in stored["others"]),
    )
