"""The names of the groups that a model finds people in."""

from __future__ import annotations

from django.utils import timezone

from personalization.ml.clusters.personas import Personas
from personalization.ml.serving.loaded import serving


def group_names(name: str) -> tuple[str, ...]:
    """Return the names of the groups of the model that serves; none if it cannot be read."""
    # The catalogue of rules is of this moment: it is asked for without one.
    model = serving(name, now=timezone.now())
    return model.values() if isinstance(model, Personas) else ()
