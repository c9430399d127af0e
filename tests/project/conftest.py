from __future__ import annotations

import pytest
from django.utils import timezone

from personalization.ml.training.items import sync_items
from project.shop.seed import seed, seed_journal, seed_shelves, seed_sources


@pytest.fixture
def shop(db: None) -> None:
    """The shop with its catalogue, segments and slots."""
    seed()


@pytest.fixture
def shelves(db: None) -> None:
    """What the shop sells and tells, and nothing that personalizes it."""
    seed_shelves()
    seed_journal()
    seed_sources()
    sync_items(now=timezone.now())
