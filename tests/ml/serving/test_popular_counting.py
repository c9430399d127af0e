"""Laws of counting: what each visitor did counts once, by its strongest, and fades."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.serving.popular import (
    ENOUGH,
    HALF_LIVES,
    STEADY,
    SURE,
    Count,
    Popular,
    in_order,
)
from personalization.ml.serving.popular_counting import VISITORS, Deed, counted, half_life
from tests.ml.serving.counts import (
    HOUR,
    NOW,
    deed,
    deeds,
    done_with,
    naive_scores,
    naive_worths,
    views,
)

QUARTER, SIX_HOURS, WEEK = HALF_LIVES


def order(found: Popular) -> str:
    return "".join(key for key, _score in found.ranked)


class TestLaws:
    @given(deeds)
    def test_it_is_what_the_plainest_way_to_count_says(self, log: list[Deed]) -> None:
        found = counted(log, now=NOW)
        expected = naive_scores(log) if log else {}
        assert found.scores == pytest.approx(expected)
        for at, life in enumerate(HALF_LIVES):
            worths = {item: each[at] for item, each in found.count.worths.items()} if log else {}
            everything = naive_worths(log, life)
            assert worths == pytest.approx({item: everything[item] for item in expected})

    @given(deeds, st.randoms(use_true_random=False))
    def test_the_order_of_events_says_nothing(self, log: list[Deed], rng) -> None:  # type: ignore[no-untyped-def]
        mixed = rng.sample(log, len(log))
        assert counted(mixed, now=NOW).scores == pytest.approx(counted(log, now=NOW).scores)

    @given(deeds)
    def test_what_came_twice_counts_once(self, log: list[Deed]) -> None:
        assert counted(log + log, now=NOW).scores == pytest.approx(counted(log, now=NOW).scores)

    @given(deeds, deeds)
    def test_more_of_an_item_never_makes_it_less(self, log: list[Deed], more: list[Deed]) -> None:
        before, after = counted(log, now=NOW), counted(log + more, now=NOW)
        for item in before.scores:
            for life in HALF_LIVES:
                assert done_with(after, item)[life] >= done_with(before, item)[life] * (1 - 1e-9)

    @given(deeds)
    def test_a_longer_half_life_never_has_less(self, log: list[Deed]) -> None:
        found = counted(log, now=NOW)
        if found.count is not None:
            for worths in [*found.count.worths.values(), found.count.done]:
                assert list(worths) == sorted(worths)

    @pytest.mark.parametrize("life", HALF_LIVES)
    @given(st.integers(0, 1000))
    def test_after_a_half_life_it_is_half(self, life: timedelta, minutes: int) -> None:
        ago = timedelta(minutes=minutes)
        now, then = (
            done_with(counted([deed(1, "a", ago=each)], now=NOW), "a") for each in (ago, ago + life)
        )
        assert then[life] == pytest.approx(now[life] / 2)

    def test_what_is_said_to_be_in_the_future_is_of_now(self) -> None:
        found = counted([deed(1, "a", ago=-HOUR)], now=NOW)
        assert set(done_with(found, "a").values()) == {1.0}

    def test_the_strongest_may_be_another_one_for_each_half_life(self) -> None:
        bought, looked = deed(1, "a", weight=5, ago=3 * HOUR), deed(1, "a")
        for log in ([bought, looked], [looked, bought]):
            done = done_with(counted(log, now=NOW), "a")
            assert done[QUARTER] == 1.0
            assert done[WEEK] == pytest.approx(5.0, rel=0.02)

    def test_it_says_what_was_counted(self) -> None:
        found = counted([deed(1, "a", ago=HOUR), deed(2, "b")], now=NOW)
        assert found.count is not None
        assert (found.count.at, found.count.since, found.count.events) == (NOW, NOW - HOUR, 2)
        assert found.count.done == pytest.approx(
            [sum(each) for each in zip(*found.count.worths.values(), strict=True)]
        )

    def test_where_nothing_speaks_for_anything_nothing_is_popular(self) -> None:
        found = counted([deed(1, "a", weight=-1.0)], now=NOW)
        assert (found.ranked, found.rise, found.rising.ranked) == ((), {}, ())

    def test_the_half_life_is_half_of_what_the_events_took_within_bounds(self) -> None:
        assert half_life(timedelta(0)) == HOUR
        assert half_life(20 * HOUR) == 10 * HOUR
        assert half_life(timedelta(days=14)) == timedelta(days=3)


class TestSegments:
    def counted(self, n: int, *, each: int = 1) -> Popular:
        log = [deed(member, f"item-{at}") for member in range(n) for at in range(each)]
        return counted(log, now=NOW, memberships=dict.fromkeys(range(n), ("7",)))

    def test_of_few_members_nothing_is_told_however_much_they_did(self) -> None:
        much = int(SURE)
        assert self.counted(VISITORS - 1, each=much).groups == {}
        assert self.counted(VISITORS, each=much).groups.keys() == {"7"}

    def test_nor_of_many_who_did_little(self) -> None:
        assert self.counted(int(SURE) - 1).groups == {}
        assert self.counted(int(SURE)).groups["7"].worth == SURE

    def test_who_did_nothing_with_items_is_none_of_them(self) -> None:
        log = [deed(n, f"item-{at}") for n in range(VISITORS - 1) for at in range(20)]
        idle = dict.fromkeys(range(100), ("7",))
        assert counted([*log, deed(50, "a", weight=-1)], now=NOW, memberships=idle).groups == {}

    @given(deeds, st.dictionaries(st.integers(1, 6), st.sets(st.sampled_from("789"))))
    def test_members_do_part_of_what_all_do(self, log: list[Deed], members) -> None:  # type: ignore[no-untyped-def]
        crowd = [deed(100 + n, "a", "b") for n in range(40)]
        everybody = {**dict.fromkeys(range(100, 140), ("7",)), **members}
        found = counted(log + crowd, now=NOW, memberships=everybody)
        assert found.groups["7"].worth >= 80
        for group in found.groups.values():
            assert group.worth == pytest.approx(sum(group.items.values()))
            assert group.items.keys() <= {item for one in log + crowd for item in one.items}


class TestRising:
    def test_what_gains_comes_before_what_is_popular(self) -> None:
        log = [
            *views({"steady": 200, "new": 10}, ago=4 * HOUR),
            *views({"steady": 90, "new": 60}, first=1000),
        ]
        found = counted(log, now=NOW)
        assert order(found) == "steadynew"
        assert order(found.rising) == "newsteady"
        assert found.rise["new"] > 1 > found.rise["steady"]

    def test_few_say_little(self) -> None:
        log = [
            *views({"known": 400, "more": 300}, ago=4 * HOUR),
            *views({"known": 100, "more": 150, "once": 1}, first=2000),
        ]
        rise = counted(log, now=NOW).rise
        assert rise["more"] > rise["once"] > 1

    def test_where_little_is_done_longer_spans_are_compared(self) -> None:
        log = [
            *views({"old": 50, "new": 2}, ago=48 * HOUR),
            *views({"old": 10, "new": 20}, first=99),
        ]
        found = counted(log, now=NOW)
        assert found.count is not None
        assert found.count.done[0] < ENOUGH
        assert found.rise["new"] > 1 > found.rise["old"]

    @given(deeds)
    def test_a_list_is_as_long_and_its_scores_are_shares(self, log: list[Deed]) -> None:
        found = counted(log, now=NOW)
        assert found.rising.scores.keys() == found.scores.keys()
        for key, score in found.rising.ranked:
            assert 0 < score <= 1
            assert found.rise[key] > 0
        assert found.rising is found.rising

    @given(deeds)
    def test_what_rises_stands_before_what_does_not(self, log: list[Deed]) -> None:
        found = counted(log, now=NOW)
        rises = [found.rise[key] > 1 for key, _score in found.rising.ranked]
        assert rises == sorted(rises, reverse=True)

    def test_the_rise_is_nearer_to_one_the_less_was_done(self) -> None:
        def rise(short: float) -> float:
            worths = {"a": (short, short, short), "b": (200.0 - short, 400.0, 400.0)}
            done = tuple(map(sum, zip(*worths.values(), strict=True)))
            return Popular(count=Count(at=NOW, since=NOW, events=9, done=done, worths=worths)).rise[
                "a"
            ]

        assert 1 < rise(STEADY / 10) < rise(STEADY) < rise(10 * STEADY)

    def test_where_all_is_long_ago_nothing_rises(self) -> None:
        long_ago = Count(
            at=NOW, since=NOW, events=1, done=(0.0, 0.0, 1.0), worths={"a": (0.0, 0.0, 1.0)}
        )
        found = Popular((("a", 1.0),), {"a": 1.0}, count=long_ago)
        assert found.rise == {"a": 1.0}
        assert found.rising.scores == {"a": 1.0}

    def test_without_a_count_the_popular_stand_in(self) -> None:
        famous = in_order({"a": 1.0, "b": 0.5})
        assert famous.rising.ranked == famous.ranked
