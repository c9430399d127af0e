"""A page never breaks: what fails behind a slot is counted, and the default is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from personalization import metrics

logger = logging.getLogger(__name__)

T = TypeVar("T")


def attempt(make: Callable[[], T], *, otherwise: T, what: str) -> T:
    """Return what `make` makes, or `otherwise` when it fails; `what` names it in the log."""
    try:
        return make()
    except Exception:  # the render of a slot: the default is better than a broken page
        metrics.count("slots.failed")
        logger.exception("%s failed: the default is shown.", what, extra={"action": "slot_failed"})
        return otherwise
