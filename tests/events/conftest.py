from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from personalization.events.partitions import TABLE, months


@pytest.fixture
def no_months() -> Iterator[None]:
    """Take the months away that a test made and committed."""
    yield
    with connection.cursor() as cursor:
        for month in months():
            cursor.execute(f"DROP TABLE {month.table}")
    assert months() == [], f"{TABLE} has months still"
