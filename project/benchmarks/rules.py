"""What rules cost: per event, per departure, and over everybody at once."""

from __future__ import annotations

from collections.abc import Sequence

from project.benchmarks.results import Effort, Result, benchmarks
from project.benchmarks.rules_bulk import bulk_results
from project.benchmarks.rules_departures import departure_results
from project.benchmarks.rules_events import event_results


@benchmarks.register("rules")
def measure(effort: Effort) -> Sequence[Result]:
    return [*event_results(effort), *departure_results(effort), *bulk_results(effort)]
