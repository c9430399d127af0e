"""What speaks of the clock turns at full hours of the site, and is looked for once an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization.clock import microseconds, moment
from personalization.rules.evaluate import evaluate
from personalization.rules.leaves import context as module
from personalization.rules.state import Facts
from tests.rules.building import context, rule
from tests.rules.world import linked

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)  # a Wednesday


def turns(condition: Any, *, at: datetime) -> tuple[bool, datetime | None]:
    """Return whether it holds, and when that changes."""
    return answered(linked(rule(condition), {}), at=at)


def answered(parsed: Any, *, at: datetime) -> tuple[bool, datetime | None]:
    answer = evaluate(parsed, Facts(), now=microseconds(at))
    return answer.holds, None if answer.changes is None else moment(answer.changes)


@pytest.fixture
def hours_seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The hours that the clock is turned on to."""
    seen: list[int] = []
    original = module._next_hour

    def next_hour(now: int) -> int:
        seen.append(now)
        return original(now)

    monkeypatch.setattr(module, "_next_hour", next_hour)
    return seen


@pytest.mark.parametrize("minutes", [0, 1, 59])
def test_a_day_ends_at_midnight(minutes: int) -> None:
    at = NOON + timedelta(minutes=minutes)
    assert turns(context("weekday", "=", "wednesday"), at=at) == (True, NOON + timedelta(hours=12))
    assert turns(context("weekday", "=", "thursday"), at=at) == (False, NOON + timedelta(hours=12))


def test_what_holds_at_every_hour_never_changes() -> None:
    assert turns(context("hour", ">=", 0), at=NOON) == (True, None)


def test_all_pages_of_an_hour_look_for_its_turn_once(hours_seen: list[int]) -> None:
    every_hour = linked(rule(context("hour", ">=", 0)), {})
    answered(every_hour, at=NOON)
    first = len(hours_seen)
    assert first > 24
    for minutes in range(1, 60):
        assert answered(every_hour, at=NOON + timedelta(minutes=minutes)) == (True, None)
    assert len(hours_seen) == first + 59  # one each, to know which hour it is
    answered(every_hour, at=NOON + timedelta(hours=1))
    assert len(hours_seen) >= 2 * first


def test_the_hour_is_that_of_the_site_at_once(settings: Any) -> None:
    afternoon = linked(rule(context("hour", ">=", 13)), {})
    assert answered(afternoon, at=NOON) == (False, NOON + timedelta(hours=1))
    settings.TIME_ZONE = "Europe/Berlin"
    assert answered(afternoon, at=NOON) == (True, NOON + timedelta(hours=11))
