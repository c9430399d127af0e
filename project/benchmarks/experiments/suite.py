"""Whether what experiments tell is true: by tests whose truth is known, and what they cost.

Everything goes the way of the product: units are put into arms by our hash, samples are summed,
and the same functions say what is found. Who looks every day looks from the first day on that
has enough units for a number to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from project.benchmarks.experiments.assignment import assignment_results
from project.benchmarks.experiments.figures import figures
from project.benchmarks.experiments.simulated import TESTS_A_ROUND, simulation
from project.benchmarks.results import Effort, Result, benchmarks


@benchmarks.register("experiments")
def measure(effort: Effort) -> Sequence[Result]:
    """Run 100 experiments of each kind for every round: 1,000 unless it is asked for less."""
    return [*figures(simulation(TESTS_A_ROUND * effort.rounds)), *assignment_results(effort)]
