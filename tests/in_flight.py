"""What a test server is still answering."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.signals import request_finished, request_started

#: How long nothing may come before nothing more is expected, in seconds.
QUIET = 0.1
#: How long a request may take before it is no longer waited for, in seconds.
PATIENCE = 20.0


class InFlight:
    """The threads other than the test's own in which a request is being answered."""

    def __init__(self) -> None:
        self._threads: set[int] = set()
        self._changed_at = time.monotonic()
        self._own = threading.get_ident()

    def starts(self, **_: Any) -> None:
        self._threads.add(threading.get_ident())
        self._changed_at = time.monotonic()

    def ends(self, **_: Any) -> None:
        self._threads.discard(threading.get_ident())
        self._changed_at = time.monotonic()

    def wait_for_none(self) -> None:
        give_up_at = time.monotonic() + PATIENCE
        while (now := time.monotonic()) < give_up_at:
            if not self._threads - {self._own} and now - self._changed_at >= QUIET:
                return
            time.sleep(QUIET / 10)


@contextmanager
def requests_in_flight() -> Iterator[InFlight]:
    in_flight = InFlight()
    request_started.connect(in_flight.starts)
    request_finished.connect(in_flight.ends)
    try:
        yield in_flight
    finally:
        request_started.disconnect(in_flight.starts)
        request_finished.disconnect(in_flight.ends)
