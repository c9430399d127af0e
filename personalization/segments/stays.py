"""When a rule held for one profile in days that have passed: its events walked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from personalization.clock import span
from personalization.conf import settings
from personalization.profiles import features
from personalization.profiles.features import SHIPPED_WEIGHTS
from personalization.profiles.plan import Plan, plan
from personalization.profiles.state import State
from personalization.rules.derived import derived_features
from personalization.rules.evaluate import evaluate
from personalization.rules.interval import Interval
from personalization.rules.need import ANY, Counters, Late, Log
from personalization.rules.nodes import Rule
from personalization.rules.occurrence import Occurrence
from personalization.rules.state import Facts
from personalization.types import Json, Microseconds


@dataclass(frozen=True)
class Replayed:
    """A rule, and what of the events has to be read for it."""

    rule: Rule
    plan: Plan
    #: Keeps nothing of events, but knows what they add to features.
    weighing: Plan
    #: Whether it looks at traits, at features that are counted, and at the visit.
    learns: bool
    feels: bool
    visits: bool
    #: Slugs of segments that it names.
    segments: frozenset[str]

    @classmethod
    def of(cls, rule: Rule, *, weights: Mapping[str, int] = SHIPPED_WEIGHTS) -> Replayed:
        """Return what to read for a linked rule; `weights` are those of the interest score."""
        tokens = {token for leaf in rule.leaves() for token in leaf.depends_on()}
        named = {token.partition(":")[2] for token in tokens if token.startswith("feature:")}
        return cls(
            rule,
            plan(need for leaf in rule.leaves() for need in leaf.needs()),
            plan((), weights=weights),
            learns=any(token.startswith("trait:") for token in tokens),
            feels=any(derived_features.get(name) is None for name in named),
            visits="visit" in tokens,
            segments=frozenset(
                token.partition(":")[2] for token in tokens if token.startswith("segment:")
            ),
        )

    @property
    def events(self) -> frozenset[str]:
        """Names of the events to read; `ANY` among them: all. Besides, those that state traits."""
        return frozenset({ANY}) if self.feels or self.visits else self.plan.events


@dataclass(frozen=True, kw_only=True)
class Past:
    """What is known of a profile besides its events.

    `since` is when it was first seen. Consents, and traits and features that no event
    stated, are as they are today. `memberships` are those of segments kept by hand, by
    slug, in the order of time. `log` reads the events where what is kept does not tell.
    """

    since: Microseconds
    traits: Mapping[str, Json]
    features: Mapping[str, Json]
    consents: Mapping[str, Json]
    memberships: Mapping[str, Sequence[Interval]]
    log: Log


def stays(
    replayed: Replayed,
    past: Past,
    events: Iterable[Occurrence],
    *,
    start: Microseconds,
    end: Microseconds,
) -> list[Interval]:
    """Return when the rule held between `start` and `end`, in the order of time.

    `events` are all that it looks at before `end`, in the order of their instants. A stay
    that begins at `start` may have begun before; one without an end goes on at `end`.
    """
    walk = _Walk(replayed, past, max(start, past.since))
    for together in _instants(events):
        walk.come_to(together[0].at)
        walk.take(together, together[0].at)
    walk.come_to(end)
    return walk.finished()


def _instants(events: Iterable[Occurrence]) -> Iterator[list[Occurrence]]:
    """Yield the events of each instant together, in the order of their positions."""
    together: list[Occurrence] = []
    for event in events:
        if together and event.at != together[0].at:
            yield together
            together = []
        together.append(event)
        if len(together) > 1:
            together.sort(key=attrgetter("position"))
    if together:
        yield together


class _Walk:
    """Walks from event to event, and stops where time alone can change the answer."""

    def __init__(self, replayed: Replayed, past: Past, start: Microseconds) -> None:
        self.replayed, self.past, self.start = replayed, past, start
        self.counters = Counters()
        self.person = State(traits=dict(past.traits))
        self.visit: Interval | None = None
        self.n_visits = 0
        self.now = start
        self.changes: Microseconds | None = start
        self.since: Microseconds | None = None
        self.found: list[Interval] = []
        self._gap = span(settings.VISIT_GAP)

    def come_to(self, at: Microseconds) -> None:
        """Stop at every instant before `at` at which the answer can change."""
        while self.changes is not None and self.changes < at:
            self._ask(self.changes)

    def take(self, together: Sequence[Occurrence], at: Microseconds) -> None:
        """Take in the events of one instant, and ask again if they can matter."""
        changed = self.changes == at
        for occurrence in together:
            changed = self._count(occurrence) or changed
            if self.replayed.visits or self.replayed.feels:
                self._visit(at)
                changed = True
            if self.replayed.feels or (self.replayed.learns and occurrence.type == "identify"):
                self.person.apply((occurrence,), self.replayed.weighing)
                changed = True
        if changed and at >= self.start:
            self._ask(at)

    def finished(self) -> list[Interval]:
        if self.since is not None:
            self.found.append(Interval(self.since))
        return self.found

    def _ask(self, at: Microseconds) -> None:
        self.now = at
        answer = evaluate(self.replayed.rule, self._facts(at), now=at)
        self.changes = answer.changes
        if answer.holds and self.since is None:
            self.since = at
        elif not answer.holds and self.since is not None:
            self.found.append(Interval(self.since, at))
            self.since = None

    def _facts(self, at: Microseconds) -> Facts:
        past = self.past
        return Facts(
            traits=self.person.traits,
            features=self._features(),
            counters=self.counters,
            segments=_current(past.memberships, at) if past.memberships else {},
            consents=past.consents,
            visit=self.visit,
            log=self._log,
        )

    def _features(self) -> Mapping[str, Json]:
        if not self.replayed.feels:
            return self.past.features
        sums = {**self.person.sums, features.VISITS: self.n_visits}
        return {**self.past.features, **features.published(sums)}

    def _log(self, events: frozenset[str]) -> Iterable[Occurrence]:
        return (each for each in self.past.log(events) if each.at <= self.now)

    def _count(self, occurrence: Occurrence) -> bool:
        changed = False
        for need in self.replayed.plan.concerned(occurrence):
            known = self.counters.of(need)
            try:
                kept: Any = need.add(known, occurrence)
            except Late:  # two events of one position
                self.now = occurrence.at
                kept = need.fold(self._log(need.events))
            if kept is not known:
                self.counters.put(need, kept)
                changed = True
        return changed

    def _visit(self, at: Microseconds) -> None:
        if self.visit is None or self.visit.over(at):
            self.visit = Interval(at, at + self._gap)
            self.n_visits += 1
        else:
            self.visit = Interval(self.visit.start, at + self._gap)


def _current(
    memberships: Mapping[str, Sequence[Interval]], at: Microseconds
) -> dict[str, Interval]:
    """Return of each segment the membership that is not over yet."""
    found = {}
    for slug, intervals in memberships.items():
        current = next((each for each in intervals if not each.over(at)), None)
        if current is not None:
            found[slug] = current
    return found
