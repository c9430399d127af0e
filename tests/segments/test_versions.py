"""An edited rule is filled beside the old one, which serves until it is swapped in at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization.clock import microseconds
from personalization.delivery.known import read_visitor
from personalization.profiles.models import Profile
from personalization.segments import filling
from personalization.segments.live import live_rules
from personalization.segments.manual import add_members
from personalization.segments.models import Membership, Segment, SegmentVersion
from personalization.segments.population import count_matching, linked, matching, members
from personalization.segments.progress import pending_segments
from personalization.segments.rebuild import rebuild_profiles
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from tests.rules.building import happened, none_of, rule, segment, trait
from tests.segments.conftest import Told, rows, snapshot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
AT_ONCE = timedelta()
Happen = Callable[..., None]
State = SegmentVersion.State

PRO = rule(trait("plan", "=", "pro"))
FREE = rule(trait("plan", "=", "free"))
PAYS = rule(trait("plan", "in", ["pro", "max"]))
CARTS = rule(happened("Product Added", last="PT24H"))


@pytest.fixture
def with_plan(make_profile: Callable[..., Profile], happen: Happen) -> Callable[[str], Profile]:
    def make(plan: str) -> Profile:
        profile = make_profile()
        happen(profile, "identify", kind="identify", at=NOW - DAY, plan=plan)
        return profile

    return make


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "CHUNK", 1)
    monkeypatch.setattr("personalization.segments.backfill.CHUNK", 1)
    monkeypatch.setattr("personalization.segments.taking_over.CHUNK", 1)


def edit(made: Segment, stored: Any) -> None:
    made.rule = stored
    made.save()


def turn(now: datetime) -> int:
    """Do one chunk of the refresh."""
    return refresh_segments(now=now, budget=AT_ONCE)


def ids_in(made: Segment, now: datetime) -> set[int]:
    return set(members(made, now=now).values_list("pk", flat=True))


def shown_to(profile: Profile, now: datetime) -> frozenset[str]:
    """Return the segments that a page of the visitor would know."""
    return read_visitor(profile.identities.get().value, now=now).segments


def states(made: Segment) -> list[tuple[int, str]]:
    return list(made.versions.order_by("number").values_list("number", "state"))


# -- what is written -----------------------------------------------------------------------


def test_a_new_segment_serves_its_first_version_at_once(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], happen: Happen
) -> None:
    made = make_segment("pros", PRO)
    assert states(made) == [(1, State.SERVING)]
    assert made.serving == made.versions.get()
    visitor = with_plan("pro")
    assert ids_in(made, NOW) == {visitor.pk}
    assert shown_to(visitor, NOW) == {"pros"}


def test_only_another_rule_is_another_version(make_segment: Callable[..., Segment]) -> None:
    made = make_segment("pros", PRO)
    made.name, made.ends_at, made.rule = "Professionals", NOW, {**PRO}
    made.save()
    assert made.versions.count() == 1
    edit(made, PAYS)
    assert [(one.number, one.rule) for one in made.versions.all()] == [(2, PAYS), (1, PRO)]
    assert states(made) == [(1, State.SERVING), (2, State.WAITING)]


def test_saving_chosen_columns_writes_no_version_of_what_was_not_saved(
    make_segment: Callable[..., Segment],
) -> None:
    made = make_segment("pros", PRO)
    made.rule = PAYS
    made.save(update_fields=["name"])
    assert made.versions.count() == 1


def test_an_old_copy_does_not_undo_a_swap(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile]
) -> None:
    made = make_segment("pros", PRO)
    visitor = with_plan("free")
    refresh_segments(now=NOW)
    edit(made, FREE)
    old_copy = Segment.objects.get(pk=made.pk)
    refresh_segments(now=NOW + HOUR)
    old_copy.name = "Renamed"
    old_copy.save()
    made.refresh_from_db()
    assert (made.name, made.serving.number if made.serving else None) == ("Renamed", 2)
    assert ids_in(made, NOW + HOUR) == {visitor.pk}
    assert list(pending_segments()) == []


def test_segments_by_hand_have_one_version(
    make_segment: Callable[..., Segment],
) -> None:
    vips = make_segment("vips")
    vips.rule = PRO
    vips.save()
    assert states(vips) == [(1, State.SERVING)]
    assert refresh_segments(now=NOW) == 0


# -- beside each other ---------------------------------------------------------------------


def test_the_old_version_serves_until_the_new_one_is_filled(
    make_segment: Callable[..., Segment],
    with_plan: Callable[[str], Profile],
    told: Told,
    one_by_one: None,
) -> None:
    pros, frees = [with_plan("pro") for _ in range(2)], [with_plan("free") for _ in range(2)]
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW)
    told.clear()
    edit(made, FREE)
    for _ in range(4):
        assert turn(NOW + HOUR) == 1
        assert ids_in(made, NOW + HOUR) == {one.pk for one in pros}
        assert shown_to(frees[0], NOW + HOUR) == frozenset()
        assert told == []
    turn(NOW + HOUR)  # the last one is done: the swap
    assert ids_in(made, NOW + HOUR) == {one.pk for one in frees}
    assert [shown_to(one, NOW + HOUR) for one in (*pros, *frees)] == [
        frozenset(), frozenset(), {"plan"}, {"plan"},
    ]  # fmt: skip
    assert told == []
    refresh_segments(now=NOW + 2 * HOUR)
    at = NOW + HOUR
    assert sorted(told) == sorted(
        [("left", "plan", one.pk, at) for one in pros]
        + [("entered", "plan", one.pk, at) for one in frees]
    )
    assert states(made) == [(1, State.PAST), (2, State.SERVING)]
    assert rows(pros[0], made) == [(NOW, at, True)]
    assert rows(frees[0], made) == [(at, None, False)]


def test_who_is_in_both_stays_in_since_then_and_is_not_told(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], told: Told
) -> None:
    pro, top = with_plan("pro"), with_plan("max")
    made = make_segment("pays", PRO)
    refresh_segments(now=NOW)
    told.clear()
    edit(made, PAYS)
    refresh_segments(now=NOW + HOUR)
    assert rows(pro, made) == [(NOW, None, False)]
    assert rows(top, made) == [(NOW + HOUR, None, False)]
    assert told == [("entered", "pays", top.pk, NOW + HOUR)]


def test_events_keep_both_versions_up(
    make_segment: Callable[..., Segment],
    with_plan: Callable[[str], Profile],
    happen: Happen,
    told: Told,
    one_by_one: None,
) -> None:
    visitor, other = with_plan("pro"), with_plan("pro")
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW)
    told.clear()
    edit(made, FREE)
    turn(NOW + HOUR)
    happen(visitor, "identify", kind="identify", at=NOW + HOUR, plan="free")
    assert told == [("left", "plan", visitor.pk, NOW + HOUR)]
    assert (ids_in(made, NOW + HOUR), shown_to(visitor, NOW + HOUR)) == ({other.pk}, frozenset())
    while made.serving and made.serving.number == 1:
        turn(NOW + 2 * HOUR)
        made.refresh_from_db()
    assert ids_in(made, NOW + 2 * HOUR) == {visitor.pk}
    refresh_segments(now=NOW + 3 * HOUR)
    assert told[1:] == [
        ("left", "plan", other.pk, NOW + 2 * HOUR),
        ("entered", "plan", visitor.pk, NOW + 2 * HOUR),
    ] or told[1:] == [
        ("entered", "plan", visitor.pk, NOW + 2 * HOUR),
        ("left", "plan", other.pk, NOW + 2 * HOUR),
    ]
    assert rows(visitor, made) == [
        (NOW, NOW + HOUR, True),
        (NOW + 2 * HOUR, None, False),
    ]


def test_an_event_between_the_swap_and_the_cleaning_tells_the_swap_first(
    make_segment: Callable[..., Segment],
    with_plan: Callable[[str], Profile],
    happen: Happen,
    told: Told,
    one_by_one: None,
) -> None:
    visitor = with_plan("free")
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW)
    edit(made, FREE)
    turn(NOW + HOUR)
    turn(NOW + HOUR)
    assert states(made) == [(1, State.RETIRING), (2, State.SERVING)]
    happen(visitor, "identify", kind="identify", at=NOW + 2 * HOUR, plan="pro")
    refresh_segments(now=NOW + 3 * HOUR)
    assert told == [
        ("entered", "plan", visitor.pk, NOW + HOUR),
        ("left", "plan", visitor.pk, NOW + 2 * HOUR),
    ]
    assert rows(visitor, made) == [(NOW + HOUR, NOW + 2 * HOUR, True)]


def test_departures_of_both_versions_are_kept_up(
    make_segment: Callable[..., Segment],
    make_profile: Callable[..., Profile],
    happen: Happen,
    told: Told,
    one_by_one: None,
) -> None:
    visitor, _ = make_profile(), make_profile()
    made = make_segment("carts", CARTS)
    refresh_segments(now=NOW - DAY)
    happen(visitor, "Product Added", at=NOW)
    edit(made, rule(happened("Product Added", last="PT2H")))
    turn(NOW + HOUR)
    assert settle_memberships(now=NOW + 3 * HOUR) == 1
    assert [what for what, *_ in told] == ["entered"]
    refresh_segments(now=NOW + 4 * HOUR)
    assert told[-1] == ("left", "carts", visitor.pk, NOW + 4 * HOUR)
    assert rows(visitor, made) == [(NOW, NOW + 4 * HOUR, True)]
    assert snapshot(visitor).memberships == {}


def test_a_departure_foreseen_by_the_old_version_is_told_at_its_instant(
    make_segment: Callable[..., Segment], make_profile: Callable[..., Profile], happen: Happen,
    told: Told,
) -> None:  # fmt: skip
    visitor = make_profile()
    made = make_segment("carts", CARTS)
    refresh_segments(now=NOW - DAY)
    happen(visitor, "Product Added", at=NOW)
    edit(made, FREE)
    refresh_segments(now=NOW + 2 * DAY)  # no departure was settled meanwhile
    assert told == [
        ("entered", "carts", visitor.pk, NOW),
        ("left", "carts", visitor.pk, NOW + DAY),
    ]


def test_a_rule_edited_again_replaces_the_one_that_waits(
    make_segment: Callable[..., Segment],
    with_plan: Callable[[str], Profile],
    told: Told,
    one_by_one: None,
) -> None:
    pro, free, top = with_plan("pro"), with_plan("free"), with_plan("max")
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW)
    told.clear()
    edit(made, FREE)
    turn(NOW + HOUR)
    turn(NOW + HOUR)
    edit(made, PAYS)
    assert states(made) == [(1, State.SERVING), (2, State.DROPPED), (3, State.WAITING)]
    refresh_segments(now=NOW + 2 * HOUR)
    assert states(made) == [(1, State.PAST), (2, State.PAST), (3, State.SERVING)]
    assert ids_in(made, NOW + 2 * HOUR) == {pro.pk, top.pk}
    assert told == [("entered", "plan", top.pk, NOW + 2 * HOUR)]
    assert snapshot(free).memberships == {}
    assert set(Membership.objects.values_list("version__number", flat=True)) == {3}


def test_an_edit_that_is_taken_back_is_swapped_in_like_any_other(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], told: Told
) -> None:
    pro = with_plan("pro")
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW)
    edit(made, FREE)
    edit(made, PRO)
    refresh_segments(now=NOW + HOUR)
    assert states(made) == [(1, State.PAST), (2, State.PAST), (3, State.SERVING)]
    assert rows(pro, made) == [(NOW, None, False)]
    assert len(told) == 1


def test_what_names_an_edited_segment_takes_over_together_with_it(
    make_segment: Callable[..., Segment],
    with_plan: Callable[[str], Profile],
    told: Told,
    one_by_one: None,
) -> None:
    pro, free = with_plan("pro"), with_plan("free")
    inner = make_segment("inner", PRO)
    others = make_segment("others", rule(none_of(segment("inner"))))
    refresh_segments(now=NOW)
    told.clear()
    edit(inner, FREE)
    while turn(NOW + HOUR):
        assert (ids_in(inner, NOW + HOUR), ids_in(others, NOW + HOUR)) == ({pro.pk}, {free.pk})
        inner.refresh_from_db()
        if inner.serving and inner.serving.number == 2:
            break
    refresh_segments(now=NOW + 2 * HOUR)
    assert (ids_in(inner, NOW + 2 * HOUR), ids_in(others, NOW + 2 * HOUR)) == (
        {free.pk},
        {pro.pk},
    )
    others.refresh_from_db()
    assert others.serving is not None
    assert (others.serving.number, others.serving.rule) == (2, others.rule)
    assert len(told) == 4


def test_a_rebuild_changes_nothing_while_a_version_waits(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], told: Told
) -> None:
    pro = with_plan("pro")
    made = make_segment("plan", PRO)
    refresh_segments(now=NOW)
    edit(made, PAYS)
    told.clear()
    rebuild_profiles([pro.pk], now=NOW + HOUR)
    assert ids_in(made, NOW + HOUR) == {pro.pk}
    assert Membership.objects.filter(profile=pro).count() == 2
    assert told == []
    refresh_segments(now=NOW + 2 * HOUR)
    assert rows(pro, made) == [(NOW, None, False)]
    assert told == []


def test_counters_that_no_version_needs_any_more_are_dropped_without_the_log(
    make_segment: Callable[..., Segment], make_profile: Callable[..., Profile], happen: Happen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    visitor = make_profile()
    made = make_segment("carts", CARTS)
    make_segment("readers", rule(happened("Page Viewed")))
    refresh_segments(now=NOW - DAY)
    happen(visitor, "Product Added", "Page Viewed", at=NOW)
    assert len(snapshot(visitor).counters) == 2
    monkeypatch.setattr("personalization.segments.rebuild.add_up", None)
    made.delete()
    refresh_segments(now=NOW)
    kept = snapshot(visitor)
    assert (len(kept.counters), kept.plan) == (1, live_rules().plan.id)


# -- by hand and by rule -------------------------------------------------------------------


def test_who_is_in_by_rule_stays_in_by_hand(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], happen: Happen,
    told: Told,
) -> None:  # fmt: skip
    pro = with_plan("pro")
    made = make_segment("pros", PRO)
    refresh_segments(now=NOW)
    told.clear()
    made.kind = Segment.Kind.MANUAL
    made.save()
    refresh_segments(now=NOW + HOUR)
    happen(pro, "identify", kind="identify", at=NOW + 2 * HOUR, plan="free")
    assert rows(pro, made) == [(NOW, None, False)]
    assert told == []
    assert states(made) == [(1, State.PAST), (2, State.SERVING)]


def test_by_rule_only_those_stay_for_whom_it_holds(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], told: Told
) -> None:
    pro, free = with_plan("pro"), with_plan("free")
    made = make_segment("pros")
    add_members(made, [pro.pk, free.pk], now=NOW)
    told.clear()
    made.kind, made.rule = Segment.Kind.RULE, PRO
    made.save()
    refresh_segments(now=NOW + HOUR)
    assert rows(pro, made) == [(NOW, None, False)]
    assert rows(free, made) == [(NOW, NOW + HOUR, True)]
    assert told == [("left", "pros", free.pk, NOW + HOUR)]


# -- an end --------------------------------------------------------------------------------


def in_it(made: Segment, profile: Profile, now: datetime) -> list[bool]:
    """Return what each way of asking says."""
    stored = rule(segment(made.slug))
    return [
        profile.pk in ids_in(made, now),
        made.slug in shown_to(profile, now),
        profile.pk in matching(linked(stored), now=now),
        count_matching(linked(rule(none_of(segment(made.slug)))), now=now) == 0,
    ]


@pytest.mark.parametrize("stored", [PRO, None], ids=["by rule", "by hand"])
def test_from_its_end_on_nobody_is_in_it(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], stored: Any,
    told: Told,
) -> None:  # fmt: skip
    pro = with_plan("pro")
    made = make_segment("sale", stored)
    outer = make_segment("outer", rule(segment("sale")))
    without = make_segment("without", rule(none_of(segment("sale"))))
    refresh_segments(now=NOW)
    if stored is None:
        add_members(made, [pro.pk], now=NOW)
    made.ends_at = NOW + DAY
    made.save()
    for refreshed in (False, True):
        assert in_it(made, pro, NOW + DAY - MICROSECOND) == [True] * 4
        assert in_it(made, pro, NOW + DAY) == [False] * 4
        if not refreshed:
            refresh_segments(now=NOW + HOUR)
    assert ids_in(outer, NOW + DAY - MICROSECOND) == {pro.pk}
    assert ids_in(outer, NOW + DAY) == set()
    assert rows(pro, without)[-1] == (NOW + DAY, None, False)
    told.clear()
    settle_memberships(now=NOW + 2 * DAY)
    assert sorted(told) == [
        ("entered", "without", pro.pk, NOW + DAY),
        ("left", "outer", pro.pk, NOW + DAY),
        ("left", "sale", pro.pk, NOW + DAY),
    ]


@pytest.mark.parametrize("stored", [PRO, None], ids=["by rule", "by hand"])
def test_an_end_can_be_moved_and_taken_back(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], stored: Any
) -> None:
    pro = with_plan("pro")
    made = make_segment("sale", stored, ends_at=NOW + HOUR)
    refresh_segments(now=NOW)
    if stored is None:
        add_members(made, [pro.pk], now=NOW)
    for end in (NOW + DAY, NOW + 2 * HOUR, None):
        made.ends_at = end
        made.save()
        refresh_segments(now=NOW + MINUTE)
        assert rows(pro, made) == [(NOW, end, False)]
    assert made.versions.count() == 1


def test_whoever_is_put_in_by_hand_leaves_at_the_end(
    make_segment: Callable[..., Segment], make_profile: Callable[..., Profile]
) -> None:
    visitor = make_profile()
    made = make_segment("sale", ends_at=NOW + HOUR)
    add_members(made, [visitor.pk], now=NOW, until=NOW + DAY)
    assert rows(visitor, made) == [(NOW, NOW + HOUR, False)]
    add_members(made, [visitor.pk], now=NOW + 2 * HOUR)
    assert ids_in(made, NOW + 2 * HOUR) == set()


# -- what pages know -----------------------------------------------------------------------


def test_pages_know_which_segments_are_stale(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], one_by_one: None
) -> None:
    visitor, _ = with_plan("pro"), with_plan("free")

    def stale() -> frozenset[str]:
        return read_visitor(visitor.identities.get().value, now=NOW).stale

    made = make_segment("plan", PRO)
    make_segment("vips")
    assert stale() == {"plan"}
    refresh_segments(now=NOW)
    assert stale() == frozenset()
    made.name = "Renamed"
    made.save()
    assert stale() == frozenset()
    edit(made, FREE)
    assert stale() == {"plan"}
    turn(NOW)
    assert stale() == {"plan"}
    refresh_segments(now=NOW)
    assert stale() == frozenset()


def test_memberships_of_both_versions_stand_in_the_snapshot_by_version(
    make_segment: Callable[..., Segment], with_plan: Callable[[str], Profile], one_by_one: None
) -> None:
    pro, _ = with_plan("pro"), with_plan("pro")
    made = make_segment("pays", PRO)
    refresh_segments(now=NOW)
    edit(made, PAYS)
    turn(NOW + HOUR)
    old, new = made.versions.order_by("number")
    since = microseconds(NOW)
    assert snapshot(pro).memberships == {
        str(old.pk): [since, None, 1],
        str(new.pk): [since, None, 2],
    }
