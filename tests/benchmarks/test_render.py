"""What pages cost is measured on pages that show the same, and compared like with like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from personalization.delivery import exposure_queue
from personalization.segments.models import Membership, Segment
from project.benchmarks import pages, render
from project.benchmarks.content import SLOTS, is_member
from project.benchmarks.render_page import TURNS, Cost, Pair, again_and_again, in_turns
from project.benchmarks.render_peer import Peer, PeerCost, PeerUnavailable
from project.benchmarks.results import Effort, Result
from project.benchmarks.seeding import by_behaviour, by_request, seed_catalogue, seed_visitor

NO_TIME = Effort(seconds=0, rounds=1)


def figures(*, added: float = 0.001, floor: float = 0.002) -> render.Figures:
    pair = Pair([Cost(floor + added, floor + added)], [Cost(floor, floor)])
    return render.Figures(
        reads=2, reads_without=1, pair=pair, exposures=render.Written(n=100, seconds=0.01)
    )


def peer() -> Peer:
    return Peer(
        name="peer 1.0",
        wagtail="Wagtail 8.0",
        plain=PeerCost(queries=5, time=0.008, cpu_time=0.006),
        costs={
            n: PeerCost(queries=5 + 9 * n, time=0.018 + n / 1000, cpu_time=0.006 + n / 2000)
            for n in (0, 10, 50)
        },
    )


def timed(name: str, order: list[str], times: Iterator[float]) -> Callable[[], Cost]:
    def cost() -> Cost:
        order.append(name)
        seconds = next(times)
        return Cost(seconds, seconds / 2)

    return cost


@pytest.fixture
def database_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure in the database that is thrown away after the test anyhow."""
    monkeypatch.setattr(render, "throwaway_database", nullcontext)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is measured, with the same figures for all of it."""
    asked: list[dict[str, Any]] = []

    def measure(segments: int, effort: Effort, **how: Any) -> render.Figures:
        asked.append({"segments": segments, **how})
        return figures()

    monkeypatch.setattr(render, "_measure", measure)
    return asked


def found(results: Any) -> dict[str, Result]:
    return {result.name: result for result in results}


def test_pages_are_timed_in_turns_and_the_fastest_of_a_round_counts() -> None:
    order: list[str] = []
    first = timed("a", order, iter([5.0, 9.0, 2.0, 7.0]))
    second = timed("b", order, iter([3.0, 1.0, 5.0, 4.0]))
    pair = in_turns(first, second, seconds=0, rounds=1)
    assert "".join(order) == "abba" * (TURNS // 2)
    assert (pair.cost, pair.floor) == (Cost(2.0, 1.0), Cost(1.0, 0.5))


def test_what_is_added_is_the_middle_of_the_differences() -> None:
    slower_and_slower = (
        [Cost(2, 2), Cost(12, 12), Cost(23, 23)],
        [Cost(1, 1), Cost(10, 10), Cost(20, 20)],
    )
    assert Pair(*slower_and_slower).added == Cost(2, 2)


def test_a_page_without_company_is_timed_the_same_way() -> None:
    order: list[str] = []
    times = iter([float(n) for n in range(1, 3 * TURNS + 1)])
    cost = again_and_again(timed("a", order, times), seconds=0, rounds=3)
    assert cost.time == 1 + TURNS
    assert len(order) == 3 * TURNS


@pytest.mark.django_db(transaction=True)  # a transaction around the test costs savepoints
@pytest.mark.usefixtures("database_of_the_test")
@pytest.mark.parametrize("segments", [0, 10, pytest.param(200, marks=pytest.mark.slow)])
def test_a_known_visitor_costs_one_read_however_many_segments_there_are(segments: int) -> None:
    with render._site():
        cost = render._measure(segments, NO_TIME)
    assert (cost.reads, cost.reads_without) == (2, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("database_of_the_test")
def test_rules_that_ask_the_request_cost_one_read_too() -> None:
    with render._site():
        cost = render._measure(50, NO_TIME, conditions=by_request)
    assert (cost.reads, cost.reads_without) == (2, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("database_of_the_test")
def test_an_unknown_visitor_costs_no_read_and_sees_defaults() -> None:
    with render._site():
        cost = render._measure(10, NO_TIME, is_known=False)
    assert (cost.reads, cost.reads_without) == (1, 1)
    assert pages.shown["10"].count(f"<p>Variant {pages.DEFAULT} of slot") == SLOTS


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("database_of_the_test")
@pytest.mark.parametrize("conditions", [by_behaviour, by_request])
def test_who_is_a_member_sees_what_is_for_members(conditions: Any) -> None:
    with render._site():
        render._measure(10, NO_TIME, conditions=conditions)
    shown = pages.shown["10"]
    assert shown.count("of slot") == SLOTS
    assert 0 < shown.count(f"Variant {pages.DEFAULT}") < SLOTS


@pytest.mark.django_db
def test_the_visitor_is_in_three_of_ten_segments_by_what_they_did() -> None:
    seed_catalogue()
    seed_visitor(50, conditions=by_behaviour)
    segments = Membership.objects.values_list("segment__slug", flat=True)
    assert set(segments) == {f"segment-{n}" for n in range(50) if is_member(n)}
    assert len(set(segments)) == 15
    assert not Segment.objects.filter(refreshed_at=None).exists()


def test_each_number_of_segments_is_measured(measured: list[dict[str, Any]]) -> None:
    results = found(render.measure(Effort(peer=False)))
    sizes = [one["segments"] for one in measured if len(one) == 1]
    assert sizes == [0, 10, 50, 200]
    assert {"segments": 50, "is_known": False} in measured
    assert {"segments": 50, "conditions": by_request} in measured
    assert results["queries_known_visitor"].value == 1
    assert results["added_time"].value == pytest.approx(1.5)
    assert results["added_ms_200_segments"].value == pytest.approx(1.0)
    assert results["growth_200_over_10_segments"].value == pytest.approx(1.0)
    assert results["growth_cpu_200_over_10_segments"].value == pytest.approx(1.0)
    assert not any(name.startswith("peer") for name in results)


def test_what_is_written_after_a_page_is_counted_by_itself(
    measured: list[dict[str, Any]],
) -> None:
    written = found(render.measure(Effort(peer=False)))["exposures_ms_50_segments"]
    assert written.value == pytest.approx(2)  # of five pages with 20 slots
    assert written.ratio == pytest.approx(1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("database_of_the_test")
def test_what_pages_showed_is_written_between_them_and_nothing_is_left() -> None:
    with render._site():
        cost = render._measure(10, Effort(seconds=0, rounds=2))
    shown = SLOTS - pages.shown["10"].count(f"Variant {pages.DEFAULT}")
    assert cost.exposures.n == shown * (2 * TURNS + 3)  # the pages before were not timed
    assert exposure_queue.flush() == 0


def test_growth_does_not_depend_on_how_fast_the_machine_was() -> None:
    known = dict.fromkeys(render.SIZES, figures())
    slow = {**known, 200: figures(added=0.004, floor=0.008)}
    assert found(render._by_size(slow))["growth_200_over_10_segments"].value == pytest.approx(1.0)
    grown = {**known, 200: figures(added=0.003)}
    assert found(render._by_size(grown))["growth_200_over_10_segments"].value == pytest.approx(3.0)


@pytest.mark.usefixtures("measured")
def test_what_the_peer_adds_is_held_against_what_we_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "measure_peer", lambda **effort: peer())
    results = found(render.measure(Effort()))
    assert [results[f"peer_queries_{n}_segments"].value for n in (0, 10, 50)] == [0, 90, 450]
    assert results["peer_added_ms_50_segments"].value == pytest.approx(60)
    assert results["peer_time_ratio_50_segments"].value == pytest.approx(60)
    assert results["peer_time_ratio_50_request_rules"].value == pytest.approx(60)
    assert results["peer_cpu_ratio_50_segments"].value == pytest.approx(25)
    assert results["peer_page_ratio_50_segments"].value == pytest.approx(68 / 3)


@pytest.mark.usefixtures("measured")
def test_without_the_peer_the_other_rows_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**effort: Any) -> Peer:
        raise PeerUnavailable("no network")

    monkeypatch.setattr(render, "measure_peer", refuse)
    results = found(render.measure(Effort()))
    assert "growth_200_over_10_segments" in results
    assert not any(name.startswith("peer") for name in results)
    assert "Without the peer" in (said := capsys.readouterr().err)
    assert "no network" in said
