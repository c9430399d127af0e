"""Head counts from a sample: right on average, and off by no more than they say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.profiles.models import Profile, Snapshot
from personalization.segments import estimate
from personalization.segments.estimate import Estimate, estimate_matching
from personalization.segments.population import count_matching, linked
from tests.rules.building import happened, none_of, rule, trait

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def drawn(matched: int, looked_at: int, total: int) -> Estimate:
    return Estimate(matched=matched, looked_at=looked_at, total=total)


@pytest.fixture
def crowd() -> int:
    """Many visitors, of whom every third is on the plan “pro”.

    Their numbers decide who is in a sample, so they are the same whichever tests ran before:
    of all samples there are, one in twenty is further off than it says.
    """
    ids = range(5_000_000, 5_003_000)
    Profile.objects.bulk_create(Profile(pk=pk) for pk in ids)
    Snapshot.objects.bulk_create(
        Snapshot(profile_id=pk, traits={"plan": "pro" if n % 3 == 0 else "free"})
        for n, pk in enumerate(ids)
    )
    return len(ids)


# -- the interval ---------------------------------------------------------------------------


def test_half_of_two_thousand_says_two_percent() -> None:
    half = drawn(1000, 2000, 1_000_000)
    assert half.count == 500_000
    assert half.interval() == pytest.approx((478_000, 522_000), abs=1000)


def test_none_seen_does_not_mean_none() -> None:
    low, high = drawn(0, 2000, 1_000_000).interval()
    assert low == 0
    assert 1500 < high < 2500, "about three or four of the sample's size, in the whole"


def test_what_was_seen_is_certain() -> None:
    low, high = drawn(3, 100, 110).interval()
    assert low >= 3
    assert high <= 110 - 97


def test_everybody_looked_at_leaves_no_doubt() -> None:
    assert drawn(7, 50, 50).interval() == (7, 7)
    assert drawn(0, 0, 0).interval() == (0, 0)


@given(total=st.integers(1, 10**8), data=st.data())
def test_the_count_lies_in_its_interval(total: int, data: st.DataObject) -> None:
    looked_at = data.draw(st.integers(1, min(total, 5000)))
    matched = data.draw(st.integers(0, looked_at))
    guess = drawn(matched, looked_at, total)
    low, high = guess.interval()
    assert 0 <= low <= guess.count <= high <= total
    assert low == high or looked_at < total


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.97])
def test_the_truth_lies_in_the_interval_ninety_five_times_of_a_hundred(share: float) -> None:
    rng = Random(5)
    total, looked_at = 20_000, 1000
    matching = round(total * share)
    crowd = [True] * matching + [False] * (total - matching)
    inside = 0
    for _ in range(400):
        low, high = drawn(sum(rng.sample(crowd, looked_at)), looked_at, total).interval()
        inside += low <= matching <= high
    assert 0.92 <= inside / 400 <= 0.99


# -- the sample -------------------------------------------------------------------------------


def test_a_sample_tells_of_the_whole(crowd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "SAMPLE", 600)
    pro = linked(rule(trait("plan", "=", "pro")))
    found = estimate_matching(pro, now=NOW, total=crowd)
    assert 500 <= found.looked_at <= 700
    low, high = found.interval()
    assert low <= count_matching(pro, now=NOW) == 1000 <= high


def test_the_same_visitors_are_looked_at_each_time(
    crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "SAMPLE", 600)
    pro = linked(rule(trait("plan", "=", "pro")))
    free = linked(rule(none_of(trait("plan", "=", "pro"))))
    first, other = (estimate_matching(each, now=NOW, total=crowd) for each in (pro, free))
    assert first == estimate_matching(pro, now=NOW, total=crowd)
    assert first.matched + other.matched == first.looked_at == other.looked_at


def test_few_visitors_are_all_looked_at(
    make_profile: Callable[..., Profile], make_event: Callable[..., object]
) -> None:
    alice, _bob = make_profile(), make_profile()
    make_event(alice, "Order Completed", at=NOW - timedelta(hours=1))
    ordered = linked(rule(happened("Order Completed", last="P1D")))
    assert estimate_matching(ordered, now=NOW, total=2) == drawn(1, 2, 2)


def test_only_events_of_the_sample_are_counted(
    crowd: int, monkeypatch: pytest.MonkeyPatch, make_event: Callable[..., object]
) -> None:
    monkeypatch.setattr(estimate, "SAMPLE", 100)
    for profile in Profile.objects.order_by("pk")[:40]:
        profile.identities.create(namespace="anonymous", value=f"device {profile.pk}")
        make_event(profile, "Order Completed", at=NOW - timedelta(hours=1))
    ordered = linked(rule(happened("Order Completed", last="P1D")))
    never = linked(rule(none_of(happened("Order Completed", last="P1D"))))
    some = estimate_matching(ordered, now=NOW, total=crowd)
    rest = estimate_matching(never, now=NOW, total=crowd)
    assert some.matched + rest.matched == some.looked_at
    assert some.interval()[0] <= 40 <= some.interval()[1]


def test_nobody_at_all_is_no_error() -> None:
    assert estimate_matching(linked(rule(trait("plan", "=", "pro"))), now=NOW, total=0).count == 0
