"""As whoever trains does: one thread, so that small sums do not wait for busy cores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from personalization.ml.threads import one_thread


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    with one_thread():
        yield
