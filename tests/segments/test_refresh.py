"""After a rule has changed, every profile follows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.profiles.models import Profile, Snapshot
from personalization.segments import filling
from personalization.segments.live import live_rules
from personalization.segments.models import Segment
from personalization.segments.population import members
from personalization.segments.progress import pending_segments
from personalization.segments.refresh import refresh_segments
from tests.rules.building import feature, happened, none_of, rule, segment, trait
from tests.segments.conftest import Told, rows, snapshot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Happen = Callable[..., None]

PRO = rule(trait("plan", "=", "pro"))
FREE = rule(trait("plan", "=", "free"))
BROKEN = {"version": 2, "root": PRO["root"]}


@pytest.fixture
def pro(make_profile: Callable[..., Profile], happen: Happen) -> Profile:
    profile = make_profile()
    happen(profile, "identify", kind="identify", at=NOW - DAY, plan="pro")
    return profile


@pytest.fixture
def free(make_profile: Callable[..., Profile], happen: Happen) -> Profile:
    profile = make_profile()
    happen(profile, "identify", kind="identify", at=NOW - DAY, plan="free")
    return profile


def edit(made: Segment, stored: Any) -> None:
    made.rule = stored
    made.save()


def ids_in(made: Segment, now: datetime = NOW) -> set[int]:
    return set(members(made, now=now).values_list("pk", flat=True))


def test_a_new_segment_finds_its_members(
    make_segment: Callable[..., Segment], pro: Profile, free: Profile, told: Told
) -> None:
    pros = make_segment("pros", PRO)
    assert list(pending_segments()) == [pros]
    assert ids_in(pros) == set()
    refresh_segments(now=NOW)
    assert ids_in(pros) == {pro.pk}
    assert told == [("entered", "pros", pro.pk, NOW)]
    assert list(pending_segments()) == []


def test_when_nothing_is_pending_nothing_is_done(
    make_segment: Callable[..., Segment], pro: Profile
) -> None:
    make_segment("pros", PRO)
    assert refresh_segments(now=NOW) > 0
    assert refresh_segments(now=NOW + HOUR) == 0


def test_after_an_edit_some_leave_and_others_enter(
    make_segment: Callable[..., Segment], pro: Profile, free: Profile, told: Told
) -> None:
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW)
    told.clear()
    edit(made, FREE)
    refresh_segments(now=NOW + HOUR)
    assert rows(pro, made) == [(NOW, NOW + HOUR, True)]
    assert rows(free, made) == [(NOW + HOUR, None, False)]
    assert sorted(told) == sorted(
        [("left", "plan", pro.pk, NOW + HOUR), ("entered", "plan", free.pk, NOW + HOUR)]
    )


def test_a_rule_that_is_edited_before_it_was_ever_filled_is_followed_as_edited(
    make_segment: Callable[..., Segment], pro: Profile, free: Profile
) -> None:
    """Both versions are filled at once, whatever their numbers in the database are."""
    for number in range(10):
        made = make_segment(f"plan-{number}", PRO)
        if number == 5:
            make_segment("between", PRO)  # from here on the other numbers are the even ones
        edit(made, FREE)
        refresh_segments(now=NOW)
        made.refresh_from_db()
        assert made.serving == made.versions.get(number=2)
        assert ids_in(made) == {free.pk}


def test_an_edit_that_changes_nobody_keeps_since(
    make_segment: Callable[..., Segment], pro: Profile, told: Told
) -> None:
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW)
    edit(made, rule(trait("plan", "in", ["pro", "max"])))
    refresh_segments(now=NOW + HOUR)
    assert rows(pro, made) == [(NOW, None, False)]
    assert len(told) == 1


def test_a_segment_switched_off_has_no_members_and_on_again_has(
    make_segment: Callable[..., Segment], pro: Profile
) -> None:
    made = make_segment("pros", PRO)
    refresh_segments(now=NOW)
    made.active = False
    made.save()
    refresh_segments(now=NOW + HOUR)
    assert ids_in(made, NOW + HOUR) == set()
    made.active = True
    made.save()
    refresh_segments(now=NOW + 2 * HOUR)
    assert rows(pro, made) == [(NOW, NOW + HOUR, True), (NOW + 2 * HOUR, None, False)]


BROKEN_RULES = [BROKEN, {}, rule(none_of()), rule(segment("nobody"))]


@pytest.mark.parametrize("stored", BROKEN_RULES)
def test_a_broken_rule_matches_nobody_and_says_so(
    make_segment: Callable[..., Segment], pro: Profile, stored: Any
) -> None:
    made = make_segment("pros", stored)
    refresh_segments(now=NOW)
    made.refresh_from_db()
    assert ids_in(made) == set()
    assert made.refresh_error == live_rules().broken[made.pk] != ""
    assert list(pending_segments()) == []
    assert refresh_segments(now=NOW + HOUR) == 0


@pytest.mark.parametrize("stored", BROKEN_RULES)
def test_an_edit_that_breaks_a_rule_leaves_the_last_good_version_in_force(
    make_segment: Callable[..., Segment], pro: Profile, free: Profile, happen: Happen, stored: Any
) -> None:
    made = make_segment("pros", PRO)
    refresh_segments(now=NOW)
    edit(made, stored)
    refresh_segments(now=NOW + HOUR)
    made.refresh_from_db()
    assert made.refresh_error == live_rules().broken[made.pk] != ""
    assert list(pending_segments()) == []
    happen(free, "identify", kind="identify", at=NOW + 2 * HOUR, plan="pro")
    assert ids_in(made, NOW + 2 * HOUR) == {pro.pk, free.pk}
    edit(made, FREE)
    refresh_segments(now=NOW + 3 * HOUR)
    made.refresh_from_db()
    assert (ids_in(made, NOW + 3 * HOUR), made.refresh_error) == (set(), "")


def test_a_repaired_rule_is_followed_again(
    make_segment: Callable[..., Segment], pro: Profile
) -> None:
    made = make_segment("pros", BROKEN)
    refresh_segments(now=NOW)
    edit(made, PRO)
    refresh_segments(now=NOW + HOUR)
    made.refresh_from_db()
    assert ids_in(made, NOW + HOUR) == {pro.pk}
    assert made.refresh_error == ""


def test_a_new_counter_is_filled_from_the_log(
    make_segment: Callable[..., Segment], make_profile: Callable[..., Profile], happen: Happen
) -> None:
    visitor = make_profile()
    happen(visitor, "Page Viewed", "Page Viewed", at=NOW - HOUR)
    readers = make_segment("readers", rule(happened("Page Viewed", ">=", 2, last="PT24H")))
    assert snapshot(visitor).counters == {}
    refresh_segments(now=NOW)
    assert rows(visitor, readers) == [(NOW, NOW + 23 * HOUR, False)]


def test_a_larger_counter_is_filled_from_the_log(
    make_segment: Callable[..., Segment], make_profile: Callable[..., Profile], happen: Happen
) -> None:
    visitor = make_profile()
    readers = make_segment("readers", rule(happened("Page Viewed", last="PT24H")))
    refresh_segments(now=NOW - DAY)
    happen(visitor, *["Page Viewed"] * 5, at=NOW - HOUR)
    edit(readers, rule(happened("Page Viewed", ">=", 5, last="PT24H")))
    refresh_segments(now=NOW)
    assert ids_in(readers) == {visitor.pk}


def test_a_rule_follows_the_segment_it_names(
    make_segment: Callable[..., Segment], pro: Profile, free: Profile
) -> None:
    inner = make_segment("inner", PRO)
    outer = make_segment("outer", rule(segment("inner")))
    further = make_segment("further", rule(none_of(segment("outer"))))
    refresh_segments(now=NOW)
    assert (ids_in(outer), ids_in(further)) == ({pro.pk}, {free.pk})
    edit(inner, FREE)
    refresh_segments(now=NOW + HOUR)
    assert ids_in(outer, NOW + HOUR) == {free.pk}
    assert ids_in(further, NOW + HOUR) == {pro.pk}


def switch_off(inner: Segment) -> None:
    inner.active = False
    inner.save()


@pytest.mark.parametrize(
    "lose",
    [switch_off, Segment.delete],
    ids=["switched off", "deleted"],
)
def test_who_is_in_by_a_rule_that_lost_the_segment_it_names_stays(
    make_segment: Callable[..., Segment],
    pro: Profile,
    free: Profile,
    happen: Happen,
    told: Told,
    lose: Callable[[Segment], None],
) -> None:
    inner = make_segment("inner", PRO)
    outer = make_segment("outer", rule(segment("inner")))
    refresh_segments(now=NOW)
    told.clear()
    lose(inner)
    refresh_segments(now=NOW + HOUR)
    outer.refresh_from_db()
    assert "inner" in outer.refresh_error.lower()
    happen(pro, "identify", kind="identify", at=NOW + 2 * HOUR, plan="free")
    happen(free, "identify", kind="identify", at=NOW + 2 * HOUR, plan="pro")
    assert ids_in(outer, NOW + 2 * HOUR) == {pro.pk}
    assert [what for what, slug, *_ in told if slug == "outer"] == []


def test_a_rule_goes_on_with_the_last_good_version_of_the_segment_it_names(
    make_segment: Callable[..., Segment], free: Profile, happen: Happen
) -> None:
    inner = make_segment("inner", PRO)
    outer = make_segment("outer", rule(segment("inner")))
    refresh_segments(now=NOW)
    edit(inner, BROKEN)
    refresh_segments(now=NOW + HOUR)
    outer.refresh_from_db()
    assert outer.refresh_error == ""
    happen(free, "identify", kind="identify", at=NOW + 2 * HOUR, plan="pro")
    assert ids_in(outer, NOW + 2 * HOUR) == {free.pk}


def test_a_rule_that_finds_the_segment_again_that_it_lost_catches_up(
    make_segment: Callable[..., Segment], pro: Profile, free: Profile, happen: Happen
) -> None:
    inner = make_segment("inner", PRO)
    outer = make_segment("outer", rule(segment("inner")))
    refresh_segments(now=NOW)
    switch_off(inner)
    refresh_segments(now=NOW + HOUR)
    happen(pro, "identify", kind="identify", at=NOW + 2 * HOUR, plan="free")
    happen(free, "identify", kind="identify", at=NOW + 2 * HOUR, plan="pro")
    inner.active = True
    inner.save()
    refresh_segments(now=NOW + 3 * HOUR)
    outer.refresh_from_db()
    assert (ids_in(outer, NOW + 3 * HOUR), outer.refresh_error) == ({free.pk}, "")


def test_a_rule_that_finds_its_segment_again_is_followed_again(
    make_segment: Callable[..., Segment], pro: Profile
) -> None:
    outer = make_segment("outer", rule(segment("inner")))
    refresh_segments(now=NOW)
    make_segment("inner", PRO)
    refresh_segments(now=NOW + HOUR)
    outer.refresh_from_db()
    assert ids_in(outer, NOW + HOUR) == {pro.pk}
    assert outer.refresh_error == ""


def test_an_edit_during_the_refresh_is_not_lost(
    make_segment: Callable[..., Segment], pro: Profile, free: Profile
) -> None:
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW, progress=lambda done: edit(made, FREE))
    made.refresh_from_db()
    assert ids_in(made) == {free.pk}
    assert list(pending_segments()) == []
    assert made.refresh_error == ""


def test_everybody_is_reached_in_chunks(
    make_segment: Callable[..., Segment],
    make_profile: Callable[..., Profile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filling, "CHUNK", 2)
    monkeypatch.setattr("personalization.segments.backfill.CHUNK", 2)
    for _ in range(5):
        make_profile()
    everybody = make_segment("everybody", rule(feature("orders.count", "<=", 0)))
    seen: list[int] = []
    done = refresh_segments(now=NOW, progress=seen.append)
    assert len(ids_in(everybody)) == 5
    assert seen == sorted(seen)
    assert seen[-1] == done
    assert not Snapshot.objects.exclude(plan=live_rules().plan.id).exists()


def test_memberships_that_do_not_change_are_not_written(
    make_segment: Callable[..., Segment], pro: Profile
) -> None:
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW)
    made.name = "Those who pay"
    made.save()
    with CaptureQueriesContext(connection) as captured:
        refresh_segments(now=NOW + HOUR)
    updates = [query["sql"] for query in captured if query["sql"].startswith("UPDATE")]
    assert not any("personalization_snapshot" in sql for sql in updates)
    assert not any("personalization_membership" in sql for sql in updates)
