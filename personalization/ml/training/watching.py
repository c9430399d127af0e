"""Look whether models that serve have drifted, or are older than they should be."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from django.utils.module_loading import import_string

from personalization import metrics
from personalization.ml.models import ModelVersion
from personalization.ml.training.outdated import mark_missed, stale_models
from personalization.ml.training.train import can_train

logger = logging.getLogger(__name__)

#: By its place: who imports it computes with numpy.
_CHECK = "personalization.ml.training.drifting.check_drift"


class Looked(Protocol):
    """What is found of one version."""

    @property
    def version(self) -> ModelVersion: ...

    @property
    def verdict(self) -> str: ...

    def remarks(self) -> list[str]: ...


def check_models(*, now: datetime) -> Sequence[Looked]:
    """Look at every version that serves and sees what visitors do, keep what is found with it, and
    have trained anew what has outgrown its training. What is too old is logged and counted, and
    what still knows somebody who was erased is marked."""
    if missed := mark_missed():
        logger.warning(
            "%s versions know somebody who was erased.", missed, extra={"action": "model_missed"}
        )
    for each in stale_models(now=now):
        metrics.count("models.stale")
        logger.warning("%s", each, extra={"action": "model_stale"})
    if not can_train():
        return ()
    check: Callable[..., Sequence[Looked]] = import_string(_CHECK)
    return check(now=now)
