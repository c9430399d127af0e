"""The precedence, as a function of values."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.delivery.choose import PRECEDENCE, Decision, Step, choose, new_decision_id
from personalization.delivery.published import Candidate, Place
from personalization.delivery.standing import Standing
from personalization.experiments.trial import Assigned, Choice, Trial

slugs = st.sampled_from("abcdef")
instants = st.none() | st.integers(0, 10)
candidates = st.builds(
    Candidate,
    segments=st.lists(slugs, min_size=1, max_size=3).map(tuple),
    key=st.uuids().map(str),
    share=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    starts=instants,
    ends=instants,
    cap=st.sampled_from(["", "", "a", "cap:x"]),
)
places = st.builds(
    Place,
    slug=st.just("hero"),
    candidates=st.lists(candidates, max_size=6).map(tuple),
    strategy=st.sampled_from(["priority", "weight", "random", "all"]),
    cap=st.sampled_from(["", "", "b", "cap:x"]),
)
standings = st.builds(
    Standing,
    segments=st.frozensets(slugs | st.just("cap:x")),
    known=st.booleans(),
    consented=st.booleans(),
    bot=st.booleans(),
    paused=st.booleans(),
    preview=st.booleans(),
    unit=st.text(max_size=5),
    now=st.integers(0, 10),
)

A, B = Candidate(("a",), "A"), Candidate(("b",), "B")
HERO = Place("hero", (A, B), strategy="priority")
IN_BOTH = Standing(segments=frozenset("ab"), unit="one", now=5)
#: Whoever takes part, with a chance of a quarter, comes into the second arm.
TRIAL = Trial(
    key="test", kind="variations", place="hero", seed="b",
    arms=(Choice("a", "A"), Choice("b", "B")), weights=(0.75, 0.25),
)  # fmt: skip


def outcome(decision: Decision) -> tuple[str, str, float]:
    return decision.variation, decision.reason, decision.probability


@given(places, standings)
def test_every_decision_follows_the_precedence(place: Place, standing: Standing) -> None:
    """Told once more, as a list of exceptions: what is decided is what the first of them says."""
    decision = choose(place, standing)
    shown = decision.candidates
    assert decision.slot == "hero"
    refusals = [
        (not standing.known, "no_id"),
        (not standing.consented, "no_consent"),
        (standing.bot, "bot"),
        (standing.paused, "paused"),
    ]
    if standing.preview:
        refusals = refusals[1:2]
    first = next((reason for refused, reason in refusals if refused), None)
    if first is not None:
        assert (shown, decision.reason) == ((), first)
        return
    capped = standing.segments if not standing.preview else frozenset()
    left = [
        one
        for one in place.candidates
        if place.cap not in capped
        and one.cap not in capped
        and (one.starts is None or one.starts <= standing.now)
        and (one.ends is None or standing.now < one.ends)
        and not standing.segments.isdisjoint(one.segments)
    ]
    if place.strategy == "all":
        assert list(shown) == left
    elif place.strategy == "random":
        assert len(shown) == any(one.share for one in left)
        assert all(one in left and one.share for one in shown)
    else:
        assert list(shown) == left[:1] or place.strategy == "weight"
        assert len(shown) == bool(left)
    assert decision.reason == "segment" or not shown


@given(places, standings)
def test_asking_why_changes_nothing_and_is_answered_in_order(
    place: Place, standing: Standing
) -> None:
    steps: list[Step] = []
    told = choose(place, standing, note=steps.append)
    assert outcome(told) == outcome(choose(place, standing))
    order = [PRECEDENCE.index(step.name) for step in steps]
    assert order == sorted(order)
    assert steps


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (replace(IN_BOTH, known=False, consented=False, bot=True, paused=True), "no_id"),
        (replace(IN_BOTH, consented=False, bot=True, paused=True), "no_consent"),
        (replace(IN_BOTH, bot=True, paused=True), "bot"),
        (replace(IN_BOTH, paused=True), "paused"),
    ],
)
def test_what_comes_first_has_the_say(standing: Standing, reason: str) -> None:
    decision = choose(replace(HERO, held_out_of_all=1.0, trials=(TRIAL,)), standing)
    assert (*outcome(decision), decision.assigned) == ("", reason, 1, ())


def test_a_preview_is_refused_by_nothing_but_the_schedule() -> None:
    pretended = Standing(
        segments=frozenset("a"), known=False, bot=True, paused=True, preview=True, unit="one"
    )
    over = Place("hero", (replace(A, cap="a"), B), strategy="priority", cap="a")
    held = replace(over, held_out=1.0, held_out_of_all=1.0, trials=(TRIAL,))
    decision = choose(held, pretended)
    assert (decision.variation, decision.assigned) == ("A", ())
    ended = Place("hero", (replace(A, ends=3),), strategy="priority")
    assert choose(ended, replace(pretended, now=3)).variation == ""


def test_an_experiment_decides_what_is_shown_before_caps_and_schedules() -> None:
    tested = replace(HERO, trials=(TRIAL,))
    decision = choose(tested, IN_BOTH)
    assert outcome(decision) == ("B", "experiment", 0.25)
    assert decision.assigned == (Assigned("test", "b", 0.25),)
    tired = choose(replace(tested, candidates=(A, replace(B, cap="b"))), IN_BOTH)
    assert (tired.variation, tired.reason, tired.assigned) == ("", "capped", decision.assigned)
    over = choose(replace(tested, candidates=(A, replace(B, ends=3))), IN_BOTH)
    assert (over.variation, over.reason, over.assigned) == ("", "experiment", decision.assigned)


def test_who_is_held_out_sees_the_default_and_counts() -> None:
    everything = choose(replace(HERO, held_out_of_all=1.0), IN_BOTH)
    assert (everything.variation, everything.reason) == ("", "held_out")
    assert everything.assigned == (Assigned("global", "held_out", 1.0),)
    one = choose(replace(HERO, held_out=1.0), IN_BOTH)
    assert (one.variation, one.reason) == ("", "held_out")
    assert one.assigned == (Assigned("hero/A", "held_out", 1.0),)


def test_who_would_see_nothing_anyway_is_held_out_from_nothing() -> None:
    held = replace(HERO, held_out=0.5, held_out_of_all=0.5)
    nobody = [choose(held, Standing(unit=str(n))) for n in range(100)]
    assert {(one.reason, one.assigned) for one in nobody} == {("no_match", ())}


def test_what_was_shown_often_enough_makes_room_for_the_next() -> None:
    seen = replace(IN_BOTH, segments=frozenset({"a", "b", "cap:1"}))
    tired = Place("hero", (replace(A, cap="cap:1"), B), strategy="priority")
    assert choose(tired, IN_BOTH).variation == "A"
    assert choose(tired, seen).variation == "B"
    alone = Place("hero", (replace(A, cap="cap:1"),), strategy="priority")
    assert outcome(choose(alone, seen)) == ("", "capped", 1)


def test_a_schedule_begins_at_its_first_instant_and_ends_before_its_last() -> None:
    place = Place("hero", (replace(A, starts=3, ends=5),), strategy="priority")
    shown = [choose(place, replace(IN_BOTH, now=now)).variation for now in range(2, 7)]
    assert shown == ["", "A", "A", "", ""]


def test_chance_is_fair_and_the_same_for_a_visitor() -> None:
    place = Place("hero", (replace(A, share=3), B), strategy="random")
    drawn = [choose(place, replace(IN_BOTH, unit=str(unit))) for unit in range(4000)]
    again = [choose(place, replace(IN_BOTH, unit=str(unit))) for unit in range(4000)]
    assert [outcome(one) for one in drawn] == [outcome(one) for one in again]
    found = Counter(one.variation for one in drawn)
    assert 2850 < found["A"] < 3150  # 3,000 are expected, with a standard deviation of 27
    assert {one.variation: one.probability for one in drawn} == {"A": 0.75, "B": 0.25}


def test_the_lot_of_one_slot_says_nothing_about_another() -> None:
    places = [Place(slug, (A, B), strategy="random") for slug in ("hero", "strip")]
    standings = [replace(IN_BOTH, unit=str(unit)) for unit in range(1000)]
    same = sum(
        choose(places[0], one).variation == choose(places[1], one).variation for one in standings
    )
    assert 420 < same < 580


def test_every_decision_has_an_id_of_its_own() -> None:
    ids = {new_decision_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(one) for one in ids} == {32}
    assert choose(HERO, IN_BOTH).id != choose(HERO, IN_BOTH).id
