"""What others do at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def meanwhile(*works: Callable[[], object]) -> Iterator[None]:
    """Do each work again and again in a thread of its own; fail if one fails."""
    done, failures = threading.Event(), []

    def repeat(work: Callable[[], object]) -> None:
        try:
            while not done.is_set():
                work()
        except Exception as error:  # noqa: BLE001 - handed over to the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
