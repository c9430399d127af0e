"""What a test server is still answering."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.core.signals import request_finished, request_started

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: How long nothing may come before nothing more is expected, in seconds.
QUIET = 0.1
#: How long a request may take before it is no longer waited for, in seconds.
PATIENCE = 60.0


#: For how long a page that has loaded asks nothing before it is done, in seconds.
SETTLED = 0.6


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

    def wait_for_none(
        self, *, quiet: float = QUIET, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        give_up_at = time.monotonic() + PATIENCE
        while (now := time.monotonic()) < give_up_at:
            if not self._threads - {self._own} and now - self._changed_at >= quiet:
                return
            sleep(QUIET / 10)


@contextmanager
def requests_in_flight() -> Iterator[InFlight]:
    global _watching
    in_flight = _watching = InFlight()
    request_started.connect(in_flight.starts)
    request_finished.connect(in_flight.ends)
    try:
        yield in_flight
    finally:
        request_started.disconnect(in_flight.starts)
        request_finished.disconnect(in_flight.ends)
        _watching = None


_watching: InFlight | None = None


def settle(page: Page) -> None:
    """Wait until the page has loaded and asks nothing of the test server any more.

    A browser never says that of a page whose last one was left while it still sent something:
    nobody is told how that ended.
    """
    assert _watching is not None, "the test has no live_server"
    page.wait_for_timeout(1)  # so that what was clicked is under way
    _watching.wait_for_none(
        quiet=SETTLED, sleep=lambda seconds: page.wait_for_timeout(seconds * 1000)
    )
    page.wait_for_load_state("load")
