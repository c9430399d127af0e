from __future__ import annotations

from collections.abc import Iterator

import pytest

from personalization.ml.threads import one_thread


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """As models are trained: threads that wait for each other make short fits long."""
    with one_thread():
        yield
