"""Items that a recommender learns of: those of the log, and whatever else may be recommended."""

from __future__ import annotations

import math

import pytest

from personalization.clock import microseconds
from personalization.ml.interactions import Interactions, interactions_of
from personalization.ml.models import Item
from personalization.ml.training import catalogue, recommending
from personalization.ml.training.plans import Order
from tests.few_values import few_values
from tests.ml.training.conftest import DAY, NOW
from tests.ml.training.counting import plan

pytestmark = pytest.mark.django_db
#: Values that a statement may have here.
FEW = 60


def logged(keys: list[str]) -> Interactions:
    """Return twenty visitors who each look at every one of some items."""
    at = microseconds(NOW - DAY)
    return interactions_of(
        [(who, who, key, "Product Viewed", math.nan, at) for who in range(20) for key in keys]
    )


def test_a_log_of_any_number_of_items_is_learned_with_all_that_may_be_recommended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of the log first, in use or not, then the others in use by their keys."""
    seen = [f"seen-{n:03d}" for n in range(2 * FEW)]
    monkeypatch.setattr(catalogue, "CHUNK", FEW)
    monkeypatch.setattr(recommending, "interactions", lambda **_: logged(seen))
    Item.objects.bulk_create(
        [
            *(Item(key=key, title=key, is_active=n % 2 == 0) for n, key in enumerate(seen)),
            *(Item(key=f"new-{n}") for n in (2, 1)),
            Item(key="new-off", is_active=False),
        ],
        batch_size=2,
    )
    order = Order(plan=plan(), since=NOW - 2 * DAY, until=NOW, progress=lambda *_: None)
    with few_values(FEW):
        found = recommending._dataset(order).catalogue
    assert found is not None
    assert found.items == (*seen, "new-1", "new-2")
    assert found.texts == (*seen, "", "")
