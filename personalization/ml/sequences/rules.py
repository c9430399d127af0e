"""Sequence rules as a model: what was found of one goal, and how it holds for others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np

from personalization.clock import span
from personalization.ml.base import Arrays, Config, Model, Options, algorithms
from personalization.ml.sequences.next_step import NextStep, NextStepConfig
from personalization.ml.sequences.prefixspan import MiningConfig, followers
from personalization.ml.sequences.suggest import SuggestConfig, Suggestion, suggestions
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk
from personalization.rules.catalogue import Catalogue
from personalization.types import JsonObject

#: What the names of the arrays begin with that say what comes next.
_ONWARD = "onward."
#: Share of the people that the findings of the others are tried on.
_HELD_OUT = 0.3


@dataclass(frozen=True, kw_only=True)
class SequenceRulesConfig(Config):
    bounds: ClassVar = {
        "support": (0, 1), "people": (1, 1_000_000), "longest": (2, 10), "lift": (1, 1000),
        "most": (1, 1000), "days": (1, 750), "hours": (1, 10_000),
    }  # fmt: skip

    #: As in `MiningConfig` and `SuggestConfig`.
    support: float = 0.02
    people: int = 20
    longest: int = 4
    lift: float = 1.5
    most: int = 10
    days: int = 30
    hours: int = 24

    def __post_init__(self) -> None:
        super().__post_init__()
        self.suggesting()  # refuses what does not fit

    def mining(self, *, gap: timedelta) -> MiningConfig:
        return MiningConfig(
            support=self.support,
            people=self.people,
            longest=self.longest,
            minutes=gap / timedelta(minutes=1),
        )

    def suggesting(self) -> SuggestConfig:
        return SuggestConfig(lift=self.lift, most=self.most, days=self.days, hours=self.hours)


@dataclass(frozen=True, kw_only=True)
class Held:
    """How the patterns hold for `people` whom they were not found in: how much likelier the goal
    is for those who did one of them."""

    people: int
    followed: int
    lift: float


@algorithms.register("sequences")
class SequenceRules(Model[SequenceRulesConfig]):
    """It scores nobody: its rules do, once somebody has made segments of them. What comes next
    after each step is kept along."""

    config_class = SequenceRulesConfig

    def __init__(self, config: SequenceRulesConfig | None = None) -> None:
        super().__init__(config)
        self.goal = ""
        self.found: tuple[Suggestion, ...] = ()
        #: What comes next in a visit, whatever the goal; None: too few visits tell.
        self.onward: NextStep | None = None

    def fit(
        self,
        walks: Sequence[Walk],
        options: Options,
        *,
        goal: str,
        gap: timedelta,
        catalogue: Catalogue,
    ) -> SequenceRules:
        """Find what leads to `goal` and where people stop; nothing in it is random.

        :raises UnfitData: if too few people reach the goal.
        """
        options.progress(0.0, "looking for what people do one after another")
        self.goal = goal
        self.found = tuple(
            suggestions(
                walks,
                goal=goal,
                gap=gap,
                catalogue=catalogue,
                mining=self.config.mining(gap=gap),
                config=self.config.suggesting(),
            )
        )
        with suppress(UnfitData):
            self.onward = NextStep().fit(visits_of(walks, gap=gap), options)
        return self

    @property
    def patterns(self) -> tuple[Suggestion, ...]:
        return tuple(each for each in self.found if each.kind == "pattern")

    def held(self, walks: Sequence[Walk], *, gap: timedelta) -> Held:
        """Return how the patterns hold for others.

        :raises UnfitData: if there is no pattern, nobody did one, or nobody reaches the goal.
        """
        if not self.patterns:
            raise UnfitData(
                "No sequence after which somebody is not at the goal yet makes it "
                f"{self.config.lift:g} times as likely as it is for all, and likelier than each "
                "part of the sequence does."
            )
        reached = np.array([self.goal in walk.steps for walk in walks], np.bool_)
        before = [walk.before(self.goal) for walk in walks]
        mining = self.config.mining(gap=gap)
        who: set[int] = set()
        for pattern in self.patterns:
            who.update(followers(before, pattern.steps, config=mining).tolist())
        if not who or not reached.any():
            raise UnfitData(f"Of {len(walks)} others, nobody shows how the patterns hold.")
        lift = float(reached[sorted(who)].mean() / reached.mean())
        return Held(people=len(walks), followed=len(who), lift=lift)

    def arrays(self) -> Arrays:
        if self.onward is None:
            return {}
        return {_ONWARD + name: array for name, array in self.onward.arrays().items()}

    def facts(self) -> JsonObject:
        return {
            "goal": self.goal,
            "found": [_told(each) for each in self.found],
            "onward": None if self.onward is None else self.onward.config.written(),
        }

    def restore(self, arrays: Arrays, facts: Mapping[str, Any]) -> None:
        self.goal = facts["goal"]
        if facts["onward"] is not None:
            self.onward = NextStep(NextStepConfig.read(facts["onward"]))
            own = {name.removeprefix(_ONWARD): array for name, array in arrays.items()}
            self.onward.restore(own, {})
        self.found = tuple(_read(each) for each in facts["found"])


def _told(suggestion: Suggestion) -> dict[str, Any]:
    return asdict(suggestion) | {
        "steps": list(suggestion.steps), "ways": [list(way) for way in suggestion.ways],
    }  # fmt: skip


def _read(told: dict[str, Any]) -> Suggestion:
    ways = tuple((str(step), float(share)) for step, share in told["ways"])
    return Suggestion(**(told | {"steps": tuple(told["steps"]), "ways": ways}))


def visits_of(walks: Iterable[Walk], *, gap: timedelta) -> list[Walk]:
    """Return the visits of all of them."""
    return [visit for walk in walks for visit in walk.visits(gap=span(gap))]


def split(walks: Sequence[Walk], *, rng: np.random.Generator) -> tuple[list[Walk], list[Walk]]:
    """Return some of the people to find patterns in, and the others to try them on."""
    held_out = np.zeros(len(walks), np.bool_)
    held_out[rng.permutation(len(walks))[: round(_HELD_OUT * len(walks))]] = True
    return (
        [walk for walk, out in zip(walks, held_out, strict=True) if not out],
        [walk for walk, out in zip(walks, held_out, strict=True) if out],
    )
