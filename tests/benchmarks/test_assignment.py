"""The figures of assignment: what is measured is what pages do, and it is compared."""

from __future__ import annotations

import pytest

from personalization.experiments.trial import Entrant, assign
from project.benchmarks.experiments.assignment import PLAIN, TRIAL, VISITORS, assignment_results
from project.benchmarks.results import Effort, Result


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return list(assignment_results(Effort(seconds=0.0, rounds=1)))


def test_both_are_measured_against_a_lookup_in_the_same_run(results: list[Result]) -> None:
    assert [result.name for result in results] == ["assignment_us", "assignment_plain_us"]
    for result in results:
        assert result.unit == "µs/experiment"
        assert result.value > 0
        assert result.ratio is not None
        assert result.ratio > 1
        assert "goal ≤ 20" in result.beside()


def test_what_is_measured_is_in_every_way_an_experiment() -> None:
    entrants = [Entrant(str(number), frozenset({TRIAL.audience}), now=1) for number in VISITORS]
    arms = {found[1].arm if (found := assign(TRIAL, each)) else None for each in entrants}
    assert arms == {None, "default", "reminder", "offer"}
    assert all(assign(PLAIN, each) for each in entrants)
    assert not any(assign(TRIAL, Entrant(each.unit, now=1)) for each in entrants[:100])
