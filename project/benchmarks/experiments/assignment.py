"""What one experiment adds to a page: the time to know which arm the visitor is in."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence

from personalization.experiments.bucketing import Range
from personalization.experiments.trial import Choice, Entrant, Namespace, Trial, assign
from project.benchmarks.results import Effort, Result

#: Visitors of a round, by the numbers of their profiles.
VISITORS = range(1_000_000, 1_005_000)
#: An experiment with everything that is looked at before chance is drawn.
TRIAL = Trial(
    key="cart-hero",
    kind="variations",
    place="hero",
    arms=(Choice("default"), Choice("reminder", "variation:1"), Choice("offer", "variation:2")),
    weights=(0.4, 0.3, 0.3),
    coverage=0.5,
    ramp=((0, 0.9),),
    audience="cart-abandoners",
    starts=0,
    namespace=Namespace("checkout", Range(0.0, 0.8)),
)
#: The same arms, and nothing else.
PLAIN = Trial(key=TRIAL.key, kind=TRIAL.kind, arms=TRIAL.arms, weights=TRIAL.weights)


def assignment_results(effort: Effort) -> Iterator[Result]:
    """Measure beside a dict that would have each visitor's arm ready."""
    entrants = [Entrant(str(number), frozenset({TRIAL.audience}), now=1) for number in VISITORS]
    yield _result("assignment_us", "an audience, a ramp and a namespace", TRIAL, entrants, effort)
    yield _result("assignment_plain_us", "arms and nothing else", PLAIN, entrants, effort)


def _result(
    name: str, what: str, trial: Trial, entrants: Sequence[Entrant], effort: Effort
) -> Result:
    ready = {entrant.unit: assign(trial, entrant) for entrant in entrants}
    drawn, looked_up = _in_turns(
        lambda: [assign(trial, each) for each in entrants],
        lambda: [ready[each.unit] for each in entrants],
        rounds=max(effort.rounds, 3),
    )
    return Result(
        name=name,
        value=1e6 * drawn / len(entrants),
        unit="µs/experiment",
        floor=f"of one with {what}; goal ≤ 20; a dict that has the arm of each visitor takes "
        f"{1e6 * looked_up / len(entrants):.3f} µs",
        ratio=drawn / looked_up,
    )


def _in_turns(*works: Callable[[], object], rounds: int) -> list[float]:
    """Return the seconds of this thread's work that each takes at best, one after the other."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        best = [min(known, _seconds(work)) for known, work in zip(best, works, strict=True)]
    return best


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        started = time.thread_time()
        work()
        return time.thread_time() - started
    finally:
        gc.enable()
