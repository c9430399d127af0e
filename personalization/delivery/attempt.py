"""A page never breaks: what fails behind a slot is counted, and the default is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from personalization import metrics

logger = logging.getLogger(__name__)

T = TypeVar("T")


def attempt(
    make: Callable[[], T],
    *,
    otherwise: T,
    what: str,
    failed: Callable[[Exception], None] | None = None,
) -> T:
    """Return what `make` makes, or `otherwise` when it fails; `what` names it in the log.

    `failed` is told of the failure, too.
    """
    try:
        return make()
    except Exception as error:  # the render of a slot: the default is better than a broken page
        metrics.count("slots.failed")
        logger.exception("%s failed: the default is shown.", what, extra={"action": "slot_failed"})
        if failed is not None:
            failed(error)
        return otherwise
