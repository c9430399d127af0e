"""The commands are the worker of a site without Celery."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError

from personalization import shortcuts
from personalization.events.models import Event
from personalization.management import loop
from personalization.management.commands import process_events
from personalization.profiles.models import Profile
from personalization.segments.models import Segment

pytestmark = pytest.mark.django_db


class Rounds:
    """Work that goes through `results`: numbers are returned, errors are raised."""

    def __init__(self, *results: int | type[BaseException]) -> None:
        self.results = list(results)

    def __call__(self, **kwargs: Any) -> int:
        result = self.results.pop(0)
        if isinstance(result, int):
            return result
        raise result("for the test")


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let `process_events` do the given rounds instead, and pause in no time."""
    pauses: list[float] = []

    def install(*results: int | type[BaseException]) -> list[float]:
        work = staticmethod(Rounds(*results))
        monkeypatch.setattr(process_events.Command, "work", work)
        monkeypatch.setattr(loop.time, "sleep", pauses.append)
        return pauses

    return install


def test_what_waits_is_processed_once(capsys: pytest.CaptureFixture[str]) -> None:
    shortcuts.track("Product Viewed", user_id="u1")
    call_command("process_events")
    assert capsys.readouterr().out == "1 buffered requests processed.\n"
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("settle_memberships", "0 profiles moved on."),
        ("refresh_segments", "0 profiles refreshed."),
        ("audit_profiles", "Every snapshot equals what the log says."),
        ("rebuild_profiles", "0 profiles rebuilt."),
    ],
)
def test_there_may_be_nothing_to_do(
    capsys: pytest.CaptureFixture[str], command: str, said: str
) -> None:
    call_command(command)
    assert capsys.readouterr().out.strip() == said


def test_a_loop_goes_on_until_it_is_stopped(
    rounds: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses = rounds(2, 0, 3, KeyboardInterrupt)
    call_command("process_events", "--loop", "--pause", "0.25")
    captured = capsys.readouterr()
    assert pauses == [0.25] * 3
    assert captured.out == "5 buffered requests processed.\n"
    assert captured.err == "Stopped.\n"


def test_a_loop_can_be_stopped_while_it_pauses(
    monkeypatch: pytest.MonkeyPatch, rounds: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds(1)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    call_command("process_events", "--loop")
    assert capsys.readouterr().err == "Stopped.\n"


@pytest.mark.parametrize("failure", [OperationalError, InterfaceError])
def test_a_loop_outlives_a_failing_database(
    rounds: Any, capsys: pytest.CaptureFixture[str], failure: type[Exception]
) -> None:
    rounds(1, failure, 1, KeyboardInterrupt)
    call_command("process_events", "--loop")
    captured = capsys.readouterr()
    assert captured.out == "2 buffered requests processed.\n"
    assert "the next round tries again: for the test" in captured.err


def test_a_single_round_says_that_the_database_failed(rounds: Any) -> None:
    rounds(OperationalError)
    with pytest.raises(OperationalError):
        call_command("process_events")


def test_a_loop_does_not_outlive_an_error_of_ours(rounds: Any) -> None:
    rounds(1, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        call_command("process_events", "--loop")


def test_profiles_are_rebuilt_all_or_by_number(capsys: pytest.CaptureFixture[str]) -> None:
    for user in ("u1", "u2", "u3"):
        shortcuts.track("Product Viewed", user_id=user)
    call_command("process_events", verbosity=0)
    capsys.readouterr()
    call_command("rebuild_profiles")
    assert capsys.readouterr().out == "3 of 3\n3 profiles rebuilt.\n"
    first = Profile.objects.earliest("pk")
    call_command("rebuild_profiles", str(first.pk), verbosity=0)
    assert capsys.readouterr().out == "1 profiles rebuilt.\n"


def test_a_profile_is_named_by_its_number() -> None:
    with pytest.raises(CommandError, match="invalid int value"):
        call_command("rebuild_profiles", "ann")


def test_one_worker_does_all_there_is_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    rule = {"kind": "event", "event": "Product Viewed", "operator": ">=", "value": 1}
    shortcuts.track("Product Viewed", user_id="u1")
    call_command("run_worker", "--once")
    segment = Segment.objects.create(
        name="Viewers",
        slug="viewers",
        rule={"version": 1, "root": {"combinator": "and", "rules": [rule]}},
    )
    call_command("run_worker", "--once")
    assert segment.memberships.count() == 1
    assert capsys.readouterr().out == "1 pieces of work done.\n1 pieces of work done.\n"
