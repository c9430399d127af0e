"""What a cap says, in the rule language, over histories of what was shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization.clock import microseconds
from personalization.delivery.caps import Caps, of_candidate, of_slot
from personalization.profiles.plan import plan
from personalization.profiles.state import State
from personalization.rules.evaluate import evaluate
from personalization.rules.occurrence import Occurrence
from personalization.rules.parse import parse
from personalization.rules.state import Facts
from personalization.types import Json, JsonObject

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def holds(stored: JsonObject | None, *history: tuple[str, Json, datetime], now: datetime) -> bool:
    """Return whether the rule holds after the history: (event, variation, instant)."""
    assert stored is not None
    found = parse(stored)
    events = [
        Occurrence("track", name, _properties(variation), microseconds(at), f"m{number}")
        for number, (name, variation, at) in enumerate(history)
    ]
    state = State()
    state.apply(events, plan(need for leaf in found.leaves() for need in leaf.needs()))
    return evaluate(found, Facts(counters=state.counters), now=microseconds(now)).holds


def _properties(variation: Json) -> dict[str, Any]:
    return {"slot": "hero", **({} if variation is None else {"variation": variation})}


def shown(variation: Json = "variation:7", at: datetime = T0) -> tuple[str, Json, datetime]:
    return "Slot Shown", variation, at


def clicked(variation: Json = "variation:7", at: datetime = T0) -> tuple[str, Json, datetime]:
    return "Slot Clicked", variation, at


SEVEN = of_candidate("variation:7")


def test_without_a_number_there_is_no_cap() -> None:
    assert Caps().rule(SEVEN) is None


def test_the_last_time_that_is_allowed_reaches_it() -> None:
    cap = Caps(total=3).rule(SEVEN)
    times = [shown(at=T0 + n * DAY) for n in range(3)]
    assert not holds(cap, *times[:2], now=T0 + 5 * DAY)
    assert holds(cap, *times, now=T0 + 5 * DAY)
    assert holds(cap, *times, now=T0 + 5000 * DAY)


def test_the_last_24_hours_slide() -> None:
    cap = Caps(daily=2).rule(SEVEN)
    times = [shown(at=T0), shown(at=T0 + 23 * HOUR)]
    assert holds(cap, *times, now=T0 + 23 * HOUR)
    assert holds(cap, *times, now=T0 + DAY - MICROSECOND)
    assert not holds(cap, *times, now=T0 + DAY)
    again = [*times, shown(at=T0 + DAY)]
    assert holds(cap, *again, now=T0 + DAY)
    assert not holds(cap, *again, now=T0 + DAY + 23 * HOUR)


def test_what_was_clicked_was_not_ignored() -> None:
    cap = Caps(ignored=2).rule(SEVEN)
    times = [shown(at=T0), shown(at=T0 + DAY)]
    assert holds(cap, *times, now=T0 + DAY)
    assert not holds(cap, *times, clicked(at=T0), now=T0 + DAY)
    assert not holds(cap, *times, clicked(at=T0 + 2 * DAY), now=T0 + 2 * DAY)
    assert holds(cap, *times, clicked("variation:8"), now=T0 + DAY)
    assert holds(cap, *times, ("Slot Dismissed", "variation:7", T0), now=T0 + DAY)


def test_any_of_the_numbers_is_enough() -> None:
    cap = Caps(total=5, daily=2, ignored=4).rule(SEVEN)
    rare = [shown(at=T0 + n * 2 * DAY) for n in range(5)]
    assert not holds(cap, *rare[:3], now=T0 + 4 * DAY)
    assert holds(cap, *rare[:4], now=T0 + 6 * DAY)
    assert not holds(cap, *rare[:4], clicked(), now=T0 + 6 * DAY)
    assert holds(cap, *rare, clicked(), now=T0 + 8 * DAY)
    assert holds(cap, shown(), shown(), clicked(), now=T0)


@pytest.mark.parametrize(
    ("variation", "counts"),
    [
        ("variation:7", True),
        ("variation:7+variation:8", True),
        ("variation:8+variation:7", True),
        ("variation:8+variation:7+template:0:a", True),
        ("variation:77", False),
        ("variation:17", False),
        ("variation:77+variation:8", False),
        ("variation:8+variation:77", False),
        ("variation:8+variation:77+variation:9", False),
        ("", False),
        (None, False),
        (7, False),
    ],
    ids=str,
)
def test_a_candidate_counts_alone_and_among_others(variation: Json, counts: bool) -> None:
    assert holds(Caps(total=1).rule(SEVEN), shown(variation), now=T0) is counts


@pytest.mark.parametrize(
    ("variation", "counts"), [("variation:7+variation:8", True), ("", False), (None, False)]
)
def test_a_slot_counts_once_for_all_it_shows_and_never_for_its_default(
    variation: Json, counts: bool
) -> None:
    assert holds(Caps(total=1).rule(of_slot("hero")), shown(variation), now=T0) is counts
    assert not holds(Caps(total=2).rule(of_slot("hero")), shown(variation), now=T0)
    assert not holds(Caps(total=1).rule(of_slot("strip")), shown(variation), now=T0)


def test_a_click_anywhere_in_a_slot_is_one_on_the_slot() -> None:
    cap = Caps(ignored=1).rule(of_slot("hero"))
    assert holds(cap, shown(), now=T0)
    assert not holds(cap, shown(), clicked(None), now=T0)
    assert not holds(cap, shown(), clicked("variation:8"), now=T0)
    assert holds(Caps(ignored=1).rule(SEVEN), shown(), clicked(None), now=T0)


def test_the_largest_number_is_a_rule_and_one_more_is_refused() -> None:
    assert not holds(Caps(total=1000, daily=1000, ignored=1000).rule(SEVEN), shown(), now=T0)
    for times in (0, -1, 1001):
        with pytest.raises(
            ValueError, match=f"cap_daily is {times}; a whole number from 1 to 1000"
        ):
            Caps(daily=times)
