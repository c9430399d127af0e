"""Filling thousands of profiles at once gives what rebuilding each of them gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.segments import backfill, filling
from personalization.segments.live import forget, live_rules
from personalization.segments.models import Membership, Segment, Webhook, WebhookDelivery
from personalization.segments.population import matching, members
from personalization.segments.rebuild import checksum, rebuild_profiles
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from tests.effort import Tries, some_or_all
from tests.rules.building import (
    both,
    either,
    feature,
    happened,
    none_of,
    prop,
    rule,
    segment,
    trait,
)
from tests.segments.conftest import Told, rows, snapshot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Happen = Callable[..., None]

SHOES = both(prop("category", "=", "shoes"))
#: Those of the first half SQL tells of, at least of most profiles.
RULES: list[Any] = [
    rule(happened("Product Added", last="PT3H")),
    rule(happened("Product Added", ">=", 2, last="PT4H"), none_of(happened("Order Completed"))),
    rule(happened("Product Added", last="PT3H"), happened("Product Added", "=", 0, last="PT1H")),
    rule(happened("Product Added", "=", 2, last="PT5H", where=SHOES)),
    rule(happened("Order Completed", "<", 2, last="PT6H")),
    rule(happened("Order Completed", "!=", 1)),
    rule(trait("plan", "=", "pro"), feature("orders.count", ">=", 1)),
    rule(either(trait("plan", "=", "pro"), happened("Page Viewed", last="PT2H"))),
    rule(either(trait("plan", "=", "free"), none_of(happened("Page Viewed", last="PT2H")))),
    rule(either(happened("Page Viewed", last="PT2H"), happened("Product Added", last="PT5H"))),
    rule(both(happened("Page Viewed", last="PT2H"), trait("plan", "=", "pro"), negated=True)),
    rule({"kind": "recency", "event": "Page Viewed", "operator": ">=", "value": "PT2H"}),
    rule({"kind": "recency", "event": "Page Viewed", "operator": "<=", "value": "PT5H"}),
    rule({"kind": "recency", "event": "Order Completed", "which": "first", "operator": ">", "value": "PT1H"}),
    rule(segment("rule-0"), happened("Page Viewed", ">=", 3)),
    # Left to the evaluation in memory.
    rule(happened("Product Added", "!=", 1, last="PT3H")),
    rule(either(happened("Page Viewed", last="PT1H"), none_of(happened("Page Viewed", last="PT3H")))),
    rule({**happened("Order Completed", ">=", 20, last="PT6H"), "aggregate": "sum", "prop": "total"}),
    rule({**happened("Product Added", ">=", 2), "aggregate": "distinct", "prop": "category"}),
    rule({"kind": "sequence", "steps": [
        {"event": "Product Added"}, {"event": "Order Completed", "within": "PT2H"}]}),
    rule({"kind": "regularity", "event": "Page Viewed", "period": "PT1H", "periods": 4,
          "at_least": 2, "operator": ">=", "value": 1}),
    rule({**happened("Page Viewed", ">=", 2), "scope": "visit"}),
]  # fmt: skip

WHAT: list[tuple[str, str, dict[str, Any]]] = [
    ("track", "Product Added", {"category": "shoes"}),
    ("track", "Product Added", {"category": "hats"}),
    ("track", "Order Completed", {"total": 19.99}),
    ("track", "Page Viewed", {}),
    ("identify", "identify", {"plan": "pro"}),
    ("identify", "identify", {"plan": "free"}),
]


@contextmanager
def rolled_back() -> Iterator[None]:
    """Give each example of a property test a database of its own."""
    forget()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def told_of(kept: Snapshot) -> Any:
    return (checksum(kept), kept.memberships, kept.due_at, kept.plan)


def table() -> list[Any]:
    found = Membership.objects.order_by("version", "profile", "since")
    return list(found.values_list("version", "profile", "since", "until", "settled"))


def agree_with_the_log(now: datetime) -> None:
    """Rebuild everybody, and see that nothing changes."""
    filled = {one.pk: told_of(one) for one in Snapshot.objects.all()}
    written = table()
    rebuild_profiles(filled, now=now)
    assert {one.pk: told_of(one) for one in Snapshot.objects.all()} == filled
    assert table() == written


_histories = st.lists(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 420)), max_size=9), min_size=1, max_size=5
)


@some_or_all(60)
def test_back_filling_and_rebuilding_are_the_same(
    tries: Tries,
    make_profile: Callable[..., Profile],
    make_segment: Callable[..., Segment],
    happen: Happen,
) -> None:
    @tries
    @given(_histories, st.randoms(use_true_random=False))
    def holds(histories: list[list[tuple[int, int]]], random: random.Random) -> None:
        with rolled_back():
            for history in histories:
                profile = make_profile()
                for kind, minutes in history:
                    type_, name, properties = WHAT[kind]
                    at = NOW - minutes * MINUTE
                    happen(profile, name, at=at, now=NOW, kind=type_, **properties)
            made = [make_segment(f"rule-{n}", stored) for n, stored in enumerate(RULES)]
            refresh_segments(now=NOW)
            agree_with_the_log(NOW)
            for one in random.sample(made, 4):  # edited rules are filled beside those that serve
                if one.slug != "rule-0":
                    one.rule = rule(random.choice(RULES)["root"])
                    one.save()
            refresh_segments(now=NOW + HOUR)
            settle_memberships(now=NOW + HOUR)
            agree_with_the_log(NOW + HOUR)
            for one in made:
                expected = matching(live_rules().rules[one.pk], now=NOW + HOUR)
                assert set(members(one, now=NOW + HOUR).values_list("pk", flat=True)) == expected

    holds()


# -- in one statement ----------------------------------------------------------------------

bulk = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="this database fills profile by profile"
)


@pytest.fixture
def nothing_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("evaluated in memory")

    monkeypatch.setattr(backfill, "fill", refuse)
    monkeypatch.setattr(filling, "fill", refuse)


@bulk
def test_what_sql_can_tell_is_never_looked_at_in_memory(
    make_profile: Callable[..., Profile],
    make_segment: Callable[..., Segment],
    happen: Happen,
    told: Told,
    nothing_in_memory: None,
) -> None:
    cart, guest = make_profile(), make_profile()
    happen(cart, "Product Added", at=NOW - HOUR)
    happen(guest, "Page Viewed", at=NOW - HOUR)
    made = [make_segment(f"rule-{n}", stored) for n, stored in enumerate(RULES[:3])]
    refresh_segments(now=NOW)
    assert rows(cart, made[0]) == [(NOW, NOW + 2 * HOUR, False)]
    assert rows(cart, made[2]) == [(NOW, NOW + 2 * HOUR, False)]
    assert rows(guest, made[0]) == []
    assert snapshot(cart).due_at == NOW + 2 * HOUR
    assert sorted(told) == [
        ("entered", "rule-0", cart.pk, NOW),
        ("entered", "rule-2", cart.pk, NOW),
    ]


@bulk
def test_an_absence_is_kept_ahead_and_ripens(
    make_profile: Callable[..., Profile],
    make_segment: Callable[..., Segment],
    happen: Happen,
    told: Told,
    nothing_in_memory: None,
) -> None:
    visitor = make_profile()
    happen(visitor, "Product Added", at=NOW - MINUTE)
    made = make_segment("rule-2", RULES[2])
    refresh_segments(now=NOW)
    assert rows(visitor, made) == [(NOW + HOUR - MINUTE, NOW + 3 * HOUR - MINUTE, False)]
    assert told == []
    settle_memberships(now=NOW + HOUR)
    assert told == [("entered", "rule-2", visitor.pk, NOW + HOUR - MINUTE)]


@bulk
def test_an_edited_rule_is_filled_in_sql_with_since_of_the_one_that_serves(
    make_profile: Callable[..., Profile],
    make_segment: Callable[..., Segment],
    happen: Happen,
    told: Told,
    nothing_in_memory: None,
) -> None:
    visitor, other = make_profile(), make_profile()
    happen(visitor, "Product Added", "Product Added", at=NOW - MINUTE)
    happen(other, "Product Added", at=NOW - MINUTE)
    made = make_segment("carts", RULES[0])
    refresh_segments(now=NOW)
    told.clear()
    made.rule = rule(happened("Product Added", ">=", 2, last="PT5H"))
    made.save()
    refresh_segments(now=NOW + HOUR)
    assert rows(visitor, made) == [(NOW, NOW + 5 * HOUR - MINUTE, False)]
    assert told == [("left", "carts", other.pk, NOW + HOUR)]


@bulk
def test_only_profiles_that_sql_cannot_tell_of_are_evaluated_in_memory(
    make_profile: Callable[..., Profile],
    make_segment: Callable[..., Segment],
    happen: Happen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    early, late = make_profile(), make_profile()
    happen(early, "Product Added", at=NOW - HOUR)
    happen(late, "Product Added", at=NOW + HOUR)  # a worker whose clock is ahead
    seen: list[int] = []
    real = filling.fill

    def watch(snapshots: list[Snapshot], *args: Any, **kwargs: Any) -> None:
        seen.extend(one.pk for one in snapshots)
        real(snapshots, *args, **kwargs)

    monkeypatch.setattr(backfill, "fill", watch)
    made = make_segment("carts", RULES[0])
    refresh_segments(now=NOW)
    assert seen == [late.pk]
    assert rows(early, made) == [(NOW, NOW + 2 * HOUR, False)]
    agree_with_the_log(NOW)


@bulk
def test_webhooks_are_told_of_who_was_entered_in_one_statement(
    make_profile: Callable[..., Profile], make_segment: Callable[..., Segment], happen: Happen
) -> None:
    visitor = make_profile(identity="ada")
    key = Key(Identity.ANONYMOUS, "ada")
    record_consent(key, granted=["personalization"], mechanism=Mechanism.BANNER, now=NOW - HOUR)
    happen(visitor, "Product Added", at=NOW - HOUR)
    Webhook.objects.create(name="Mail", url="https://example.com/", secret="s" * 32)
    make_segment("carts", RULES[0])
    refresh_segments(now=NOW)
    assert WebhookDelivery.objects.count() == 1


@bulk
def test_the_reads_of_a_chunk_do_not_grow_with_its_profiles(
    make_profile: Callable[..., Profile],
    make_segment: Callable[..., Segment],
    happen: Happen,
    django_assert_max_num_queries: Any,
) -> None:
    for _ in range(30):
        happen(make_profile(), "Product Added", at=NOW - HOUR)
    for n, stored in enumerate(RULES[:15]):
        make_segment(f"rule-{n}", stored)
    live_rules()
    with django_assert_max_num_queries(100):
        refresh_segments(now=NOW)
    assert Membership.objects.count() > 30
    assert microseconds(NOW) == min(
        since for one in Snapshot.objects.all() for since, *_ in one.memberships.values()
    )
    assert connection.vendor == "postgresql"
