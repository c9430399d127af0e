"""The time machine: exact where it replays all, honest where it does not, and it writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import moment
from personalization.exceptions import NotReplayable
from personalization.profiles.models import Profile, Snapshot
from personalization.rules.interval import Interval
from personalization.segments.lasting import median_length
from personalization.segments.models import Membership, Segment
from personalization.segments.timemachine import Estimate, Replay, place, replay, replays
from tests.effort import examples
from tests.rules import strategies
from tests.rules.building import context, happened, measured, prop, rule, segment, trait
from tests.rules.oracle import DAY, HOUR
from tests.rules.strategies import NOW
from tests.rules.world import Happening, History, linked, stored
from tests.segments.test_stays import SEGMENTS, asked, replayable_rules

START, END = NOW - 20 * DAY, NOW + 10 * DAY


def lives(histories: list[History], *, numbers: Iterable[int] = ()) -> list[int]:
    """Store the histories, with when each was first seen; return the ids."""
    ids = stored(histories, numbers=numbers)
    for pk, history in zip(ids, histories, strict=True):
        if history.events:
            first = moment(min(event.at for event in history.events))
            Snapshot.objects.filter(pk=pk).update(first_seen=first)
    return ids


def replayed(data: Any, *, start: int = START, end: int = END, **more: Any) -> Replay:
    return replay(linked(data, SEGMENTS), start=moment(start), end=moment(end), **more)


def viewers(n: int, *, every: int = 2, numbers: Iterable[int] = ()) -> list[int]:
    """Store `n` visitors, of whom one in `every` viewed a product."""
    names = ["Product Viewed" if i % every == 0 else "Page Viewed" for i in range(n)]
    histories = [History([Happening(name, NOW + i)]) for i, name in enumerate(names)]
    return lives(histories, numbers=numbers)


VIEWED = rule(happened("Product Viewed", last="P1D"))


@pytest.mark.django_db
@examples(25)
@given(
    data=replayable_rules,
    histories=st.lists(strategies.histories(), min_size=1, max_size=5),
)
def test_it_is_what_asking_at_every_instant_says(data: Any, histories: list[History]) -> None:
    with transaction.atomic():
        lives(histories)
        found = replayed(data, sample=None)
        seen = [one for one in histories if one.events]
        assert (found.population, found.replayed) == (len(seen), len(seen))
        every = [asked(data, one, start=START, end=END) for one in seen]
        matched = sum(bool(each) for each in every)
        assert found.visitors == Estimate(value=matched, low=matched, high=matched)
        entered = [stay for one, each in zip(seen, every, strict=True)
                   for stay in each if not began_before(stay, one)]  # fmt: skip
        days = Counter(moment(stay.start).date() for stay in entered)
        assert {day.date: day.entries for day in found.days if day.entries} == days
        lengths = [((stay.end or END) - stay.start, stay.end is not None) for stay in entered]
        median = median_length(lengths)
        expected = None if median is None else timedelta(microseconds=median)
        assert found.median_stay == expected
        transaction.set_rollback(True)


def began_before(stay: Interval, history: History) -> bool:
    first = min(event.at for event in history.events)
    return stay.start == START and first < START


@pytest.mark.django_db
def test_properties_are_read_from_the_log() -> None:
    lives([History([Happening("Product Added", NOW, {"price": price, "größe": "„42“"})])
           for price in (10, 20.5, None, "x")])  # fmt: skip
    assert replayed(rule(measured("sum", "price", ">", 15))).visitors.value == 1
    same = rule(happened("Product Added", where=prop("größe", "=", "„42“")))
    assert replayed(same).visitors.value == 4


@pytest.mark.django_db
def test_segments_kept_by_hand_are_as_they_were() -> None:
    inside, later = Interval(NOW - DAY, NOW), Interval(NOW + 11 * DAY)
    event = [Happening("Page Viewed", NOW - 2 * DAY)]
    lives([History(event, memberships={"vips": span}) for span in (inside, later)])
    found = replayed(rule(segment("vips")))
    assert found.visitors.value == 1
    assert found.median_stay == timedelta(days=1)


@pytest.mark.django_db
def test_overlaps_are_shares_of_those_who_matched() -> None:
    ids = viewers(8)
    browsers = Segment.objects.create(name="Browsers", slug="b", kind=Segment.Kind.MANUAL)
    others = Segment.objects.create(name="Others", slug="o", kind=Segment.Kind.MANUAL)
    gone = Segment.objects.create(name="Gone", slug="g", kind=Segment.Kind.MANUAL)
    for pk in ids[:6]:  # three of the four who viewed a product
        join(browsers, pk, since=NOW - DAY)
    join(others, ids[0], since=NOW - DAY, until=NOW - HOUR)
    join(others, ids[0], since=NOW)  # twice is once
    join(gone, ids[0], since=START - DAY, until=START)
    join(gone, ids[2], since=END)
    found = replayed(VIEWED)
    assert [(each.name, each.share.value) for each in found.overlaps] == [
        ("Browsers", 0.75), ("Others", 0.25),
    ]  # fmt: skip
    assert found.overlaps[0].segment_id == browsers.pk


def join(group: Segment, profile_id: int, *, since: int, until: int | None = None) -> None:
    Membership.objects.create(
        segment=group,
        profile_id=profile_id,
        since=moment(since),
        until=moment(until) if until is not None else None,
        settled=until is not None,
    )


@pytest.mark.django_db
def test_a_sample_estimates_with_an_interval() -> None:
    viewers(60, numbers=range(1_000_000, 1_000_060))  # who is in a sample hangs on the number
    exact, sampled = replayed(VIEWED, sample=None), replayed(VIEWED, sample=20)
    assert exact.visitors == Estimate(value=30, low=30, high=30)
    assert exact.share.value == 0.5
    assert (sampled.replayed, sampled.wanted, sampled.population) == (20, 20, 60)
    assert sampled.finished
    assert not sampled.exact
    assert sampled.visitors.low < sampled.visitors.value < sampled.visitors.high
    assert sampled.visitors.low <= 30 <= sampled.visitors.high
    entries = sum(day.entries for day in sampled.days)
    assert entries == pytest.approx(sampled.visitors.value)


@pytest.mark.django_db
def test_the_sample_is_the_same_each_time() -> None:
    viewers(40, every=3)
    first, again = replayed(VIEWED, sample=10), replayed(VIEWED, sample=10)
    assert first == again


def test_places_differ_and_have_nothing_to_do_with_the_order_of_ids() -> None:
    places = [place(pk) for pk in range(1, 2001)]
    assert len(set(places)) == 2000
    lower = sum(each < 2**63 for each in places)
    assert 900 < lower < 1100
    rising = sum(a < b for a, b in zip(places, places[1:], strict=False))
    assert 900 < rising < 1100


@pytest.mark.django_db
def test_answers_become_better_chunk_by_chunk() -> None:
    viewers(10)
    compiled = linked(VIEWED, SEGMENTS)
    found = list(replays(compiled, start=moment(START), end=moment(END), sample=None, chunk=4))
    assert [each.replayed for each in found] == [4, 8, 10]
    assert [each.finished for each in found] == [False, False, True]
    assert found[-1] == replay(compiled, start=moment(START), end=moment(END), sample=None)


@pytest.mark.django_db
def test_a_replay_goes_on_where_another_stopped() -> None:
    viewers(10)
    going = partial(replays, linked(VIEWED, SEGMENTS), start=moment(START), end=moment(END))
    first = next(going(sample=None, chunk=3))
    rest = list(going(sample=None, chunk=3, progress=first.progress))
    assert [each.replayed for each in rest] == [6, 9, 10]
    assert rest[-1] == replayed(VIEWED, sample=None)
    (again,) = going(sample=None, progress=rest[-1].progress)
    assert again == rest[-1]


@pytest.mark.django_db
def test_where_nobody_was_seen_the_answer_is_nothing() -> None:
    Profile.objects.create()
    found = replayed(VIEWED)
    assert (found.population, found.visitors.value, found.share.value) == (0, 0, 0)
    assert found.median_stay is None
    assert found.overlaps == ()
    assert found.finished
    assert found.exact


@pytest.mark.django_db
def test_there_is_a_day_for_each_of_the_span() -> None:
    found = replayed(VIEWED, start=NOW - 3 * DAY, end=NOW)
    assert [each.date.day for each in found.days] == [26, 27, 28, 1]
    midnight = replayed(VIEWED, start=NOW - NOW % DAY - DAY, end=NOW - NOW % DAY)
    assert [each.date.day for each in midnight.days] == [28]


@pytest.mark.django_db
def test_nothing_is_written() -> None:
    viewers(6)
    with CaptureQueriesContext(connection) as captured:
        replayed(VIEWED)
    written = [
        each["sql"] for each in captured if not each["sql"].startswith(("SELECT", "DECLARE"))
    ]
    assert written == []


@pytest.mark.django_db
def test_queries_do_not_grow_with_the_profiles() -> None:
    viewers(4)
    with CaptureQueriesContext(connection) as few:
        replayed(VIEWED)
    viewers(40)
    with CaptureQueriesContext(connection) as many:
        replayed(VIEWED)
    assert len(many) == len(few)


def test_a_rule_about_requests_is_refused() -> None:
    with pytest.raises(NotReplayable, match="looks at the request"):
        replayed(rule(context("device", "=", "mobile")))
    with pytest.raises(NotReplayable, match="looks at the request"):
        replays(
            linked(rule(trait("plan", "=", "pro"), context("hour", ">=", 8)), {}),
            start=moment(START),
            end=moment(END),
        )


@pytest.mark.parametrize("end", [START, START - 1])
def test_a_span_that_is_none_is_refused(end: int) -> None:
    with pytest.raises(NotReplayable, match="begin before it ends"):
        replayed(VIEWED, end=end)


def test_the_interval_of_a_share_holds_what_was_seen() -> None:
    found = Estimate.of(0, looked_at=10, total=1000)
    assert (found.value, found.low) == (0, 0)
    assert 100 < found.high < 400
    whole = Estimate.of(7, looked_at=10, total=10, scale=0.1)
    assert (whole.value, whole.low, whole.high) == pytest.approx((0.7, 0.7, 0.7))
    assert Estimate.of(0, looked_at=0, total=0) == Estimate(value=0, low=0, high=0)


@pytest.mark.django_db
def test_instants_are_exact_to_the_microsecond() -> None:
    at = int(datetime.fromisoformat("2026-03-01T12:00:00.000001+00:00").timestamp()) * 10**6 + 1
    lives([History([Happening("Product Viewed", at)])])
    (stay,) = replayed(VIEWED).progress.stays
    assert stay == (DAY, True)
    none = replayed(VIEWED, start=at + DAY, end=at + 2 * DAY)
    assert none.visitors.value == 0
    last = replayed(VIEWED, start=at + DAY - 1, end=at + 2 * DAY)
    assert last.visitors.value == 1
