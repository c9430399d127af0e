"""What a rule is asked of one profile, and what it answers.

Everything here is a value. Instants are integer microseconds (see `clock`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from personalization import metrics
from personalization.rules.interval import Interval
from personalization.rules.need import Counters, Log, Need
from personalization.types import Json, Microseconds

T = TypeVar("T")


class Answer(NamedTuple):
    """Whether a rule holds, and the next instant at which time alone could change that.

    `changes` is None when no passing of time can change it. It is a lower bound
    that is never late: between now and `changes` the answer stays as it is.
    """

    holds: bool
    changes: Microseconds | None = None


def negate(answer: Answer) -> Answer:
    """Return the complement; it changes when the answer changes."""
    return Answer(not answer.holds, answer.changes)


def every(answers: Iterable[Answer]) -> Answer:
    """Combine by AND.

    While all hold, the first change can end it. While some fail, every one of
    those must change first, so the last of their changes is the bound, and one
    that never changes keeps the whole from ever holding by time alone.
    """
    holds = True
    soonest: Microseconds | None = None
    latest: Microseconds | None = None
    stays = False
    for answer in answers:
        changes = answer.changes
        if answer.holds:
            if changes is not None and (soonest is None or changes < soonest):
                soonest = changes
        else:
            holds = False
            if changes is None:
                stays = True
            elif latest is None or changes > latest:
                latest = changes
    if holds:
        return Answer(True, soonest)
    return Answer(False, None if stays else latest)


def some(answers: Iterable[Answer]) -> Answer:
    """Combine by OR: the complement of AND over the complements."""
    return negate(every(negate(answer) for answer in answers))


@dataclass(frozen=True, slots=True)
class Facts:
    """All that rules may look at of one profile.

    `counters` is what is kept of its events; `log` reads the events where that does not
    tell. `segments` holds the memberships of segments kept by hand, by slug; `consents`
    maps a purpose to True. `visit` is the newest visit, from its first event until a
    visit gap after its last. `context` describes the request, if there is one.
    """

    traits: Mapping[str, Json] = field(default_factory=dict)
    features: Mapping[str, Json] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    segments: Mapping[str, Interval] = field(default_factory=dict)
    consents: Mapping[str, Json] = field(default_factory=dict)
    visit: Interval | None = None
    context: Mapping[str, Json] = field(default_factory=dict)
    log: Log | None = None

    def kept(self, need: Need[T]) -> T:
        return self.counters.of(need)

    def read(self, need: Need[T], *, until: Microseconds | None = None) -> T:
        """Return all of what `need` is about, from the log; up to an instant if one is given."""
        assert self.log is not None, "what is kept does not tell, and there is no log to read"
        metrics.count("rules.read_log")
        whole = need.unbounded()
        return whole.fold(
            occurrence
            for occurrence in self.log(need.events)
            if until is None or occurrence.at <= until
        )

    def upcoming(self, need: Need[T], *, now: Microseconds) -> Microseconds | None:
        """Return when the next event after `now` happened that concerns `need`."""
        assert self.log is not None
        instants = (
            occurrence.at
            for occurrence in self.log(need.events)
            if occurrence.at > now and need.add(need.nothing, occurrence) != need.nothing
        )
        return min(instants, default=None)
