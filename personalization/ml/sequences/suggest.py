"""Sequence rules worth a segment: what leads to a goal, and where people stop on the way."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Literal, TypeAlias

from personalization.clock import span
from personalization.exceptions import InvalidRule
from personalization.ml.base import Config, InvalidConfig
from personalization.ml.sequences.dropouts import DropOut, DropOutConfig, dropouts
from personalization.ml.sequences.prefixspan import (
    MiningConfig,
    Pattern,
    followers,
    patterns_before,
)
from personalization.ml.sequences.spoken import left_at, never, sequence, states_categories, step_of
from personalization.ml.walks import Walk
from personalization.rules.catalogue import Catalogue
from personalization.rules.explain import sentence
from personalization.rules.parse import check, parse
from personalization.rules.writing import rule
from personalization.types import JsonObject, Microseconds

Kind: TypeAlias = Literal["pattern", "drop-out"]


@dataclass(frozen=True, kw_only=True)
class SuggestConfig(Config):
    bounds: ClassVar = {
        "lift": (1, 1000), "better": (1, 1000), "chance": (0, 1), "most": (1, 1000),
        "same": (0, 1), "members": (1, 1_000_000), "days": (1, 750), "hours": (1, 10_000),
    }  # fmt: skip

    #: How much likelier the goal is after a pattern, at least; and than after any part of it.
    lift: float = 1.5
    better: float = 1.1
    #: How likely as much may be by chance, all patterns together.
    chance: float = 0.05
    #: Patterns are the same that share so much of their people.
    same: float = 0.9
    #: People that a rule holds for, at least: nobody makes a segment of nobody.
    members: int = 1
    #: Suggestions of each kind.
    most: int = 10
    #: How far the rules look back, and how long nothing happens at the end of a drop-out.
    days: int = 30
    hours: int = 24

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hours >= 24 * self.days:
            raise InvalidConfig(
                f"“hours” is {self.hours}; allowed: less than the {self.days} “days” looked back."
            )


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A rule with what it says and why.

    `people` (of drop-outs: visits) did it, the goal came later for `reached` of them, and is
    `lift` times as likely as for all. The rule holds for `members` of the people that were
    looked at, once the time is over that it waits for.
    """

    kind: Kind
    steps: tuple[str, ...]
    rule: JsonObject
    sentence: str
    people: int
    reached: int
    lift: float
    chance: float
    members: int
    #: Of drop-outs, as in `DropOut`.
    ended: int = 0
    usual: float = 0.0
    ways: tuple[tuple[str, float], ...] = ()


def suggestions(
    walks: Sequence[Walk],
    *,
    goal: str,
    gap: timedelta,
    catalogue: Catalogue | None = None,
    mining: MiningConfig | None = None,
    config: SuggestConfig | None = None,
    ends: DropOutConfig | None = None,
) -> list[Suggestion]:
    """Return rules for what leads to `goal` (a step) and for where people stop before it.

    Rules of patterns hold for those who did it and have not come to the goal yet. `gap` ends a
    visit: patterns are found within one, and drop-outs are ends of one. Of what holds for too
    few, whatever it says of the goal, there is no rule.

    :raises UnfitData: if too few people reach the goal to say anything.
    """
    config, catalogue = config or SuggestConfig(), catalogue or Catalogue()
    mining = mining or MiningConfig(minutes=gap / timedelta(minutes=1))
    says = _Speech(walks, goal, catalogue, config, timedelta(minutes=mining.minutes))
    found = patterns_before(walks, goal=goal, config=replace(mining, shortest=1))
    before = [walk.before(goal) for walk in walks]
    chosen = _different(leading(found, config), before, mining, config)
    visits = [visit for walk in walks for visit in walk.visits(gap=span(gap))]
    usual = sum(goal in visit.steps for visit in visits) / len(visits)
    stopped = [
        (each, n)
        for each in dropouts(visits, goal=goal, config=ends)
        if (n := _stopped(walks, each.step, goal, timedelta(hours=config.hours))) >= config.members
    ]
    return [
        *(says.pattern(each) for each in chosen),
        *(says.end(each, usual, members=n) for each, n in stopped[: config.most]),
    ]


def leading(found: Sequence[Pattern], config: SuggestConfig) -> list[Pattern]:
    """Return the patterns after which the goal is likelier, and likelier than after less of it;
    those with the highest lift first."""
    known = {pattern.steps: pattern.lift for pattern in found}
    chosen = [
        pattern
        for pattern in found
        if len(pattern.steps) > 1
        and pattern.lift >= config.lift
        and pattern.chance <= config.chance
        and _waiting(pattern) >= config.members
        and pattern.lift >= config.better * max(_of_parts(pattern.steps, known), default=0)
    ]
    return sorted(chosen, key=lambda each: (-each.lift, -each.people, each.steps))


def _different(
    ordered: Sequence[Pattern],
    walks: Sequence[Walk],
    mining: MiningConfig,
    config: SuggestConfig,
) -> list[Pattern]:
    """Return the first of them, without those that the same people did as one before."""
    chosen: list[Pattern] = []
    taken: list[set[int]] = []
    for pattern in ordered:
        if len(chosen) == config.most:
            break
        who = set(followers(walks, pattern.steps, config=mining).tolist())
        if all(len(who & other) < config.same * len(who | other) for other in taken):
            chosen.append(pattern)
            taken.append(who)
    return chosen


def _waiting(pattern: Pattern) -> int:
    """Return how many did it and have not come to the goal: whom the rule holds for."""
    return pattern.people - pattern.reached


def _stopped(walks: Sequence[Walk], step: str, goal: str, after: timedelta) -> int:
    """Return how many took the step with no goal for so long after it, be it in a later visit."""
    return sum(_has_stopped(walk, step, goal, span(after)) for walk in walks)


def _has_stopped(walk: Walk, step: str, goal: str, after: Microseconds) -> bool:
    done = list(zip(walk.steps, walk.at, strict=True))
    goals = [at for name, at in done if name == goal]
    for at in (at for name, at in done if name == step):
        place = bisect_right(goals, at)
        if place == len(goals) or goals[place] > at + after:
            return True
    return False


def _of_parts(steps: tuple[str, ...], known: Mapping[tuple[str, ...], float]) -> Iterator[float]:
    """Yield the lift of what is left without one of the steps, where that is a pattern."""
    for n in range(len(steps)):
        if (lift := known.get(steps[:n] + steps[n + 1 :])) is not None:
            yield lift


class _Speech:
    """Puts findings into rules."""

    def __init__(
        self,
        walks: Sequence[Walk],
        goal: str,
        catalogue: Catalogue,
        config: SuggestConfig,
        within: timedelta,
    ) -> None:
        self._stated = states_categories([step for walk in walks for step in walk.steps])
        self._goal = step_of(goal, stated=self._stated)
        self._catalogue = catalogue
        self._last = min(timedelta(days=config.days), catalogue.retention)
        self._after = timedelta(hours=config.hours)
        self._within = within or None

    def pattern(self, found: Pattern) -> Suggestion:
        steps = [step_of(step, stated=self._stated) for step in found.steps]
        stored = rule(sequence(steps, within=self._within, last=self._last), never(self._goal))
        return Suggestion(
            kind="pattern",
            steps=found.steps,
            rule=stored,
            sentence=self._sentence(stored),
            people=found.people,
            reached=found.reached,
            lift=found.lift,
            chance=found.chance,
            members=_waiting(found),
        )

    def end(self, found: DropOut, usual: float, *, members: int) -> Suggestion:
        step = step_of(found.step, stated=self._stated)
        stored = rule(left_at(step, goal=self._goal, after=self._after, last=self._last))
        return Suggestion(
            kind="drop-out",
            steps=(found.step,),
            rule=stored,
            sentence=self._sentence(stored),
            people=found.visits,
            reached=found.reached,
            lift=found.reached / found.visits / usual,
            chance=found.chance,
            members=members,
            ended=found.ended,
            usual=found.usual,
            ways=found.ways,
        )

    def _sentence(self, stored: JsonObject) -> str:
        parsed = parse(stored)
        if problems := check(parsed, self._catalogue):
            raise InvalidRule(problems)
        return sentence(parsed, self._catalogue)
