"""The table of features read from the event log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.ml.features import table
from personalization.ml.features.definitions import UnknownFeature
from personalization.ml.features.shipped import names
from personalization.ml.features.table import feature_table
from personalization.profiles.models import Profile
from personalization.segments.rebuild import rebuild_profiles
from tests.ml.features.pasts import NOW

pytestmark = pytest.mark.django_db
AGREED = {"personalization": True}
HOUR = timedelta(hours=1)

Make = Callable[..., Any]


@pytest.fixture
def shopper(make_profile: Make, make_event: Make) -> Profile:
    profile: Profile = make_profile(consents=AGREED)
    for hours, name, properties in (
        (50, "Page Viewed", {"path": "/shop/1"}),
        (49, "Product Added", {"product_id": "p1"}),
        (48, "Order Completed", {"order_id": "o1", "total": 12.5}),
        (1, "Page Viewed", {"path": "/shop/2"}),
    ):
        kind = "page" if name == "Page Viewed" else "track"
        make_event(profile, name, at=NOW - hours * HOUR, properties=properties, type=kind)
    return profile


def test_each_row_is_of_its_instant(shopper: Profile) -> None:
    instants = [microseconds(NOW - hours * HOUR) for hours in (51, 50, 48, 0)]
    found = feature_table(
        [(shopper.pk, at) for at in instants],
        features=["events.count", "orders.revenue", "recency.first"],
    )
    np.testing.assert_allclose(
        found.rows, [[0, 0, np.nan], [1, 0, 0], [3, 12.5, 2 / 24], [4, 12.5, 50 / 24]]
    )
    assert found.at.tolist() == instants
    assert found.visitors.tolist() == [0, 0, 0, 0]
    assert found.profile(2) == shopper.pk


def test_what_is_stored_later_changes_no_earlier_row(shopper: Profile, make_event: Make) -> None:
    wanted = [(shopper.pk, microseconds(NOW - hours * HOUR)) for hours in (50, 10)]
    before = feature_table(wanted)
    make_event(shopper, "Order Completed", at=NOW, properties={"total": 99})
    make_event(shopper, "Page Viewed", at=NOW - 9 * HOUR, type="page")
    np.testing.assert_array_equal(feature_table(wanted).rows, before.rows)


def test_the_order_in_which_events_came_changes_nothing(shopper: Profile) -> None:
    wanted = [(shopper.pk, microseconds(NOW))]
    before = feature_table(wanted)
    stored = list(Event.objects.filter(identity__profile=shopper))
    Event.objects.all().delete()
    Random(3).shuffle(stored)
    for event in stored:
        event.pk = None
        event.save()
    np.testing.assert_array_equal(feature_table(wanted).rows, before.rows)


def test_sums_are_those_of_the_snapshot(shopper: Profile) -> None:
    rebuild_profiles([shopper.pk], now=NOW)
    shopper.snapshot.refresh_from_db()
    known = {
        name: value for name, value in shopper.snapshot.features.items() if name != "interest.score"
    }
    found = feature_table([(shopper.pk, microseconds(NOW))], features=list(known))
    assert dict(zip(found.features, found.rows[0], strict=True)) == known


def test_events_of_all_identities_count_and_of_nobody_else(
    shopper: Profile, make_profile: Make, make_event: Make
) -> None:
    other = make_profile(consents=AGREED)
    make_event(other, "Order Completed", at=NOW - HOUR, properties={"total": 5})
    wanted = [(each.pk, microseconds(NOW)) for each in (other, shopper)]
    names = ["orders.revenue"]
    assert feature_table(wanted, features=names).rows.tolist() == [[5], [12.5]]
    other.identities.update(profile=shopper)
    assert feature_table(wanted, features=names).rows.tolist() == [[0], [17.5]]


@pytest.mark.parametrize("consents", [{}, {"personalization": False}, {"analytics": True}])
def test_who_does_not_consent_has_no_row(
    shopper: Profile, make_profile: Make, make_event: Make, consents: Any
) -> None:
    other = make_profile(consents=consents)
    make_event(other, "Order Completed", at=NOW - HOUR)
    wanted = [(each.pk, microseconds(NOW)) for each in (other, shopper, other)]
    found = feature_table(wanted)
    assert found.profiles == (shopper.pk,)
    assert found.rows.shape == (1, len(names()))
    assert found.visitors.tolist() == [0]


def test_rows_stand_in_the_order_they_were_asked_for(
    make_profile: Make, make_event: Make, monkeypatch: Any
) -> None:
    monkeypatch.setattr(table, "_PEOPLE", 2)  # in several chunks
    people = [make_profile(consents=AGREED) for _ in range(5)]
    for number, profile in enumerate(people):
        for hours in range(number):
            make_event(profile, "Page Viewed", at=NOW - hours * HOUR)
    wanted = [(people[number].pk, microseconds(NOW)) for number in (3, 0, 4, 3, 1)]
    found = feature_table(wanted, features=["pages.count"])
    assert found.rows[:, 0].tolist() == [3, 0, 4, 3, 1]
    assert found.visitors.tolist() == [0, 1, 2, 0, 3]


def test_three_queries_are_enough_for_many_people(
    make_profile: Make, make_event: Make, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    people = [make_profile(consents=AGREED) for _ in range(4)]
    for profile in people:
        make_event(profile, "Page Viewed", at=NOW)
    with django_assert_num_queries(3):
        feature_table([(profile.pk, microseconds(NOW)) for profile in people] * 3)


def test_nobody_has_no_rows(make_profile: Make) -> None:
    stranger = make_profile()
    for wanted in ([], [(stranger.pk, microseconds(NOW))], [(10**9, microseconds(NOW))]):
        found = feature_table(wanted)
        assert len(found) == 0
        assert found.rows.shape == (0, len(names()))


def test_a_feature_that_there_is_not_is_refused(shopper: Profile) -> None:
    with pytest.raises(UnknownFeature, match="orders.number"):
        feature_table([(shopper.pk, microseconds(NOW))], features=["orders.number"])


def test_the_version_follows_the_gap_between_visits(shopper: Profile, settings: Any) -> None:
    wanted = [(shopper.pk, microseconds(NOW))]
    usual = feature_table(wanted)
    settings.PERSONALIZATION_VISIT_GAP = 3 * HOUR
    longer = feature_table(wanted)
    assert longer.version != usual.version
    assert longer.features == usual.features
