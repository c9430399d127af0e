"""The weights of the interest score: edited by a site owner, exact whenever things happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from personalization.profiles.features import SHIPPED_WEIGHTS
from personalization.profiles.models import Profile, Snapshot
from personalization.revisions import Revision
from personalization.segments.interest import InterestWeight, weights_in_force
from personalization.segments.live import live_rules
from personalization.segments.models import Segment
from personalization.segments.population import matching, members
from personalization.segments.rebuild import checksum, derived_snapshots, rebuild_profiles
from personalization.segments.refresh import refresh_segments
from tests.rules.building import feature, happened, rule
from tests.segments.conftest import snapshot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEEN = rule(feature("interest.score", ">=", 9))


def weigh(event: str, weight: int) -> InterestWeight:
    return InterestWeight.objects.create(event=event, weight=weight)


@pytest.fixture
def keen(make_segment: Callable[..., Segment]) -> Segment:
    made = make_segment("keen", KEEN)
    refresh_segments(now=NOW - MINUTE)
    return made


@pytest.fixture
def buyer(keen: Segment, make_profile: Callable[..., Profile], happen: Callable[..., None]) -> Any:
    """Somebody who clicked, put something into the cart and ordered: nine points as shipped."""
    profile = make_profile()
    happen(profile, "Element Clicked", "Product Added", "Order Completed", at=NOW)
    return profile


def agrees_with_the_log(kept: Snapshot, *, now: datetime) -> bool:
    (derived,) = derived_snapshots([kept], live_rules(), now=now)
    return checksum(kept) == checksum(derived)


def score(profile: Profile) -> Any:
    return snapshot(profile).features["interest.score"]


# -- which weights ------------------------------------------------------------------------


def test_what_is_shipped_is_in_force_until_somebody_says_otherwise() -> None:
    assert weights_in_force() == SHIPPED_WEIGHTS
    weigh("Element Clicked", 2)
    weigh("Article Viewed", 4)
    assert weights_in_force() == {**SHIPPED_WEIGHTS, "Element Clicked": 2, "Article Viewed": 4}


def test_nothing_takes_a_shipped_weight_away() -> None:
    weigh("Element Clicked", 0)
    assert "Element Clicked" not in weights_in_force()
    InterestWeight.objects.all().delete()
    assert weights_in_force() == SHIPPED_WEIGHTS


def test_an_event_has_one_weight_of_a_bounded_size() -> None:
    weigh("Article Viewed", 1000).full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        weigh("Article Viewed", 2)
    for weight in (1001, -1001):
        with pytest.raises(ValidationError):
            InterestWeight(event="Engaged", weight=weight).full_clean()


def test_a_change_raises_the_revision_and_names_another_plan() -> None:
    before = live_rules()
    weight = weigh("Article Viewed", 4)
    changed = live_rules()
    assert changed.revision > before.revision
    assert changed.plan.id != before.plan.id
    weight.delete()
    assert live_rules().plan.id == before.plan.id
    assert live_rules().revision == Revision.objects.get().number > changed.revision


# -- what they do -------------------------------------------------------------------------


def test_clicks_carts_and_orders_add_up(buyer: Profile, keen: Segment) -> None:
    assert score(buyer) == 1 + 3 + 5
    assert list(members(keen, now=NOW)) == [buyer]
    assert agrees_with_the_log(snapshot(buyer), now=NOW)


def test_other_weights_are_those_of_what_happened_before(buyer: Profile, keen: Segment) -> None:
    weigh("Order Completed", 1)
    refresh_segments(now=NOW + MINUTE)
    assert score(buyer) == 1 + 3 + 1
    assert list(members(keen, now=NOW + MINUTE)) == []
    assert matching(live_rules().rules[keen.pk], now=NOW + MINUTE) == set()
    assert agrees_with_the_log(snapshot(buyer), now=NOW + MINUTE)


def test_an_event_that_comes_before_the_refresh_is_counted_by_the_new_weights(
    buyer: Profile, happen: Callable[..., None]
) -> None:
    weigh("Product Added", -2)
    happen(buyer, "Product Added", at=NOW + MINUTE)
    assert score(buyer) == 1 - 2 - 2 + 5
    assert agrees_with_the_log(snapshot(buyer), now=NOW + MINUTE)
    kept = checksum(snapshot(buyer))
    rebuild_profiles([buyer.pk], now=NOW + MINUTE)
    assert checksum(snapshot(buyer)) == kept


def test_a_plan_that_keeps_more_is_none_that_keeps_the_same_score(
    buyer: Profile, make_segment: Callable[..., Segment]
) -> None:
    """A snapshot of a wider plan is cut down and not rebuilt, if nothing else is different."""
    more = make_segment("viewers", rule(happened("Page Viewed")))
    refresh_segments(now=NOW + MINUTE)
    more.delete()
    weigh("Order Completed", 50)
    refresh_segments(now=NOW + 2 * MINUTE)
    assert score(buyer) == 1 + 3 + 50


def test_weights_back_as_they_were_find_every_score_again(buyer: Profile) -> None:
    weight = weigh("Order Completed", 50)
    refresh_segments(now=NOW + MINUTE)
    assert score(buyer) == 54
    weight.delete()
    refresh_segments(now=NOW + 2 * MINUTE)
    assert score(buyer) == 9
