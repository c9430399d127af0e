"""Look whether models that serve have drifted; where nothing can be trained, nothing serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from django.utils.module_loading import import_string

from personalization.ml.models import ModelVersion
from personalization.ml.training.train import can_train

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
    """Look at every version that serves and learned from features, keep what is found with it,
    and have trained anew what has drifted."""
    if not can_train():
        return ()
    check: Callable[..., Sequence[Looked]] = import_string(_CHECK)
    return check(now=now)
