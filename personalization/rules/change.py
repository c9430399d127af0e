"""What could happen to a visitor, as a value: events, and what is known of them.

Applied to facts, it gives the facts afterwards, so that a rule can be asked what it would
answer then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from personalization.clock import span
from personalization.conf import settings
from personalization.rules.interval import Interval
from personalization.rules.need import ANY, AnyNeed, Counters, Late, Log
from personalization.rules.occurrence import Occurrence
from personalization.rules.state import Facts
from personalization.types import Json, JsonObject, Microseconds

NO_FACTS = Facts(log=lambda events: ())


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens, and the instant `at` up to which nothing else does.

    `traits`, `features` and `context` hold the keys that become something else (None: not
    known any more); `consents` says of a purpose whether it is agreed to, `memberships` of
    a segment kept by hand whether the visitor is in it from now on.
    """

    at: Microseconds
    occurrences: tuple[Occurrence, ...] = ()
    traits: Mapping[str, Json] = field(default_factory=dict)
    features: Mapping[str, Json] = field(default_factory=dict)
    consents: Mapping[str, bool] = field(default_factory=dict)
    memberships: Mapping[str, bool] = field(default_factory=dict)
    context: Mapping[str, Json] = field(default_factory=dict)

    def then(self, later: Change) -> Change:
        """Return both, one after the other."""
        return Change(
            at=max(self.at, later.at),
            occurrences=(*self.occurrences, *later.occurrences),
            traits={**self.traits, **later.traits},
            features={**self.features, **later.features},
            consents={**self.consents, **later.consents},
            memberships={**self.memberships, **later.memberships},
            context={**self.context, **later.context},
        )

    def numbered(self, first: int) -> Change:
        """Return it with message ids that count on from `first`."""
        return replace(
            self,
            occurrences=tuple(
                # "~" sorts behind whatever ids of real messages begin with.
                Occurrence(each.type, each.name, each.properties, each.at, f"~{n:06}")
                for n, each in enumerate(self.occurrences, first)
            ),
        )

    def shifted(self, by: Microseconds) -> Change:
        """Return it at other instants."""
        return replace(
            self,
            at=self.at + by,
            occurrences=tuple(
                Occurrence(one.type, one.name, one.properties, one.at + by, one.message_id)
                for one in self.occurrences
            ),
        )

    def as_json(self) -> JsonObject:
        """Return it for machines; instants are microseconds since the epoch."""
        events: list[Json] = [
            {"event": one.name, "at": one.at, "properties": dict(one.properties)}
            for one in self.occurrences
        ]
        return {
            "at": self.at,
            "events": events,
            "traits": dict(self.traits),
            "features": dict(self.features),
            "consents": dict(self.consents),
            "memberships": dict(self.memberships),
            "context": dict(self.context),
        }


def happening(name: str, properties: Mapping[str, Json], *, at: Microseconds) -> Occurrence:
    """Return an event that has no message id yet."""
    return Occurrence("track", name, properties, at, "")


def joined(needs: Iterable[AnyNeed]) -> tuple[AnyNeed, ...]:
    """Return the needs, those with equal keys as one."""
    found: dict[str, AnyNeed] = {}
    for need in needs:
        known = found.get(need.key)
        found[need.key] = need if known is None else known.union(need)
    return tuple(found.values())


def applied(change: Change, facts: Facts, *, needs: Iterable[AnyNeed]) -> Facts:
    """Return `facts` after `change`, with what `needs` keep of the events."""
    log = _log(facts.log, change.occurrences) if change.occurrences else facts.log
    return Facts(
        traits=_put(facts.traits, change.traits),
        features=_put(facts.features, change.features),
        counters=_counted(facts, change.occurrences, needs, log),
        segments={**facts.segments, **_joined(facts, change)},
        consents={
            **{key: value for key, value in facts.consents.items() if key not in change.consents},
            **{key: True for key, agreed in change.consents.items() if agreed},
        },
        visit=_visit(facts.visit, change.occurrences),
        context=_put(facts.context, change.context),
        log=log,
    )


def _put(known: Mapping[str, Json], changed: Mapping[str, Json]) -> Mapping[str, Json]:
    return {**known, **changed} if changed else known


def _joined(facts: Facts, change: Change) -> dict[str, Interval]:
    """Return the memberships by hand that change: from, or until, the instant before `at`."""
    found: dict[str, Interval] = {}
    for slug, inside in change.memberships.items():
        known = facts.segments.get(slug)
        if inside:
            found[slug] = Interval(change.at)
        elif known is not None:
            found[slug] = Interval(min(known.start, change.at), change.at)
    return found


def _log(log: Log | None, added: Sequence[Occurrence]) -> Log | None:
    if log is None:
        return None

    def read(events: frozenset[str]) -> Iterable[Occurrence]:
        more = [each for each in added if ANY in events or each.name in events]
        return sorted([*log(events), *more], key=attrgetter("position"))

    return read


def _counted(
    facts: Facts, added: Sequence[Occurrence], needs: Iterable[AnyNeed], log: Log | None
) -> Counters:
    if not added:
        return facts.counters
    counters = Counters()
    for need in needs:
        counters.put(need, _fold(need, facts.kept(need), added, log))
    return counters


def _fold(need: AnyNeed, kept: Any, added: Sequence[Occurrence], log: Log | None) -> Any:
    for occurrence in added:
        if ANY not in need.events and occurrence.name not in need.events:
            continue
        try:
            kept = need.add(kept, occurrence)
        except Late:
            assert log is not None, "an event comes before others, and there is no log to read"
            return need.fold(log(need.events))
    return kept


def _visit(visit: Interval | None, added: Sequence[Occurrence]) -> Interval | None:
    if not added:
        return visit
    gap = span(settings.VISIT_GAP)
    for occurrence in added:
        if visit is None or visit.over(occurrence.at):
            visit = Interval(occurrence.at, occurrence.at + gap)
        else:
            assert visit.end is not None
            visit = Interval(visit.start, max(visit.end, occurrence.at + gap))
    return visit
