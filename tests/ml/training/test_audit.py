"""What a version was made of, against what the log says now."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.events.models import Event
from personalization.ml.models import FeedbackWeight, ModelVersion
from personalization.ml.training.audit import recounted
from personalization.ml.training.log import interactions
from personalization.profiles.models import Profile, Snapshot
from tests.ml.training.visitors import Does, MakeProfile, after

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(visitor: MakeProfile, does: Does) -> list[Profile]:
    """Two visitors who did three things with items before the window ended, and one later."""
    one, other = visitor(), visitor()
    does(one, "Product Viewed", 0, product_id="sock")
    does(one, "Order Completed", 1, products=[{"sku": "sock"}, {"sku": "shoe"}])
    does(other, "Product Viewed", 70, product_id="sock")
    Event.objects.update(received_at=after(1))
    return [one, other]


@pytest.fixture
def version(people: list[Profile]) -> ModelVersion:
    since, until = after(-60), after(60)
    return ModelVersion.objects.create(
        name="recommend", number=1, algorithm="stack", window_from=since, window_until=until,
        rows=len(interactions(since=since, until=until)),
    )  # fmt: skip


def test_where_nothing_changed_the_log_has_the_same_rows(version: ModelVersion) -> None:
    found = recounted(version)
    assert found is not None
    assert (found.kept, found.counted, found.difference, found.late) == (3, 3, 0, 0)
    assert found.words() == "The log has the same 3 rows."


def test_who_takes_consent_back_is_missed(version: ModelVersion, people: list[Profile]) -> None:
    Snapshot.objects.filter(pk=people[0].pk).update(consents={})
    found = recounted(version)
    assert found is not None
    assert (found.counted, found.difference) == (0, -3)
    assert "made of 3 rows, and the log has 0 now: visitors were erased" in found.words()


def test_what_came_late_is_told(version: ModelVersion, people: list[Profile], does: Does) -> None:
    does(people[0], "Product Viewed", 30, product_id="hat")
    Event.objects.filter(properties__product_id="hat").update(received_at=after(90))
    found = recounted(version)
    assert found is not None
    assert (found.difference, found.late) == (1, 1)
    assert found.words().endswith(" 1 event of the window arrived after its end.")


def test_other_weights_make_other_rows(version: ModelVersion) -> None:
    FeedbackWeight.objects.create(event="Order Completed", weight=0)
    found = recounted(version)
    assert found is not None
    assert found.difference == -2


@pytest.mark.parametrize(
    "other", [{"name": "churn"}, {"window_from": None}, {"window_until": None}]
)
def test_of_other_versions_there_is_nothing_to_count(
    version: ModelVersion, other: dict[str, Any]
) -> None:
    for name, value in other.items():
        setattr(version, name, value)
    assert recounted(version) is None
