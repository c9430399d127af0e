"""A refresh is a run with a state: it is resumed, held by one worker, and tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, transaction

from personalization.profiles.models import Profile, Snapshot
from personalization.segments import filling, refresh
from personalization.segments.beginning import begin
from personalization.segments.filling import fill_chunk
from personalization.segments.lease import LeaseLost, open_run, take
from personalization.segments.models import Segment
from personalization.segments.population import members
from personalization.segments.progress import RefreshState, refresh_state
from personalization.segments.refresh import refresh_segments
from personalization.segments.runs import LEASE, STUCK, Refresh
from tests.rules.building import feature, rule

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
AT_ONCE = timedelta()
EVERYBODY = rule(feature("orders.count", "<=", 0))
NOBODY = rule(feature("orders.count", ">", 0))
N = 4


@pytest.fixture
def people(make_profile: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch) -> list[Profile]:
    monkeypatch.setattr(filling, "CHUNK", 1)
    monkeypatch.setattr(refresh, "can_backfill", lambda: False)  # the same on every database
    return [make_profile() for _ in range(N)]


@pytest.fixture
def everybody(people: list[Profile], make_segment: Callable[..., Segment]) -> Segment:
    return make_segment("everybody", EVERYBODY)


def turn(now: datetime) -> int:
    return refresh_segments(now=now, budget=AT_ONCE)


def n_in(made: Segment, now: datetime) -> int:
    return members(made, now=now).count()


def state(made: Segment, now: datetime) -> RefreshState:
    return refresh_state(Segment.objects.get(pk=made.pk), now=now)


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The profiles that chunks were filled of, each time."""
    seen: list[int] = []
    real = filling.fill

    def fill(snapshots: list[Snapshot], *args: Any, **kwargs: Any) -> None:
        seen.extend(snapshot.pk for snapshot in snapshots)
        real(snapshots, *args, **kwargs)

    monkeypatch.setattr(filling, "fill", fill)
    return seen


# -- going on ------------------------------------------------------------------------------


def test_each_turn_goes_on_where_the_last_one_ended(
    everybody: Segment, people: list[Profile], filled: list[int]
) -> None:
    for n in range(1, N + 1):
        assert turn(NOW) == 1
        assert n_in(everybody, NOW) == n
    refresh_segments(now=NOW)
    assert filled == [profile.pk for profile in people]


def test_a_killed_worker_loses_the_chunk_it_was_at_and_no_other(
    everybody: Segment, people: list[Profile], filled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(NOW)

    def die(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("personalization.segments.lease.Lease.moved", die)
        with pytest.raises(KeyboardInterrupt):
            turn(NOW)
    assert n_in(everybody, NOW) == 1
    assert refresh_segments(now=NOW + SECOND) == 0  # nobody knows yet that it is dead
    assert refresh_segments(now=NOW + LEASE) == N - 1
    first, second, *others = [profile.pk for profile in people]
    assert filled == [first, second, second, *others]
    assert n_in(everybody, NOW + LEASE) == N


def test_a_profile_that_comes_meanwhile_is_not_forgotten(
    everybody: Segment, make_profile: Callable[..., Profile]
) -> None:
    turn(NOW)
    make_profile()
    refresh_segments(now=NOW)
    assert n_in(everybody, NOW) == N + 1


# -- one worker at a time ------------------------------------------------------------------


def test_while_one_worker_is_at_it_another_finds_nothing_to_do(everybody: Segment) -> None:
    lease = begin(now=NOW)
    assert lease is not None
    assert refresh_segments(now=NOW + LEASE - SECOND) == 0
    lease.release()
    assert refresh_segments(now=NOW + LEASE - SECOND) == N


def test_only_one_run_can_be_open(everybody: Segment) -> None:
    assert open_run(targets={}, total=0, now=NOW) is not None
    assert open_run(targets={}, total=0, now=NOW) is None
    with pytest.raises(IntegrityError), transaction.atomic():
        Refresh.objects.create(started_at=NOW, heartbeat_at=NOW)


def test_of_two_workers_one_gets_the_run(everybody: Segment) -> None:
    run = open_run(targets={}, total=0, now=NOW)
    assert run is not None
    assert take(run, now=NOW) is not None
    assert take(run, now=NOW) is None


def test_a_worker_that_lost_its_lease_writes_nothing(everybody: Segment) -> None:
    slow = begin(now=NOW)
    assert slow is not None
    assert take(slow.run, now=NOW + LEASE) is not None
    with pytest.raises(LeaseLost):
        fill_chunk(slow, now=NOW + LEASE)
    assert n_in(everybody, NOW + LEASE) == 0
    slow.release()
    assert Refresh.objects.get().owner != ""


def test_a_worker_that_lost_its_lease_stops(
    everybody: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fill_chunk

    def robbed(lease: Any, *, now: datetime) -> int:
        Refresh.objects.update(owner="somebody else")
        return real(lease, now=now)

    monkeypatch.setattr(refresh, "fill_chunk", robbed)
    assert refresh_segments(now=NOW) == 0
    assert Refresh.objects.get().owner == "somebody else"
    assert n_in(everybody, NOW) == 0


# -- failing -------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(filling, "fill", fail)


def test_a_failure_is_kept_and_tried_again_later_and_later(
    everybody: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        failing(patched, ValueError("no such value"))
        assert refresh_segments(now=NOW) == 0
        run = Refresh.objects.get()
        assert (run.failures, run.error, run.owner) == (1, "ValueError: no such value", "")
        assert refresh_segments(now=NOW + SECOND) == 0
        assert Refresh.objects.get().failures == 1  # it rests
        assert refresh_segments(now=NOW + 3 * SECOND) == 0
        assert Refresh.objects.get().failures == 2
        found = state(everybody, NOW + 3 * SECOND)
        assert (found.state, found.error) == ("failing", "ValueError: no such value")
    assert refresh_segments(now=NOW + HOUR) == N
    assert state(everybody, NOW + HOUR) == RefreshState(state="fresh")


def test_a_server_that_is_gone_is_for_the_caller_and_resumed(
    everybody: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        failing(patched, OperationalError("server closed the connection"))
        with pytest.raises(OperationalError):
            refresh_segments(now=NOW)
    assert refresh_segments(now=NOW + HOUR) == N


# -- what is told --------------------------------------------------------------------------


def test_the_state_tells_how_far_it_is(everybody: Segment) -> None:
    assert state(everybody, NOW).state in ("waiting", "stuck")  # by when it was saved
    turn(NOW)
    found = state(everybody, NOW)
    assert (found.state, found.done, found.total, found.pending) == ("running", 1, N, None)
    assert found.share == 1 / N
    assert found.is_stale
    refresh_segments(now=NOW)
    assert state(everybody, NOW) == RefreshState(state="fresh")


def test_the_state_of_an_edited_rule_names_the_version_that_is_filled(everybody: Segment) -> None:
    refresh_segments(now=NOW)
    everybody.rule = NOBODY
    everybody.save()
    turn(NOW)
    found = state(everybody, NOW)
    assert (found.state, found.done, found.pending) == ("running", 1, 2)
    assert n_in(everybody, NOW) == N


def test_a_segment_made_meanwhile_waits_for_the_next_run(
    everybody: Segment, make_segment: Callable[..., Segment]
) -> None:
    turn(NOW)
    another = make_segment("another", EVERYBODY)
    found = state(another, NOW)
    assert (found.state, found.done, found.total) == ("waiting", 0, 0)
    refresh_segments(now=NOW)
    assert n_in(another, NOW) == n_in(everybody, NOW) == N


def test_without_a_sign_of_life_a_run_is_stuck(everybody: Segment) -> None:
    turn(NOW)
    assert state(everybody, NOW + STUCK - SECOND).state == "running"
    assert state(everybody, NOW + STUCK + SECOND).state == "stuck"


def test_without_workers_a_segment_is_stuck(everybody: Segment) -> None:
    saved = everybody.updated_at
    assert state(everybody, saved + STUCK - SECOND).state == "waiting"
    assert state(everybody, saved + STUCK).state == "stuck"


def test_a_broken_rule_and_a_segment_that_is_off_say_so(
    people: list[Profile], make_segment: Callable[..., Segment]
) -> None:
    broken, off = make_segment("broken", {}), make_segment("off", EVERYBODY, active=False)
    refresh_segments(now=NOW)
    assert state(broken, NOW).state == "broken"
    assert "version" in state(broken, NOW).error
    assert state(off, NOW) == RefreshState(state="off")


def test_finished_runs_are_kept_but_not_for_ever(
    everybody: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("personalization.segments.taking_over.KEPT_RUNS", 2)
    for stored in (NOBODY, EVERYBODY, NOBODY, EVERYBODY):
        everybody.rule = stored
        everybody.save()
        refresh_segments(now=NOW)
    assert Refresh.objects.count() == 2
    assert set(Refresh.objects.values_list("phase", "done", "total")) == {("finished", N, N)}
