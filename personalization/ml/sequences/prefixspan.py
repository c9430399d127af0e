"""What many people do one after another, and how much likelier it makes a goal.

Source: Pei et al., “Mining Sequential Patterns by Pattern-Growth: The PrefixSpan Approach”
(IEEE TKDE 2004): a pattern grows by one step at a time, looked for only among those who took
the steps before. Where steps may be only so far apart, the first place at which a pattern ends
is not enough: all of them are kept, as flags over the steps of everybody.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

import numpy as np

from personalization.clock import span
from personalization.ml.arrays import Flags, Indices, Instants
from personalization.ml.base import Config, InvalidConfig
from personalization.ml.unfit import TooLittleData
from personalization.ml.walks import Walk

_MINUTE = span(timedelta(minutes=1))


@dataclass(frozen=True, kw_only=True)
class MiningConfig(Config):
    """What counts as a pattern."""

    bounds: ClassVar = {
        "support": (0, 1), "people": (1, 1_000_000), "shortest": (1, 10), "longest": (1, 10),
        "minutes": (0, 1_000_000), "between": (-1, 1000), "most": (1, 100_000),
    }  # fmt: skip

    #: Share and number of the people who did it, at least.
    support: float = 0.02
    people: int = 20
    #: Steps.
    shortest: int = 2
    longest: int = 4
    #: From one step to the next at most, as a pause ends a visit; 0: any time.
    minutes: float = 30
    #: Other steps in between at most; -1: any number.
    between: int = -1
    #: Patterns: those of the most people are kept.
    most: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shortest > self.longest:
            raise InvalidConfig(
                f"“shortest” is {self.shortest}; allowed: up to “longest”, {self.longest}."
            )


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """Steps that `people` took in this order; a goal came later for `reached` of them."""

    steps: tuple[str, ...]
    people: int
    #: Share of all people.
    support: float
    reached: int = 0
    #: Share of those people whom the goal came later for, over the share of all people.
    lift: float = math.nan
    #: How likely so much difference from the others is by chance, for all patterns together.
    chance: float = 1.0


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """The steps of some people, one after another: whose they are, what, when."""

    of: Indices
    symbol: Indices
    at: Instants

    def where(self, chosen: Flags) -> _Steps:
        return _Steps(of=self.of[chosen], symbol=self.symbol[chosen], at=self.at[chosen])


def patterns(walks: Sequence[Walk], *, config: MiningConfig | None = None) -> list[Pattern]:
    """Return what enough people did, those of the most people first.

    :raises TooLittleData: if there are fewer people than a pattern has to have.
    """
    return _found(walks, np.zeros(len(walks), np.bool_), config or MiningConfig())


def patterns_before(
    walks: Sequence[Walk], *, goal: str, config: MiningConfig | None = None
) -> list[Pattern]:
    """Return what people did before a goal, or without ever coming to it, with its lift.

    Of those who reach the goal, what they did until then counts and nothing later.

    :raises TooLittleData: if nobody or everybody reaches it, or there are too few people.
    """
    reached = np.array([goal in walk.steps for walk in walks], np.bool_)
    n, all_k = len(walks), int(reached.sum())
    if not 0 < all_k < n:
        raise TooLittleData(f"{all_k} of {n} people reach “{goal}”; needs some who do not.")
    found = _found([walk.before(goal) for walk in walks], reached, config or MiningConfig())
    return [
        replace(
            each,
            lift=(each.reached / each.people) / (all_k / n),
            chance=min(1.0, len(found) * _by_chance(each.reached, each.people, all_k, n)),
        )
        for each in found
    ]


def followers(
    walks: Sequence[Walk], steps: Sequence[str], *, config: MiningConfig | None = None
) -> Indices:
    """Return the numbers of the walks in which the steps were taken in this order."""
    config = config or MiningConfig()
    names = sorted({step for walk in walks for step in walk.steps})
    flat = _flat(walks, names)
    ends: Flags | None = None
    for step in steps:
        if step not in names:
            return np.empty(0, np.int32)
        reach = np.ones(len(flat.of), np.bool_) if ends is None else _reach(flat, ends, config)
        ends = reach & (flat.symbol == names.index(step))
    return np.unique(flat.of[ends])


def _found(walks: Sequence[Walk], reached: Flags, config: MiningConfig) -> list[Pattern]:
    n = len(walks)
    least = max(config.people, math.ceil(config.support * n))
    if n < least:
        raise TooLittleData(f"Patterns need {least} people, there are {n}.")
    names = sorted({step for walk in walks for step in walk.steps})
    found = [
        Pattern(
            steps=tuple(names[symbol] for symbol in steps),
            people=people,
            support=people / n,
            reached=k,
        )
        for steps, people, k in _grown(_flat(walks, names), len(names), reached, least, config)
        if len(steps) >= config.shortest
    ]
    return sorted(found, key=lambda each: (-each.people, each.steps))[: config.most]


def _flat(walks: Sequence[Walk], names: Sequence[str]) -> _Steps:
    number = {name: index for index, name in enumerate(names)}
    return _Steps(
        of=np.repeat(np.arange(len(walks), dtype=np.int32), [len(walk) for walk in walks]),
        symbol=np.array([number[step] for walk in walks for step in walk.steps], np.int32),
        at=np.array([at for walk in walks for at in walk.at], np.int64),
    )


def _grown(
    flat: _Steps, n_symbols: int, reached: Flags, least: int, config: MiningConfig
) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Yield every pattern with its number of people, and of those who reach the goal."""
    waiting: list[tuple[tuple[int, ...], _Steps, Flags | None]] = [((), flat, None)]
    while waiting:
        steps, some, ends = waiting.pop()
        reach = np.ones(len(some.of), np.bool_) if ends is None else _reach(some, ends, config)
        # Everybody once for each symbol that may come next.
        of, symbol = _pairs(some, reach, n_symbols)
        people = np.bincount(symbol, minlength=n_symbols)
        reaching = np.bincount(symbol[reached[of]], minlength=n_symbols)
        for next_one in np.flatnonzero(people >= least):
            grown = (*steps, int(next_one))
            yield grown, int(people[next_one]), int(reaching[next_one])
            if len(grown) < config.longest:
                now = reach & (some.symbol == next_one)
                theirs = np.isin(some.of, some.of[now])
                waiting.append((grown, some.where(theirs), now[theirs]))


def _reach(some: _Steps, ends: Flags, config: MiningConfig) -> Flags:
    """Return the places that may come next after one of `ends`: the nearest before decides."""
    n = len(ends)
    place = np.arange(n)
    latest = np.maximum.accumulate(np.where(ends, place, -1))
    nearest = np.concatenate([[-1], latest[:-1]]) if n else latest
    known = np.maximum(nearest, 0)
    reach = (nearest >= 0) & (some.of[known] == some.of)
    if config.minutes:
        reach &= some.at - some.at[known] <= round(config.minutes * _MINUTE)
    if config.between >= 0:
        reach &= place - known - 1 <= config.between
    return np.asarray(reach)


def _pairs(some: _Steps, reach: Flags, n_symbols: int) -> tuple[Instants, Instants]:
    """Return the different (whose, symbol) at the places."""
    pairs = np.unique(some.of[reach].astype(np.int64) * n_symbols + some.symbol[reach])
    return pairs // n_symbols, pairs % n_symbols


def _by_chance(k: int, n: int, all_k: int, all_n: int) -> float:
    """Return how likely a difference so large between `k` of `n` and the others is (two-sided
    normal test of two proportions; Fleiss, “Statistical Methods for Rates and Proportions”)."""
    others, others_k = all_n - n, all_k - k
    if not others:
        return 1.0
    pooled = all_k / all_n
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / others))
    return math.erfc(abs(k / n - others_k / others) / error / math.sqrt(2))
