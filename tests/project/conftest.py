from __future__ import annotations

import pytest

from project.shop.seed import seed


@pytest.fixture
def shop(db: None) -> None:
    """The shop with its catalogue, segments and slots."""
    seed()
