"""Whose arm is which: by the first exposure, of whom it may be known, whatever a name holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.experiments import exposures
from personalization.experiments.exposures import (
    Exposed,
    decisions,
    first_exposures,
    shown_since,
    unknown_arms,
)
from personalization.profiles.models import Identity, Snapshot
from tests.experiments.analysis.world import DAY, HOUR, NOW, SECOND, START, World, told, visit

pytestmark = pytest.mark.django_db

SPAN = {"since": START, "until": NOW}
ARMS = ("a", "b")
#: Names as they are: of experiments, of holdouts, and whatever a site calls its segments.
NAMES = [
    "blue", "2026", "0", "hero/variation:12", "hero/template:0:new+ones", 'he said "so"', "it's",
    "a.b.c", "$.a", "[0]", "back\\slash", "Größe 年齢", "per%cent %s", "{a,b}", "",
]  # fmt: skip


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def arms_of(found: Exposed) -> dict[int, str]:
    return {
        profile: found.arms[arm]
        for profile, arm in zip(found.profiles.tolist(), found.arm.tolist(), strict=True)
    }


def found(name: str = "blue", **fields: Any) -> Exposed:
    return first_exposures(name, **{"arms": ARMS, **SPAN, **fields})


# -- first ----------------------------------------------------------------------------------


def test_the_first_exposure_says_the_arm_and_when_and_how_likely() -> None:
    world = World()
    who, other = world.people(2)
    world.saw(who, "blue", "a", START + 2 * HOUR, chance=0.3)
    world.saw(who, "blue", "a", START + HOUR, chance=0.4)
    world.saw(other, "blue", "b", START + 3 * HOUR, event="Recommendation Shown")
    world.save()
    one = found()
    assert arms_of(one) == {who.profile_id: "a", other.profile_id: "b"}
    assert sorted(one.at.tolist()) == [
        microseconds(START + HOUR), microseconds(START + 3 * HOUR),
    ]  # fmt: skip
    assert sorted(one.probability.tolist()) == [0.4, 0.5]
    assert one.counts == (1, 1)


def test_devices_of_one_person_are_one_unit() -> None:
    world = World()
    who = world.person()
    phone = Identity.objects.create(
        profile_id=who.profile_id, namespace=Identity.ANONYMOUS, value="phone"
    )
    world.saw(who, "blue", "a", START + HOUR)
    world.saw(phone, "blue", "a", START + 2 * HOUR)
    world.save()
    assert arms_of(found()) == {who.profile_id: "a"}


def test_who_was_seen_in_several_arms_is_in_the_first_and_counted() -> None:
    world = World()
    torn, other = world.people(2)
    world.saw(torn, "blue", "a", START)
    world.saw(torn, "blue", "b", START + DAY)
    world.saw(other, "blue", "b", START)
    world.save()
    assert arms_of(found()) == {torn.profile_id: "a", other.profile_id: "b"}
    assert found().in_several == 1
    # What comes after the end is not known yet.
    assert arms_of(found(until=START + HOUR)) == {torn.profile_id: "a", other.profile_id: "b"}


def test_whom_a_bandit_moves_stays_in_the_first_arm_if_its_chance_is_known() -> None:
    world = World()
    moved, other, unknown = world.people(3)
    world.saw(moved, "blue", "b", START, chance=0.1)
    world.saw(moved, "blue", "a", START + DAY, chance=0.8)
    world.saw(other, "blue", "a", START, chance=0.9)
    world.saw(unknown, "blue", "a", START, chance=None)
    world.saw(unknown, "blue", "a", START + DAY, chance=0.9)  # not the first, so not by chance
    world.save()
    one = found(moves=True)
    assert arms_of(one) == {moved.profile_id: "b", other.profile_id: "a"}
    assert sorted(one.probability.tolist()) == [0.1, 0.9]
    assert (one.in_several, one.moves) == (0, True)
    assert found().in_several == 1


def test_an_exposure_counts_from_the_beginning_and_before_the_end() -> None:
    world = World()
    early, first, late = world.people(3)
    world.saw(early, "blue", "a", START - SECOND)
    world.saw(first, "blue", "a", START)
    world.saw(late, "blue", "a", NOW)
    world.save()
    assert arms_of(found()) == {first.profile_id: "a"}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_compared_as_a_whole_whatever_it_holds(name: str) -> None:
    world = World()
    who, other = world.people(2)
    world.saw(who, name, "a", START)
    world.saw(other, f"{name}x", "b", START)
    world.save()
    assert arms_of(found(name)) == {who.profile_id: "a"}
    assert [one.arm for one in decisions(name, arms=ARMS, **SPAN)] == [0]
    assert unknown_arms(name, arms=("b",), **SPAN) == {"a": 1}


@pytest.mark.parametrize(
    "assigned",
    [
        None, 1, "a", [], ["blue"], {}, {"blue": None}, {"blue": "a"}, {"blue": []}, {"blue": {}},
        {"blue": {"arm": 1}}, {"blue": {"arm": None}}, {"blue": {"arm": ["a"]}},
        {"blue": {"arm": {"a": 1}}}, {"blue": {"arm": "c"}}, {"blue": {"arm": True}},
        {"blue": [{"arm": "a"}]},
    ],
)  # fmt: skip
def test_what_a_client_made_up_badly_is_nobodys_arm(assigned: Any) -> None:
    world = World()
    who = world.person()
    world.did(who, "Slot Shown", START, assigned=assigned)
    world.did(who, "Slot Shown", START)
    world.save()
    assert len(found()) == 0
    assert list(decisions("blue", arms=ARMS, **SPAN)) == []


def test_numbers_are_no_arms_that_are_called_like_them() -> None:
    world = World()
    who, other = world.people(2)
    world.saw(who, "blue", 1, START)
    world.saw(other, "blue", "1", START)
    world.did(who, "Slot Shown", START, assigned=[{"arm": "1"}])
    world.save()
    assert arms_of(found(arms=("1", "2"))) == {other.profile_id: "1"}
    assert len(found("0", arms=("1", "2"))) == 0


@pytest.mark.parametrize("chance", [None, "0.5", True, 0, -0.1, 1.1, 10**400, [0.5], {}])
def test_a_chance_that_is_none_is_not_known(chance: Any) -> None:
    world = World()
    world.saw(world.person(), "blue", "a", START, chance=chance)
    world.save()
    assert math.isnan(found().probability[0])
    [one] = decisions("blue", arms=ARMS, **SPAN)
    assert math.isnan(one.probability)


def test_other_events_expose_nobody() -> None:
    world = World()
    world.saw(world.person(), "blue", "a", START, event="Slot Clicked")
    world.save()
    assert len(found()) == 0


def test_of_several_at_one_instant_the_same_is_the_first_every_time() -> None:
    world = World()
    who = world.person()
    for message, chance in (("m-b", 0.2), ("m-a", 0.1), ("m-c", 0.3)):
        world.saw(who, "blue", "a", START, chance=chance, message_id=message)
    world.save()
    assert found().probability.tolist() == [0.1]


# -- whom -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "consents",
    [
        {},
        {"personalization": False},
        {"analytics": True},
        {"marketing": True},
        {"personalization": True},
        {"personalization": True, "analytics": False},
    ],
)
def test_who_does_not_agree_is_left_out(consents: Any) -> None:
    world = World()
    world.saw(world.person(consents=consents), "blue", "a", START)
    world.save()
    assert len(found()) == 0


def test_who_does_not_want_to_be_counted_may_still_be_shown_what_fits_others_like_them() -> None:
    """Results count visitors; what a bandit learns decides what they are shown."""
    world = World()
    who = world.person(consents={"personalization": True, "analytics": False})
    world.saw(who, "blue", "a", START)
    world.save()
    assert len(found()) == 0
    assert [one.profile for one in decisions("blue", arms=ARMS, **SPAN)] == [who.profile_id]


def test_who_takes_consent_back_is_left_out_from_then_on() -> None:
    world = World()
    who, other = world.people(2)
    world.saw(who, "blue", "a", START)
    world.saw(other, "blue", "b", START)
    world.save()
    Snapshot.objects.filter(profile=who.profile_id).update(consents={"personalization": False})
    assert arms_of(found()) == {other.profile_id: "b"}
    assert [one.profile for one in decisions("blue", arms=ARMS, **SPAN)] == [other.profile_id]


def test_who_is_erased_is_left_out() -> None:
    world = World()
    who = world.person()
    world.saw(who, "blue", "a", START)
    world.save()
    Event.objects.all().delete()
    Identity.objects.all().delete()
    assert len(found()) == 0


def test_staff_is_left_out_by_the_account_and_customers_are_not() -> None:
    world = World()
    boss, customer, namesake = world.people(3)
    staff = User.objects.create_user("boss", is_staff=True)
    user = User.objects.create_user("customer")
    for who, namespace, account in (
        (boss, Identity.USER, staff),
        (customer, Identity.USER, user),
        (namesake, Identity.CLAIMED, staff),  # anybody may claim that
    ):
        Identity.objects.create(
            profile_id=who.profile_id, namespace=namespace, value=str(account.pk)
        )
        world.saw(who, "blue", "a", START)
    world.save()
    assert set(arms_of(found())) == {customer.profile_id, namesake.profile_id}
    assert len(list(decisions("blue", arms=ARMS, **SPAN))) == 2


# -- dimensions -----------------------------------------------------------------------------


def test_units_are_looked_at_by_week_path_device_and_whether_they_had_been_there() -> None:
    world = World()
    new, back = world.people(2)
    agent = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"
    world.saw(new, "blue", "a", START, context={"page": {"path": "/shop/hats/?a"}})
    world.saw(back, "blue", "a", START + 7 * DAY, context={"userAgent": agent})
    world.save()
    visit(new, START, START + HOUR)
    visit(back, START)
    visit(back, START + 7 * DAY)
    one = found()
    told = dict(
        zip(
            one.profiles.tolist(),
            zip(*(one.dimensions[name] for name in sorted(one.dimensions)), strict=True),
            strict=True,
        )
    )
    assert sorted(one.dimensions) == ["device", "path", "visitor", "week"]
    assert told[new.profile_id] == ("", "/shop", "new", "2026-W10")
    assert told[back.profile_id] == ("mobile", "", "returning", "2026-W11")


@pytest.mark.parametrize("context", [[], "x", {"page": 1}, {"page": {"path": 1}, "userAgent": []}])
def test_a_context_that_says_nothing_is_no_dimension(context: Any) -> None:
    world = World()
    world.saw(world.person(), "blue", "a", START, context=context)
    world.save()
    assert found().dimensions["path"] == found().dimensions["device"] == ("",)


def test_what_arrived_long_after_it_happened_is_counted_as_late() -> None:
    world = World()
    for delay in (HOUR, 23 * HOUR, 25 * HOUR):
        world.saw(world.person(), "blue", "a", START, received_at=START + delay)
    world.save()
    assert found().late == 1


def test_what_an_arm_showed_is_counted() -> None:
    world = World()
    who = world.person()
    world.saw(who, "blue", "a", START)
    world.saw(who, "blue", "a", START, variation="")
    world.saw(who, "blue", "a", START, variation="variation:1")
    world.saw(who, "blue", "b", START, event="Recommendation Shown")
    world.save()
    assert shown_since("blue", arms=(*ARMS, "c"), **SPAN) == {"a": (3, 1), "b": (1, 1)}


def test_decisions_come_in_the_order_of_time_with_all_that_was_logged() -> None:
    world = World()
    who, torn = world.people(2)
    world.did(
        torn, "Slot Shown", START + HOUR, assigned={"blue": {"arm": "b", "context": {"x": 1}}}
    )
    world.saw(torn, "blue", "a", START, chance=0.25)
    world.saw(who, "blue", "a", START + DAY)
    world.save()
    one, two, three = decisions("blue", arms=ARMS, **SPAN)
    assert (one.profile, one.arm, one.probability) == (torn.profile_id, 0, 0.25)
    assert (two.arm, two.told) == (1, {"arm": "b", "context": {"x": 1}})
    assert three.at == microseconds(START + DAY)


def test_queries_do_not_grow_with_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    costs = []
    for n in (3, 40):
        for who in world.people(n):
            world.saw(who, "blue", "a", START)
        world.save()
        with CaptureQueriesContext(connection) as queries:
            found()
        costs.append(len(queries))
    assert costs == [3, 3]
    monkeypatch.setattr(exposures, "CHUNK", 20)
    with CaptureQueriesContext(connection) as queries:
        assert len(found()) == 43
    assert len(queries) == 5  # visits are asked for three times


# -- whatever the log is ----------------------------------------------------------------------


class Row(NamedTuple):
    """An event of a log: who, after how many minutes, of which name, arm and chance."""

    who: int
    minutes: int
    name: str
    arm: str
    chance: float
    is_exposure: bool


ROWS = st.builds(
    Row,
    who=st.integers(0, 4),
    minutes=st.integers(-2, 6),
    name=st.sampled_from(["blue", "hero/variation:1"]),
    arm=st.sampled_from(["a", "a", "b", "c"]),
    chance=st.sampled_from([0.1, 0.5, 0.9]),
    is_exposure=st.sampled_from([True, True, True, False]),
)


def by_hand(rows: list[tuple[str, Row]], who: int) -> tuple[str, datetime, float, int] | None:
    """Return the first arm of somebody by looking at all they did, and how many they saw."""
    own = [
        (START + timedelta(minutes=row.minutes), message, row)
        for message, row in rows
        if row.who == who and row.is_exposure and row.name == "blue" and row.arm in ARMS
        and 0 <= row.minutes < 5
    ]  # fmt: skip
    if not own:
        return None
    at, _, first = min(own, key=lambda one: one[:2])
    return first.arm, at, first.chance, len({row.arm for _, _, row in own})


@given(rows=st.lists(ROWS, max_size=20), order=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_arms_are_those_that_one_finds_by_looking_at_each_whatever_the_order(
    rows: list[Row], order: Any
) -> None:
    with undone():
        world = World()
        people = world.people(5)
        named = [(f"m{place:03}", row) for place, row in enumerate(rows)]
        shuffled = list(named)
        order.shuffle(shuffled)
        for message, row in shuffled:
            world.did(
                people[row.who],
                "Slot Shown" if row.is_exposure else "Slot Clicked",
                START + timedelta(minutes=row.minutes),
                message_id=message,
                assigned=told(row.name, row.arm, row.chance),
            )
        world.save()
        one = found(until=START + timedelta(minutes=5))
        expected = {people[who].profile_id: by_hand(named, who) for who in range(5)}
        assert one.in_several == sum(each[3] > 1 for each in expected.values() if each)
        assert {
            profile: (one.arms[arm], at, chance)
            for profile, arm, at, chance in zip(
                one.profiles.tolist(), one.arm.tolist(), one.at.tolist(),
                one.probability.tolist(), strict=True,
            )
        } == {
            profile: (each[0], microseconds(each[1]), each[2])
            for profile, each in expected.items()
            if each is not None
        }  # fmt: skip
