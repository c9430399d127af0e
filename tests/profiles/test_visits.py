"""Visits: events less than a gap apart, in whatever order they come in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from personalization.profiles.models import Profile, Visit
from personalization.profiles.visits import Span, add_to_visits, joined, replace_visits
from tests.effort import examples

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
GAP = timedelta(minutes=30)
MICROSECOND = timedelta(microseconds=1)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def spans(*moments: datetime) -> list[Span]:
    return joined([Span(moment, moment) for moment in moments], gap=GAP)


def test_less_than_the_gap_apart_is_one_visit() -> None:
    end = START + GAP - MICROSECOND
    assert spans(START, end) == [Span(START, end, 2)]


def test_exactly_the_gap_apart_is_two_visits() -> None:
    assert [span.events for span in spans(START, START + GAP)] == [1, 1]


def test_a_chain_of_short_pauses_is_one_visit() -> None:
    assert spans(*(at(20 * n) for n in range(10))) == [Span(at(0), at(180), 10)]


def rows(profile: Profile) -> list[tuple[datetime, datetime, int]]:
    visits = Visit.objects.filter(profile=profile).order_by("started_at")
    return [(visit.started_at, visit.ended_at, visit.events) for visit in visits]


@pytest.mark.django_db
def test_a_late_event_joins_two_visits(make_profile: Callable[..., Profile]) -> None:
    profile = make_profile()
    assert add_to_visits(profile.pk, [at(0), at(40)], gap=GAP) == 2
    assert add_to_visits(profile.pk, [at(20)], gap=GAP) == -1
    assert rows(profile) == [(at(0), at(40), 3)]


@pytest.mark.django_db
def test_a_late_event_can_make_an_earlier_visit(make_profile: Callable[..., Profile]) -> None:
    profile = make_profile()
    add_to_visits(profile.pk, [at(0)], gap=GAP)
    assert add_to_visits(profile.pk, [at(-30)], gap=GAP) == 1
    assert rows(profile) == [(at(-30), at(-30), 1), (at(0), at(0), 1)]


@pytest.mark.django_db
def test_visits_of_others_are_left_alone(make_profile: Callable[..., Profile]) -> None:
    alice, bob = make_profile(), make_profile()
    add_to_visits(alice.pk, [at(0)], gap=GAP)
    add_to_visits(bob.pk, [at(1)], gap=GAP)
    replace_visits(bob.pk, [], gap=GAP)
    assert (len(rows(alice)), len(rows(bob))) == (1, 0)


@pytest.mark.django_db
@examples(60)
@given(
    st.lists(
        st.lists(
            st.sampled_from([0, 10, 20, 29.5, 30, 45, 59, 60, 90, 119]), min_size=1, max_size=5
        ),
        min_size=1,
        max_size=5,
    )
)
def test_batches_add_up_to_the_visits_of_all_events(batches: list[list[float]]) -> None:
    with transaction.atomic():
        live, rebuilt = Profile.objects.create(), Profile.objects.create()
        n = sum(add_to_visits(live.pk, [at(m) for m in batch], gap=GAP) for batch in batches)
        moments = [at(minutes) for batch in batches for minutes in batch]
        assert n == replace_visits(rebuilt.pk, moments, gap=GAP) == len(rows(live))
        assert rows(live) == rows(rebuilt)
        transaction.set_rollback(True)
