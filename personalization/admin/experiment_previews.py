"""Links to pages as somebody in an arm sees them."""

from __future__ import annotations

from django.http import HttpRequest

from personalization.admin.preview import may_preview, preview_link
from personalization.experiments.models import Experiment


def previews(request: HttpRequest, experiment: Experiment) -> list[tuple[str, str]]:
    """Return what arms are called and where each is previewed, to who may.

    Of versions of a rule nobody knows whom they match before the experiment runs, and of what is
    over nothing is left to see.
    """
    is_known = experiment.kind != Experiment.Kind.RULES
    is_open = experiment.status == Experiment.Status.RUNNING or (
        is_known and experiment.status == Experiment.Status.DRAFT
    )
    if not (is_open and may_preview(request)):
        return []
    return [
        (
            arm.name or arm.key.upper(),
            preview_link("segments", arms=[f"{experiment.slug}:{arm.key}"]),
        )
        for arm in experiment.arms.order_by("position", "pk")
    ]
