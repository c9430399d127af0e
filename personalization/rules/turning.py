"""The search for what turns the answer of a rule: repairs of leaves, put together and tried.

Best first: from a visitor who does not answer as wanted, the tree says which leaves have to
turn (all that fail in an AND, any one in an OR, the other way round under a NOT), each leaf
says how, and the visitor afterwards is asked again. What one repair breaks, the next round
sees. Nothing is found that was not tried, and the number of questions is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count, islice
from typing import NamedTuple, TypeAlias

from personalization.rules.catalogue import Catalogue
from personalization.rules.change import Change, applied, joined
from personalization.rules.evaluate import answer_group
from personalization.rules.groups import Group
from personalization.rules.need import AnyNeed
from personalization.rules.nodes import Leaf, Rule, RuleGroup
from personalization.rules.repair import Budget, Exhausted, Known, Repair, Situation
from personalization.rules.shapes import Shapes, pool_of
from personalization.rules.state import Facts
from personalization.rules.where import FieldTest
from personalization.types import Microseconds

#: Ways through the tree that are followed from one visitor, and repairs of one leaf.
BREADTH = 6
#: What is broken again and again stays broken.
MAX_REPAIRS = 60
#: Of ways longer than this, not every part is varied, and none is tried alone.
_SHORT = 6
#: Offers of leaves keep so long, in µs: events made up one after the other take no longer.
_A_MOMENT = 60_000_000
SPACES = ("traits", "features", "context")

Literal: TypeAlias = tuple[Leaf, bool]
Way: TypeAlias = tuple[Literal, ...]


@dataclass(frozen=True)
class Question:
    """A rule with all that the search has to know of it, worked out once."""

    root: RuleGroup
    needs: tuple[AnyNeed, ...]
    shapes: Shapes
    known: Known

    @classmethod
    def of(cls, rule: Rule) -> Question:
        root = _spelled_out(rule.root)
        leaves = list(root.leaves())
        tests: dict[str, tuple[FieldTest, ...]] = {
            space: tuple(test for leaf in leaves for kept, test in leaf.tests() if kept == space)
            for space in SPACES
        }
        matchers = dict.fromkeys(matcher for leaf in leaves for matcher in leaf.matchers())
        return cls(
            root,
            joined(need for leaf in leaves for need in leaf.needs()),
            Shapes(tuple(matchers)),
            Known(tests, {space: pool_of(found) for space, found in tests.items()}),
        )

    def holds(self, facts: Facts, *, now: Microseconds) -> bool:
        return answer_group(self.root, facts, now=now).holds


def _spelled_out(group: RuleGroup) -> RuleGroup:
    """Return the group with what leaves are names for in their places."""

    def child(node: Leaf | RuleGroup) -> Leaf | RuleGroup:
        if isinstance(node, Group):
            return _spelled_out(node)
        meant = node.stands_for()
        return node if meant is None else _spelled_out(meant)

    return replace(group, children=tuple(child(node) for node in group.children))


@dataclass(frozen=True)
class Turned:
    """A visitor who answers as wanted after all `repairs`; `change` is all of them."""

    repairs: tuple[Repair, ...]
    change: Change
    facts: Facts


@dataclass
class _Visitor:
    """A visitor on the way, with the answers known so far."""

    facts: Facts
    at: Microseconds
    repairs: tuple[Repair, ...] = ()
    answers: dict[int, bool] = field(default_factory=dict)
    offers: dict[tuple[int, bool], list[Repair]] = field(default_factory=dict)
    rounds: int = 0

    @property
    def effort(self) -> float:
        return sum(repair.effort for repair in self.repairs)

    @property
    def events(self) -> int:
        return sum(len(repair.change.occurrences) for repair in self.repairs)


class _Waiting(NamedTuple):
    """A visitor to go on with; the cheapest come first, and of those the oldest."""

    cost: float
    ticket: int
    visitor: _Visitor
    ways: list[Way]

    @property
    def arrived(self) -> bool:
        """Return whether one of the ways needs nothing any more."""
        return not all(self.ways)


@dataclass
class Turning:
    """The search for one visitor; `facts` are as of `now`."""

    question: Question
    facts: Facts
    now: Microseconds
    wanted: bool
    budget: Budget
    pace: Microseconds
    catalogue: Catalogue
    #: How many events were made up before.
    first: int = 0

    def turned(self) -> Iterator[Turned]:
        """Yield visitors who answer as wanted, the nearest first, as long as the budget lasts."""
        first = _Visitor(self.facts, self.now)
        waiting: list[_Waiting] = [_Waiting(0.0, 0, first, self._ways_of(first))]
        ticket, seen = count(1), set[str]()
        while waiting:
            best = heappop(waiting)
            if best.arrived:
                yield self._finished(best.visitor)
                continue
            try:
                for later in self._next(best.ways, best.visitor):
                    later.rounds, key = best.visitor.rounds + 1, _key(later)
                    if key not in seen and len(later.repairs) < MAX_REPAIRS:
                        seen.add(key)
                        ways = self._ways_of(later)
                        cost = later.effort + min(map(len, ways), default=1)
                        heappush(waiting, _Waiting(cost, next(ticket), later, ways))
            except Exhausted:
                waiting = sorted(each for each in waiting if each.arrived)

    def _ways_of(self, visitor: _Visitor) -> list[Way]:
        return self._ways(self.question.root, self.wanted, visitor)

    def _holds(self, leaf: Leaf, visitor: _Visitor) -> bool:
        known = visitor.answers.get(id(leaf))
        if known is None:
            known = self.budget.answer(leaf, visitor.facts, now=visitor.at).holds
            visitor.answers[id(leaf)] = known
        return known

    def _ways(self, node: Leaf | RuleGroup, wanted: bool, visitor: _Visitor) -> list[Way]:
        """Return what has to turn so that `node` answers `wanted`, the least first; an empty
        way where it does already. Without a way there is no hope."""
        if not isinstance(node, Group):
            return [()] if self._holds(node, visitor) is wanted else [((node, wanted),)]
        wanted = wanted is not node.negated
        every = (self._ways(child, wanted, visitor) for child in node.children)
        if (node.combinator == "and") is not wanted:
            return sorted((way for ways in every for way in ways), key=len)[: 4 * BREADTH]
        found: list[Way] = [()]
        for ways in every:
            found = sorted((_both(a, b) for a in found for b in ways), key=len)[: 4 * BREADTH]
        return found

    def _next(self, ways: Sequence[Way], visitor: _Visitor) -> Iterator[_Visitor]:
        """Yield the visitors after one more round."""
        possible = [way for way in ways if all(self._offers(one, visitor) for one in way)]
        # A leaf that has nothing to offer now may have later, when another one has turned.
        chosen = possible or [
            kept for way in ways if (kept := tuple(o for o in way if self._offers(o, visitor)))
        ]
        chosen.sort(key=lambda way: sum(self._offers(one, visitor)[0].effort for one in way))
        for way in chosen[:BREADTH]:
            # What takes longest goes first: what happens afterwards is still fresh then.
            ordered = sorted(way, key=lambda one: -self._offers(one, visitor)[0].change.at)
            yield self._all(ordered, visitor, 0, 0)
            for place, one in enumerate(ordered[:_SHORT]):
                for other in range(1, len(self._offers(one, visitor))):
                    yield self._all(ordered, visitor, place, other)
            if 1 < len(way) <= _SHORT:
                for one in ordered:
                    for repair in self._offers(one, visitor):
                        yield self._after(visitor, repair)

    def _offers(self, literal: Literal, visitor: _Visitor) -> list[Repair]:
        """Return the repairs of a leaf, the nearest first."""
        leaf, wanted = literal
        key = (id(leaf), wanted)
        if key not in visitor.offers:
            offers = islice(leaf.repairs(self._situation(visitor), wanted=wanted), 2 * BREADTH)
            named = (replace(repair, leaf=id(leaf)) for repair in offers)
            visitor.offers[key] = sorted(named, key=lambda repair: repair.effort)[:BREADTH]
        return visitor.offers[key]

    def _all(self, way: Sequence[Literal], visitor: _Visitor, place: int, other: int) -> _Visitor:
        """Return the visitor after the nearest repair of each leaf, but the `other`th of one."""
        first = visitor
        for number, literal in enumerate(way):
            if self._holds(literal[0], visitor) is literal[1]:
                continue
            # What was offered a moment ago is as good now; later, the leaf is asked again.
            soon = visitor.at - first.at <= _A_MOMENT
            offers = self._offers(literal, first if soon else visitor)
            if offers:
                chosen = offers[min(other, len(offers) - 1) if number == place else 0]
                by = visitor.at - first.at if soon else 0
                visitor = self._after(visitor, _moved(chosen, by))
        return visitor

    def _after(self, visitor: _Visitor, repair: Repair) -> _Visitor:
        change = repair.change.numbered(self.first + visitor.events)
        self.budget.charge(len(change.occurrences) + len(self.question.needs))
        return _Visitor(
            applied(change, visitor.facts, needs=self.question.needs),
            max(visitor.at, change.at),
            (*visitor.repairs, repair),
        )

    def _situation(self, visitor: _Visitor) -> Situation:
        return Situation(
            facts=visitor.facts,
            now=visitor.at,
            pace=self.pace,
            catalogue=self.catalogue,
            shapes=self.question.shapes,
            known=self.question.known,
            budget=self.budget,
            number=self.first + visitor.events,
        )

    def _finished(self, visitor: _Visitor) -> Turned:
        """Return the visitor without the repairs that turned out not to be needed."""
        repairs = visitor.repairs
        # Of what one round did, every part was needed.
        for repair in repairs if visitor.rounds > 1 else ():
            fewer = tuple(each for each in repairs if each is not repair)
            change = self._change(fewer)
            # To wait is part of it where something happens afterwards.
            if fewer and (not repair.only_time or change.at < repair.change.at):
                repairs = fewer if self._does(change) else repairs
        change = self._change(repairs)
        return Turned(repairs, change, self._applied(change))

    def _does(self, change: Change) -> bool:
        facts = self._applied(change)
        return self.question.holds(facts, now=change.at) is self.wanted

    def _change(self, repairs: Sequence[Repair]) -> Change:
        change = Change(at=self.now)
        for repair in repairs:
            change = change.then(repair.change)
        return change.numbered(self.first)

    def _applied(self, change: Change) -> Facts:
        return applied(change, self.facts, needs=self.question.needs)


def _moved(repair: Repair, by: Microseconds) -> Repair:
    """Return the repair so much later, if anything happens in it."""
    if not by or not repair.change.occurrences:
        return repair
    return replace(repair, change=repair.change.shifted(by))


def _both(first: Way, second: Way) -> Way:
    known = {(id(leaf), wanted) for leaf, wanted in first}
    return (*first, *(one for one in second if (id(one[0]), one[1]) not in known))


def _key(visitor: _Visitor) -> str:
    """Return what tells apart what was done to visitors."""
    parts: list[object] = [visitor.at]
    for repair in visitor.repairs:
        one = repair.change
        parts += [(each.name, each.properties, each.at) for each in one.occurrences]
        parts += [one.traits, one.features, one.consents, one.memberships, one.context]
    return repr(parts)
