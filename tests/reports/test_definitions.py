"""What a report can count, and what it cannot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from personalization.reports.definitions import MOST, DefinitionRejected, Funnel, SegmentSizes
from tests.reports.conftest import NOW

HOUR = timedelta(hours=1)


def funnel(*steps: str, **others: Any) -> Funnel:
    return Funnel(
        **{"steps": steps, "window": HOUR, "since": NOW - 24 * HOUR, "until": NOW, **others}
    )


def test_one_person_changes_the_size_of_each_segment_by_one() -> None:
    assert SegmentSizes(slugs=("a", "b", "c")).changes == 3


def test_one_person_changes_the_count_of_each_step_by_one() -> None:
    assert funnel("Product Viewed", "Product Added").changes == 2


@pytest.mark.parametrize("slugs", [(), ("a",) * (MOST + 1), ("a", ""), ("a", "a")])
def test_sizes_need_different_segments_with_names_and_not_too_many(slugs: tuple[str, ...]) -> None:
    with pytest.raises(DefinitionRejected):
        SegmentSizes(slugs=slugs)


def test_it_is_said_how_many_there_may_be() -> None:
    with pytest.raises(DefinitionRejected, match=f"There are 0 counts; .* from 1 to {MOST}"):
        SegmentSizes(slugs=())


@pytest.mark.parametrize("steps", [(), ("Product Viewed",), ("A",) * (MOST + 1), ("A", "")])
def test_a_funnel_has_some_steps_with_names(steps: tuple[str, ...]) -> None:
    with pytest.raises(DefinitionRejected):
        funnel(*steps)


def test_the_same_event_may_be_two_steps() -> None:
    assert funnel("Order Completed", "Order Completed").changes == 2


@pytest.mark.parametrize("window", [timedelta(0), -HOUR])
def test_steps_have_to_have_some_time(window: timedelta) -> None:
    with pytest.raises(DefinitionRejected, match="some time"):
        funnel("A", "B", window=window)


@pytest.mark.parametrize("until", [NOW - 24 * HOUR, NOW - 25 * HOUR])
def test_a_span_ends_after_it_begins(until: Any) -> None:
    with pytest.raises(DefinitionRejected, match="ends before it begins"):
        funnel("A", "B", until=until)


def test_what_was_counted_can_be_read_again() -> None:
    assert SegmentSizes(slugs=("a",)).as_json() == {"segments": ["a"]}
    assert funnel("A", "B").as_json() == {
        "steps": ["A", "B"],
        "windowSeconds": 3600.0,
        "since": (NOW - 24 * HOUR).isoformat(),
        "until": NOW.isoformat(),
    }
