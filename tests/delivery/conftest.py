from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from personalization.delivery import published


@pytest.fixture(autouse=True)
def _nothing_kept_from_the_test_before() -> Iterator[None]:
    """A test's transaction is rolled back, and the revision with it."""
    published.forget()
    cache.clear()
    yield
    published.forget()
