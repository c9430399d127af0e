"""Visits: events less than a gap apart, in whatever order they come in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

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


def _add(profile: Profile, moments: list[datetime]) -> int:
    return add_to_visits({profile.pk: moments}, gap=GAP)[profile.pk].more


def _replace(profile: Profile, moments: list[datetime]) -> int:
    return len(replace_visits({profile.pk: moments}, gap=GAP)[profile.pk])


def rows(profile: Profile) -> list[tuple[datetime, datetime, int]]:
    visits = Visit.objects.filter(profile=profile).order_by("started_at")
    return [(visit.started_at, visit.ended_at, visit.events) for visit in visits]


@pytest.mark.django_db
def test_a_late_event_joins_two_visits(make_profile: Callable[..., Profile]) -> None:
    profile = make_profile()
    assert _add(profile, [at(0), at(40)]) == 2
    assert _add(profile, [at(20)]) == -1
    assert rows(profile) == [(at(0), at(40), 3)]


@pytest.mark.django_db
def test_a_late_event_can_make_an_earlier_visit(make_profile: Callable[..., Profile]) -> None:
    profile = make_profile()
    _add(profile, [at(0)])
    assert _add(profile, [at(-30)]) == 1
    assert rows(profile) == [(at(-30), at(-30), 1), (at(0), at(0), 1)]


@pytest.mark.django_db
def test_visits_of_others_are_left_alone(make_profile: Callable[..., Profile]) -> None:
    alice, bob = make_profile(), make_profile()
    _add(alice, [at(0)])
    _add(bob, [at(1)])
    _replace(bob, [])
    assert (len(rows(alice)), len(rows(bob))) == (1, 0)


@pytest.mark.django_db
def test_many_profiles_cost_as_many_statements_as_one(
    make_profile: Callable[..., Profile], django_assert_num_queries: Any
) -> None:
    people = [make_profile() for _ in range(30)]
    for person in people:
        _add(person, [at(0), at(40)])
    with django_assert_num_queries(3):  # read; remove what was joined; write
        more = add_to_visits({person.pk: [at(20), at(500)] for person in people}, gap=GAP)
    assert {visited.more for visited in more.values()} == {0}
    assert {visited.newest for visited in more.values()} == {Span(at(500), at(500))}
    assert all(rows(person) == [(at(0), at(40), 3), (at(500), at(500), 1)] for person in people)


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
        n = sum(_add(live, [at(m) for m in batch]) for batch in batches)
        moments = [at(minutes) for batch in batches for minutes in batch]
        assert n == _replace(rebuilt, moments) == len(rows(live))
        assert rows(live) == rows(rebuilt)
        transaction.set_rollback(True)
