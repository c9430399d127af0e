"""What visitors did one thing after another, as steps: what sequences are found in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from personalization.clock import microseconds, moment
from personalization.events.models import Event
from personalization.ml.consenting import consenting
from personalization.ml.symbols import symbol_of
from personalization.ml.unfit import UnfitData
from personalization.types import Microseconds

#: People that are read at a time, and events that are fetched at a time.
_PEOPLE, _EVENTS = 200, 2000


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Steps of somebody (symbols.py) in the order they were taken, each with its instant."""

    steps: tuple[str, ...]
    at: tuple[Microseconds, ...]

    def __post_init__(self) -> None:
        if len(self.steps) != len(self.at):
            raise UnfitData(f"{len(self.steps)} steps have {len(self.at)} instants.")

    def __len__(self) -> int:
        return len(self.steps)

    def before(self, step: str) -> Walk:
        """Return what was done before the first such step; all of it if there is none."""
        n = self.steps.index(step) if step in self.steps else len(self)
        return Walk(steps=self.steps[:n], at=self.at[:n])

    def visits(self, *, gap: Microseconds) -> Iterator[Walk]:
        """Yield the parts that pauses of `gap` or more make of it."""
        first = 0
        for n in range(1, len(self) + 1):
            if n == len(self) or self.at[n] - self.at[n - 1] >= gap:
                yield Walk(steps=self.steps[first:n], at=self.at[first:n])
                first = n


def walks(*, since: Microseconds, until: Microseconds) -> Iterator[Walk]:
    """Yield what each of those who consent did since an instant and before another, whose it
    was left out (one query for 200 people). Who did nothing is left out."""
    everybody = consenting()
    for start in range(0, len(everybody), _PEOPLE):
        events = Event.objects.filter(
            identity__profile__in=everybody[start : start + _PEOPLE],
            timestamp__gte=moment(since),
            timestamp__lt=moment(until),
        )
        rows = events.order_by("identity__profile", "timestamp").values_list(
            "identity__profile_id", "type", "name", "properties", "timestamp", "message_id"
        )
        for _, of_profile in groupby(rows.iterator(chunk_size=_EVENTS), key=itemgetter(0)):
            # By their position, and where that is the same by what they are.
            taken = sorted(
                (at, message_id, symbol)
                for _, kind, name, properties, at, message_id in of_profile
                if (symbol := symbol_of(kind, name, properties))
            )
            if taken:
                yield Walk(
                    steps=tuple(symbol for _, _, symbol in taken),
                    at=tuple(microseconds(at) for at, _, _ in taken),
                )
