"""What somebody does next in a visit: transitions between types of pages and events.

How often a step followed the last few, mixed with how often it followed fewer of them: the
less was seen, the more the shorter counts. Source: MacKay and Peto, “A Hierarchical Dirichlet
Language Model” (Natural Language Engineering 1995). To end the visit is a step as well.

Steps of few visits are passed over, when learning and when asked: they say little, and may say
of whom.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles
from personalization.ml.base import Arrays, Config, Model, Options, algorithms
from personalization.ml.unfit import TooLittleData, UnfitData
from personalization.ml.walks import Walk
from personalization.types import JsonObject

#: The end of a visit, as a step. No event has an empty name.
END = ""
#: What every step is worth that was never seen, in all.
_UNSEEN = 1.0

_Context = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class NextStepConfig(Config):
    bounds: ClassVar = {
        "order": (1, 4), "strength": (0.01, 1000), "visits": (1, 1_000_000), "least": (1, 10_000),
    }  # fmt: skip

    #: How many steps back it looks.
    order: int = 2
    #: How many visits a mixture with fewer steps weighs.
    strength: float = 5.0
    #: Visits to learn from, at least.
    visits: int = 50
    #: Visits that a step was taken in, at least.
    least: int = 10


@algorithms.register("next_step")
class NextStep(Model[NextStepConfig]):
    config_class = NextStepConfig

    def __init__(self, config: NextStepConfig | None = None) -> None:
        super().__init__(config)
        #: Steps that scores are for, in their order; `END` is the last.
        self.steps: tuple[str, ...] = (END,)
        #: For each number of steps back: the steps → how often which followed.
        self._followed: list[dict[_Context, Doubles]] = []

    def fit(self, visits: Iterable[Walk], options: Options) -> NextStep:
        """Learn from the steps of visits; nothing in it is random.

        :raises TooLittleData: if there are too few.
        """
        known = [visit.steps for visit in visits if len(visit)]
        if len(known) < self.config.visits:
            raise TooLittleData(f"Needs {self.config.visits} visits, there are {len(known)}.")
        taken_in = Counter(chain.from_iterable(map(set, known)))
        self.steps = (*sorted(step for step, n in taken_in.items() if n >= self.config.least), END)
        number = {step: n for n, step in enumerate(self.steps)}
        counted: list[Counter[_Context]] = [Counter() for _ in range(self.config.order + 1)]
        for done, steps in enumerate(known):
            if done % 1000 == 0:
                options.progress(done / len(known), "counting what followed what")
            taken = [number[step] for step in (*steps, END) if step in number]
            for place in range(len(taken)):
                for back in range(min(place, self.config.order) + 1):
                    counted[back][tuple(taken[place - back : place + 1])] += 1
        self._followed = [self._table(counts) for counts in counted]
        return self

    def score(self, steps: Sequence[str]) -> Doubles:
        """Return the probability of each of `self.steps` to come next; they add up to 1.

        `steps` are those of the visit so far, the oldest first.
        """
        likely = np.full(len(self.steps), 1 / len(self.steps))
        number = {step: n for n, step in enumerate(self.steps[:-1])}
        known = [number[step] for step in steps if step in number]
        for back, table in enumerate(self._followed[: len(known) + 1]):
            counts = table.get(tuple(known[len(known) - back :]))
            if counts is None:
                break
            weight = self.config.strength if back else _UNSEEN
            likely = (counts + weight * likely) / (counts.sum() + weight)
        return likely

    def likeliest(self, steps: Sequence[str], *, n: int = 3) -> list[tuple[str, float]]:
        """Return the `n` likeliest next steps with their probabilities; equal ones by name."""
        scores = self.score(steps)
        order = np.argsort(-scores, kind="stable")[:n]
        return [(self.steps[place], float(scores[place])) for place in order]

    def times(self, steps: Sequence[str]) -> int:
        """Return how often these steps were taken one after another; none: how many there were
        in all, ends of visits included. Of more than `order` nothing is counted: 0."""
        number = {step: n for n, step in enumerate(self.steps[:-1])}
        if len(steps) >= len(self._followed) or any(step not in number for step in steps):
            return 0
        counts = self._followed[len(steps)].get(tuple(number[step] for step in steps))
        return 0 if counts is None else int(counts.sum())

    def reaching(self, goal: str) -> dict[str, float]:
        """Return for each step how likely the goal comes after it and before the visit ends.

        Each step is taken to hang on the one before it alone: an absorbing chain (Kemeny and
        Snell, “Finite Markov Chains”, 1960). Empty: the goal is none of the steps.
        """
        names = self.steps[:-1]
        if goal not in names:
            return {}
        place = names.index(goal)
        onward = np.stack([self.score([step]) for step in names])
        within = onward[:, :-1].copy()
        within[place] = 0
        straight = onward[:, place].copy()
        straight[place] = 1.0
        within[:, place] = 0
        likely = np.linalg.solve(np.eye(len(names)) - within, straight)
        return dict(zip(names, likely.tolist(), strict=True))

    def arrays(self) -> Arrays:
        arrays: dict[str, NDArray[Any]] = {"steps": np.array(self.steps[:-1], np.str_)}
        for back, table in enumerate(self._followed):
            rows = sorted(
                (*context, int(step), int(counts[step]))
                for context, counts in table.items()
                for step in np.flatnonzero(counts)
            )
            arrays[f"followed{back}"] = np.array(rows, np.int32).reshape(-1, back + 2)
        return arrays

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self.steps = (*(str(step) for step in arrays["steps"]), END)
        self._followed = [
            self._table(Counter({tuple(row[:-1]): row[-1] for row in rows.tolist()}))
            for rows in (arrays[f"followed{back}"] for back in range(self.config.order + 1))
        ]

    def _table(self, counted: Counter[_Context]) -> dict[_Context, Doubles]:
        table: dict[_Context, Doubles] = {}
        for (*context, step), n in counted.items():
            counts = table.setdefault(tuple(context), np.zeros(len(self.steps)))
            counts[step] += n
        return table


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How well next steps were told, ends of visits included; beside always telling the steps
    that are most usual. `surprise` is in bits a step (the mean of −log₂ of the probability)."""

    n: int
    first: float
    among_three: float
    surprise: float
    popular_first: float
    popular_among_three: float
    popular_surprise: float


def judged(model: NextStep, visits: Iterable[Walk]) -> Judged:
    """Return how well the model tells every next step of visits that it has not learned from.

    :raises UnfitData: if there is none.
    """
    number = {step: n for n, step in enumerate(model.steps)}
    usual = model.score(())
    found = []
    for visit in visits:
        for place, step in enumerate((*visit.steps, END)):
            if place and step in number:
                found.append(
                    (*_told(model.score(visit.steps[:place]), number[step]),
                     *_told(usual, number[step]))
                )  # fmt: skip
    if not found:
        raise UnfitData("There is no next step to be told.")
    first, among, surprise, *popular = np.mean(found, axis=0).tolist()
    return Judged(
        n=len(found),
        first=first,
        among_three=among,
        surprise=surprise,
        popular_first=popular[0],
        popular_among_three=popular[1],
        popular_surprise=popular[2],
    )


def _told(scores: Doubles, right: int) -> tuple[float, float, float]:
    # Of equal scores, half stand before it.
    place = (scores > scores[right]).sum() + ((scores == scores[right]).sum() - 1) / 2
    return float(place < 1), float(place < 3), -math.log2(scores[right])
