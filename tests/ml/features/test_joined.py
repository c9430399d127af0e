"""What was done by whom nobody knew yet to be the same person is in no earlier row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from personalization import shortcuts
from personalization.clock import microseconds
from personalization.ml.features.joined import Joined, Link
from personalization.ml.features.table import feature_table
from personalization.profiles.models import Identity, Snapshot
from personalization.testing import drain
from tests.effort import examples

DAY = timedelta(days=1)
FEATURES = ("orders.count", "pages.count", "recency.first")


@pytest.fixture
def shopper(db: None) -> Callable[[], int]:
    """Return who bought something as a user nine days ago, came as nobody five days ago, and logged
    in a day ago."""

    def make() -> int:
        now = timezone.now()
        shortcuts.track("Order Completed", user_id="u", timestamp=now - 9 * DAY)
        shortcuts.track("Page Viewed", anonymous_id="a", timestamp=now - 5 * DAY)
        shortcuts.track("Page Viewed", user_id="u", anonymous_id="a", timestamp=now - DAY)
        drain()
        (profile_id,) = set(Identity.objects.values_list("profile", flat=True))
        Snapshot.objects.update(consents={"personalization": True})
        return profile_id

    return make


def row(profile_id: int, at: datetime) -> list[float]:
    found = feature_table([(profile_id, microseconds(at))], features=FEATURES)
    return [round(float(value), 2) for value in found.rows[0]]


def test_before_they_log_in_nobody_knows_what_they_bought(shopper: Callable[[], int]) -> None:
    profile_id, now = shopper(), timezone.now()
    assert row(profile_id, now - 8 * DAY) == [1, 0, 1]
    assert row(profile_id, now - 4 * DAY) == [0, 1, 1]
    assert row(profile_id, now - DAY / 2) == [1, 2, 8.5]


def test_each_row_of_one_profile_knows_as_much_as_was_known_then(
    shopper: Callable[[], int], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    profile_id, now = shopper(), timezone.now()
    wanted = [(profile_id, microseconds(now - days * DAY)) for days in (0, 4, 8)]
    with django_assert_num_queries(4):
        found = feature_table(wanted, features=FEATURES[:2])
    assert found.rows.tolist() == [[1, 2], [0, 1], [1, 0]]
    with django_assert_num_queries(3):  # as of now there is no later link
        feature_table(wanted[:1], features=FEATURES)


LINKS = st.lists(
    st.builds(Link, st.integers(0, 9), st.integers(0, 6), st.integers(0, 6)), max_size=12
)


@given(LINKS, st.integers(0, 6), st.integers(-1, 10))
@examples(100)
def test_strangers_grow_fewer_and_are_none_in_the_end(links: Any, identity: int, at: int) -> None:
    joined = Joined(links)
    strangers = joined.strangers(identity, at=at)
    assert identity not in strangers
    assert joined.strangers(identity, at=at + 1) <= strangers
    assert joined.strangers(identity, at=9) == frozenset()
    # It is mutual: who is strange to somebody, to whom they are strange.
    assert all(identity in joined.strangers(each, at=at) for each in strangers)


def test_who_is_joined_by_no_link_is_no_stranger() -> None:
    joined = Joined([Link(5, 1, 2), Link(7, 2, 3), Link(1, 8, 9)])
    assert joined.strangers(1, at=4) == {2, 3}
    assert joined.strangers(1, at=5) == {3}
    assert joined.strangers(3, at=6) == {1, 2}
    assert joined.strangers(8, at=4) == frozenset()
