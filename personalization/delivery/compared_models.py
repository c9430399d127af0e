"""The versions of models that experiments compare: they are kept for as long as these run."""

from __future__ import annotations

from collections.abc import Iterator

from personalization.delivery.list_arms import RECOMMENDER, version_in
from personalization.experiments.models import Arm, Experiment
from personalization.ml.training.versions import needed


@needed.register("experiments")
def versions_of_experiments(name: str) -> Iterator[int]:
    """Yield the numbers of the versions of a model that experiments compare, or are to."""
    if name != RECOMMENDER:
        return
    kind, over = Experiment.Kind.MODELS, Experiment.Status.STOPPED
    arms = Arm.objects.filter(experiment__kind=kind).exclude(experiment__status=over)
    for content in arms.values_list("content", flat=True):
        yield version_in(content)
