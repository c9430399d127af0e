"""Which events experiments that run are judged by, so that the tracker collects those (law 7)."""

from __future__ import annotations

from typing import Final

from personalization.events.collection import uses
from personalization.experiments.models import Experiment, Measure, Metric

#: What the tracker collects by the way and a kind of metric is made of. Page views, and what
#: becomes of slots, it always sends.
_OF_KINDS: Final = {Metric.Kind.ENGAGED_TIME.value: "Engaged"}


@uses.register("experiments")
def events_of_experiments() -> frozenset[str]:
    """Return the names of the events (one query)."""
    measures = Measure.objects.filter(experiment__status=Experiment.Status.RUNNING)
    told = measures.order_by().values_list(
        "metric__kind", "metric__goal__event", "metric__per__event"
    )
    rows = set(told)
    goals = {event for _, *events in rows for event in events if event}
    return frozenset(goals | {_OF_KINDS[kind] for kind, *_ in rows if kind in _OF_KINDS})
