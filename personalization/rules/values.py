"""What is read of each event where values are kept: a number, a scalar, a day, or just that
it happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from personalization.rules.amount import amount
from personalization.rules.occurrence import Occurrence
from personalization.rules.scalar import scalar_key, site_day
from personalization.rules.where import value_at

#: An amount in millionths, the key of a scalar, a day, or nothing at all.
Value: TypeAlias = "int | str"


class Values(Protocol):
    """How values are read."""

    @property
    def what(self) -> str:
        """Names the values in the key of what is kept."""

    def of(self, occurrence: Occurrence) -> Value | None:
        """Return the value of an event; None: it is passed over."""


@dataclass(frozen=True)
class Moments:
    """Nothing but that it happened."""

    @property
    def what(self) -> str:
        return "moments"

    def of(self, occurrence: Occurrence) -> Value | None:
        return 0


@dataclass(frozen=True)
class Amounts:
    """The numbers at `path`, in millionths."""

    path: tuple[str, ...]

    @property
    def what(self) -> str:
        return f"amounts:{'.'.join(self.path)}"

    def of(self, occurrence: Occurrence) -> Value | None:
        return amount(value_at(self.path, occurrence.properties))


@dataclass(frozen=True)
class Scalars:
    """Keys of the scalar values at `path`."""

    path: tuple[str, ...]

    @property
    def what(self) -> str:
        return f"values:{'.'.join(self.path)}"

    def of(self, occurrence: Occurrence) -> Value | None:
        return scalar_key(value_at(self.path, occurrence.properties))


@dataclass(frozen=True)
class Days:
    """The calendar days of the events in `zone`."""

    zone: str

    @property
    def what(self) -> str:
        return f"days:{self.zone}"

    def of(self, occurrence: Occurrence) -> Value | None:
        return site_day(occurrence.at, zone=self.zone)
