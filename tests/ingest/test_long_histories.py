"""Whoever has very many events holds up nobody: neither events nor those who are scored beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from personalization.ingest import just_here
from personalization.ingest import scores as scoring
from personalization.ingest.histories import LONG, counted, portions, short
from personalization.ingest.scores import JUST, score_everybody, score_just_here, score_profiles
from personalization.profiles.features import EVENTS
from personalization.profiles.models import Profile, Snapshot
from personalization.segments.rebuild import CHUNK
from tests.ingest.test_scoring_at_once import (
    LATER,
    NAME,
    asked,
    looks,
    people,
    serves,
    version,
)

__all__ = ["asked", "serves"]

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE, PATIENT = timedelta(0), timedelta(minutes=1)
#: No one's turn: those who are asked about were just here.
NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)


def have(events: int, profile_ids: list[int]) -> list[int]:
    Snapshot.objects.filter(pk__in=profile_ids).update(sums={EVENTS: events})
    return profile_ids


def here(n: int, *, events: int = 10, at: datetime | None = None) -> list[int]:
    """Return people who were just here, with so many events each."""
    return have(events, people(n, last_seen=at or timezone.now()))


# -- right after events are stored ---------------------------------------------------------


def test_whose_history_is_long_is_left_to_the_sweep(serves: object, asked: list[int]) -> None:
    (at_most,), (longer,), (brief,) = here(1, events=LONG), here(1, events=LONG + 1), here(1)
    just_here.note([at_most, longer, brief])
    score_just_here(now=timezone.now(), budget=PATIENT)
    assert asked == [brief, at_most]
    asked.clear()
    score_profiles(now=timezone.now())
    assert asked == [at_most, brief, longer]


def test_it_is_known_of_events_that_were_stored_just_now(
    serves: object, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("personalization.ingest.histories.LONG", 3)
    (one,) = looks("u1", "u1", "u1", "u1")
    assert counted(Snapshot.objects.all()) == [(one, 4)]
    score_just_here(now=timezone.now(), budget=PATIENT)
    assert asked == []


def test_between_two_looks_at_the_clock_no_more_events_are_read_than_of_one(
    serves: object, asked: list[int]
) -> None:
    known = here(scoring.TOGETHER, events=LONG // 3)
    just_here.note(known)
    score_just_here(now=timezone.now(), budget=AT_ONCE)
    assert asked == list(reversed(known))[:3]


def test_it_costs_no_more_queries(
    serves: object, asked: list[int], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """The names of what serves, and who was here: nobody is left to be asked about."""
    just_here.note(here(3, events=LONG + 1))
    with django_assert_max_num_queries(2):
        score_just_here(now=timezone.now())


@given(st.lists(st.integers(0, 2 * LONG), max_size=40), st.integers(1, 12))
def test_portions_are_small_and_all_there_are(events: list[int], most: int) -> None:
    of = dict(enumerate(events))
    found = list(portions(of.items(), most=most))
    assert [pk for portion in found for pk in portion] == list(of)
    for portion in found:
        assert 1 <= len(portion) <= most
        assert len(portion) == 1 or sum(of[pk] for pk in portion) <= LONG
    for one, following in zip(found, found[1:], strict=False):
        assert len(one) == most or sum(of[pk] for pk in (*one, following[0])) > LONG


def test_of_whom_nothing_was_counted_yet_has_no_events() -> None:
    (nothing,), (longer,) = people(1), here(1, events=LONG + 1)
    everybody = Snapshot.objects.order_by("pk")
    assert counted(everybody) == [(nothing, 0), (longer, LONG + 1)]
    assert counted(short(everybody)) == [(nothing, 0)]


# -- the sweep of a minute -----------------------------------------------------------------


def test_the_sweep_asks_about_all_others_first(serves: object, asked: list[int]) -> None:
    first, brief, last = here(2, events=LONG + 1), here(3), here(2, events=LONG + 1)
    score_profiles(now=timezone.now(), budget=PATIENT)
    assert asked[:3] == brief
    assert sorted(asked[3:]) == first + last


def test_the_sweep_does_not_go_on_with_them_for_long(serves: object, asked: list[int]) -> None:
    brief, longer = here(3), here(3, events=LONG + 1)
    score_profiles(now=timezone.now(), budget=AT_ONCE)
    assert asked[:3] == brief
    assert len(asked) == 4
    assert asked[3] in longer


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
def test_each_of_them_comes_to_it_however_little_time_there_is(
    n: int, serves: object, asked: list[int]
) -> None:
    longer = here(n, events=LONG + 1, at=NOON)
    for minute in range(n):
        at = NOON + timedelta(minutes=minute)
        Snapshot.objects.update(last_seen=at - JUST / 2)
        score_profiles(now=at, budget=AT_ONCE)
    assert sorted(asked) == longer


@pytest.mark.parametrize("n", [2, 3, 11])
def test_so_does_each_of_those_whose_turn_is_at_the_same_minute(
    n: int, serves: object, asked: list[int]
) -> None:
    """They are asked about on no other minute of the day."""
    turn = int(NOON.timestamp()) // 60 % scoring._TURNS
    mine = [turn + scoring._TURNS * step for step in range(n)]
    Profile.objects.bulk_create(Profile(pk=pk) for pk in mine)
    Snapshot.objects.bulk_create(
        Snapshot(profile_id=pk, sums={EVENTS: LONG + 1}, last_seen=NOON - timedelta(days=1))
        for pk in mine
    )
    for day in range(n):
        score_profiles(now=NOON + timedelta(days=day), budget=AT_ONCE)
    assert sorted(asked) == mine


# -- a new version -------------------------------------------------------------------------


def test_a_new_version_is_asked_about_all_others(asked: list[int]) -> None:
    """It runs between events, too."""
    before, longer, after = here(2), here(CHUNK, events=LONG + 1), here(2)
    new = version(NAME, scored_up_to=0)
    version(LATER)
    assert score_everybody(now=timezone.now(), budget=PATIENT) == 4
    assert asked == before + after
    new.refresh_from_db()
    assert new.scored_up_to is None
    asked.clear()
    score_profiles(now=timezone.now(), budget=PATIENT)
    assert set(longer) < set(asked)
