"""What is wrong with an experiment is said at its field, with what to do about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.bucketing import Range, equal_weights
from personalization.experiments.changes import arm_moves, moves
from personalization.experiments.drafts import ArmDraft, Draft
from personalization.experiments.models import Experiment
from personalization.experiments.ramps import ramp_problem, ramp_steps
from personalization.experiments.validation import (
    MOST_ARMS,
    Fault,
    Known,
    Neighbour,
    blocking,
    faults_of,
    free_ranges,
)
from personalization.experiments.wording import percent

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
CONTENTS = ("", "variation:1", "variation:2", "variation:3")


def draft(*weights: float, **fields: Any) -> Draft:
    shares = weights or (0.5, 0.5)
    arms = tuple(
        ArmDraft(chr(ord("a") + n), CONTENTS[n % 4], share) for n, share in enumerate(shares)
    )
    usual = {"slug": "hero", "name": "Hero", "kind": "variations", "place": "hero", "arms": arms}
    return Draft(**{**usual, **fields})


def only(faults: tuple[Fault, ...]) -> Fault:
    (fault,) = faults
    return fault


def neighbour(start: float, end: float, **fields: Any) -> Neighbour:
    usual = {"slug": "o", "name": "Other", "kind": "strategies", "place": "", "namespace": "shop"}
    return Neighbour(**{**usual, "held": Range(start, end), **fields})


def test_a_whole_draft_has_no_fault():
    assert faults_of(draft()) == ()


# -- shares ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ((0.6, 0.5), "add up to 110 %, not to 100 %: take away 10 %. For equal shares give each 50 %"),
        ((0.5, 0.25), "add up to 75 %, not to 100 %: 25 % are missing."),
        ((0.3, 0.3, 0.3), "For equal shares give each 33.33 %."),
    ],
)  # fmt: skip
def test_shares_that_are_not_all_are_told_with_their_sum_and_how_to_mend_it(weights, told):
    fault = only(faults_of(draft(*weights)))
    assert (fault.field, fault.code) == ("arms", "shares")
    assert told in fault.message


@given(st.integers(2, MOST_ARMS))
def test_equal_shares_are_all_also_when_they_are_rounded(n):
    arms = tuple(ArmDraft(str(at), f"variation:{at}", round(1 / n, 4)) for at in range(n))
    assert faults_of(draft(arms=arms)) == ()
    exact = tuple(
        replace(arm, weight=w) for arm, w in zip(arms, equal_weights(n), strict=True)
    )  # fmt: skip
    assert faults_of(draft(arms=exact)) == ()


@pytest.mark.parametrize("weight", [0.0, -0.5, 1.5, float("nan"), float("inf")])
def test_a_share_that_is_none_is_told_at_its_arm(weight):
    found = [fault for fault in faults_of(draft(0.5, weight)) if fault.code == "no_share"]
    assert only(tuple(found)).arm == 1


@pytest.mark.parametrize("n", [0, 1, MOST_ARMS + 1])
def test_too_few_and_too_many_arms_are_refused(n):
    arms = tuple(ArmDraft(str(at), f"variation:{at}", 1 / max(n, 1)) for at in range(n))
    assert {fault.code for fault in faults_of(draft(arms=arms))} <= {"few_arms", "many_arms"}
    assert blocking(faults_of(draft(arms=arms)))


# -- contents -------------------------------------------------------------------------------


def test_what_is_shown_twice_is_told_at_the_second_arm():
    shown = ("variation:1", "", "variation:1")
    arms = tuple(ArmDraft(str(n), content, 1 / 3) for n, content in enumerate(shown))
    fault = only(faults_of(draft(arms=arms)))
    assert (fault.code, fault.field, fault.arm) == ("doubled", "content", 2)
    assert "same as arm 1" in fault.message
    assert fault.blocks


def test_a_test_of_the_site_itself_is_told_and_let_be():
    arms = (ArmDraft("a", "variation:1", 0.5), ArmDraft("b", "variation:1", 0.5))
    fault = only(faults_of(draft(arms=arms)))
    assert (fault.code, fault.blocks) == ("same", False)


@pytest.mark.parametrize(
    ("kind", "one", "other", "told"),
    [
        ("variations", "", "variation:9", "The slot “hero” does not have this content"),
        ("strategies", "priority", "magic", "There is no strategy “magic”"),
        ("rules", "vip:1", "vip:9", "There is no such version of the rule"),
        ("models", "recommend:1", "recommend:9", "There is no such version of what recommends"),
    ],
)
def test_contents_that_there_are_not_are_told_by_what_they_are(kind, one, other, told):
    arms = (ArmDraft("a", one, 0.5), ArmDraft("b", other, 0.5))
    known = Known(contents={one})
    fault = only(faults_of(draft(arms=arms, kind=kind), known=known))
    assert (fault.code, fault.arm) == ("unknown", 1)
    assert told in fault.message
    assert faults_of(draft(arms=arms, kind=kind)) == ()  # where nobody looked it up


@pytest.mark.parametrize("kind", ["strategies", "rules", "models"])
def test_only_of_contents_there_is_a_default(kind):
    arms = (ArmDraft("a", "", 0.5), ArmDraft("b", "x:1", 0.5))
    assert "Say what this arm shows." in only(faults_of(draft(arms=arms, kind=kind))).message


def test_versions_are_those_of_one_segment():
    arms = (ArmDraft("a", "vip:1", 0.5), ArmDraft("b", "guests:2", 0.5))
    fault = only(faults_of(draft(arms=arms, kind="rules")))
    assert (fault.code, fault.arm) == ("other_segment", 1)
    assert "of “guests”; the first arm is one of “vip”" in fault.message


# -- place, time, namespaces ----------------------------------------------------------------


def test_contents_need_a_slot_and_the_rest_can_be_about_all():
    assert only(faults_of(draft(place=""))).field == "place"
    arms = (ArmDraft("a", "priority", 0.5), ArmDraft("b", "weight", 0.5))
    assert faults_of(draft(place="", kind="strategies", arms=arms)) == ()


def test_a_place_that_there_is_not_is_named():
    fault = only(faults_of(draft(), known=Known(places={"footer"})))
    assert "no slot or list “hero”" in fault.message


def test_an_end_before_the_beginning_is_refused():
    assert only(faults_of(draft(starts_at=NOW, ends_at=NOW))).field == "ends_at"
    assert faults_of(draft(starts_at=NOW, ends_at=NOW + DAY)) == ()


@pytest.mark.parametrize("coverage", [0.0, -1.0, 1.1, float("nan")])
def test_a_share_of_nobody_is_refused(coverage):
    assert "coverage" in {fault.field for fault in faults_of(draft(coverage=coverage))}


def test_a_part_of_a_namespace_that_another_has_is_told_with_what_is_free():
    one = neighbour(0.0, 0.4)
    two = neighbour(0.6, 0.7, slug="two", name="Two")
    mine = draft(namespace="shop", held=Range(0.3, 0.5))
    fault = only(faults_of(mine, running=[one, two]))
    assert fault.field == "namespace_from"
    assert "“Other” has 0 % to 40 %" in fault.message
    assert "Two" not in fault.message
    assert "Free: 40 % to 60 %, 70 % to 100 %." in fault.message


def test_where_nothing_is_free_it_is_said():
    mine = draft(namespace="shop", held=Range(0.0, 1.0))
    assert "Nothing of it is free" in only(faults_of(mine, running=[neighbour(0, 1)])).message


@pytest.mark.parametrize(("start", "end"), [(0.4, 0.6), (0.0, 0.0)])
def test_parts_that_only_touch_and_other_namespaces_share_nobody(start, end):
    mine = draft(namespace="shop", held=Range(0.6, 1.0))
    assert faults_of(mine, running=[neighbour(start, end)]) == ()
    assert faults_of(mine, running=[neighbour(0, 1, namespace="blog")]) == ()
    assert faults_of(draft(), running=[neighbour(0, 1)]) == ()


@pytest.mark.parametrize("held", [Range(0.5, 0.5), Range(0.6, 0.5), Range(-0.1, 1), Range(0, 1.1)])
def test_a_part_without_anybody_is_refused(held):
    assert only(faults_of(draft(namespace="shop", held=held))).field == "namespace_until"


shares = st.floats(0, 1, allow_nan=False)


@given(st.lists(st.tuples(shares, shares).map(lambda pair: Range(*sorted(pair))), max_size=6))
def test_what_is_free_and_what_is_taken_are_all_and_do_not_overlap(taken):
    free = free_ranges(taken)
    for gap in free:
        assert gap.start < gap.end
        assert not any(
            held.start < gap.end and gap.start < held.end for held in taken if held.start < held.end
        )
    for at in (0.0, 0.123456, 0.5, 0.999):
        held = any(one.start <= at < one.end for one in taken)
        assert held != any(gap.start <= at < gap.end for gap in free)


def test_two_with_contents_in_one_slot_are_warned_of_and_not_refused():
    other = neighbour(0, 1, kind="variations", place="hero", namespace="")
    fault = only(faults_of(draft(), running=[other]))
    assert not fault.blocks
    assert "“Other” runs in this slot already" in fault.message
    apart = replace(other, namespace="shop", held=Range(0, 0.5))
    assert faults_of(draft(namespace="shop", held=Range(0.5, 1)), running=[apart]) == ()


def test_without_a_metric_that_decides_nothing_can_be_told():
    assert only(faults_of(draft(primaries=0))).field == "measures"


# -- ramps ----------------------------------------------------------------------------------


def step(days: int, share: Any) -> list[Any]:
    return [(NOW + days * DAY).isoformat(), share]


@pytest.mark.parametrize(
    ("ramp", "told"),
    [
        ([step(1, 0.5), step(0, 0.8)], "does not come after"),
        ([step(1, 0.5), step(1, 0.8)], "does not come after"),
        ([step(1, 0.5), step(2, 0.4)], "40 % is not between 50 %"),
        ([step(1, 0.05)], "5 % is not between 10 %"),
        ([step(1, 1.5)], "150 % is not between"),
        ([step(1, "0.5")], "an instant with its time zone"),
        ([step(1, True)], "an instant with its time zone"),
        ([step(1, float("nan"))], "an instant with its time zone"),
        ([["2026-03-02", 0.5]], "an instant with its time zone"),
        ([["soon", 0.5]], "an instant with its time zone"),
        (["soon"], "an instant with its time zone"),
        ({"a": 1}, "an instant with its time zone"),
        (None, "an instant with its time zone"),
    ],
)
def test_a_ramp_that_does_not_rise_in_the_order_of_time_is_refused(ramp, told):
    assert told in ramp_problem(ramp, coverage=0.1)
    assert only(faults_of(draft(ramp=ramp, coverage=0.1))).field == "ramp"


def test_a_ramp_that_rises_is_fine():
    assert ramp_problem([step(1, 0.1), step(2, 0.5), step(3, 1)], coverage=0.1) == ""
    assert ramp_steps([step(1, 1)]) == [(NOW + DAY, 1.0)]
    assert ramp_problem([], coverage=0.5) == ""


# -- changes of what runs -------------------------------------------------------------------


def moved(**fields: Any) -> tuple[str, ...]:
    before = draft(seed="s", coverage=0.5, ramp=[step(-1, 0.6)], starts_at=NOW - 2 * DAY)
    return tuple(fault.field for fault in moves(before, replace(before, **fields), now=NOW))


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("seed", "other", "seed"),
        ("hash_version", 1, "hash_version"),
        ("kind", "rules", "kind"),
        ("place", "footer", "place"),
        ("audience", 7, "audience"),
        ("allocation", "thompson", "allocation"),
        ("namespace", "shop", "namespace"),
        ("coverage", 0.4, None),  # the ramp has gone beyond it already
        ("ramp", [], "ramp"),
        ("ramp", [step(-1, 0.55)], "ramp"),
        ("starts_at", NOW + DAY, "starts_at"),
    ],
)
def test_what_would_move_visitors_is_refused_at_its_field(field, value, at):
    assert moved(**{field: value}) == (() if at is None else (at,))


@pytest.mark.parametrize(
    "fields",
    [
        {"coverage": 0.9},
        {"ramp": [step(-1, 0.6), step(1, 0.9)]},
        {"ends_at": NOW + DAY},
        {"starts_at": None},
        {"starts_at": NOW - DAY},
        {"name": "Another"},
        {"slug": "renamed"},  # the seed was written down
        {"held": Range(0.2, 0.3)},  # without a namespace it says nothing
        {"primaries": 2},
    ],
)
def test_what_moves_nobody_is_fine(fields):
    assert moved(**fields) == ()


def test_lower_coverage_is_told_with_what_is_fine_instead():
    before = draft(coverage=0.5)
    fault = only(moves(before, replace(before, coverage=0.2), now=NOW))
    assert fault.field == "coverage"
    assert "20 % is less than the 50 %" in fault.message
    assert "More is fine" in fault.message
    assert "Stop it and start a new one" in fault.message


def test_another_part_of_its_namespace_is_refused_at_the_part():
    before = draft(namespace="shop", held=Range(0, 0.5))
    fault = only(moves(before, replace(before, held=Range(0, 0.6)), now=NOW))
    assert fault.field == "namespace_from"


def test_weights_contents_and_numbers_of_arms_are_refused():
    before = draft()
    assert arm_moves(before, before) == ()
    heavier = draft(0.6, 0.4)
    assert [(f.field, f.arm) for f in arm_moves(before, heavier)] == [("weight", 0), ("weight", 1)]
    assert "stays at 50 %" in arm_moves(before, heavier)[0].message
    a, b = before.arms
    assert only(arm_moves(before, replace(before, arms=(a,)))).field == "arms"
    assert only(arm_moves(before, replace(before, arms=(b, a)))).field == "arms"
    other = replace(before, arms=(a, replace(b, content="variation:3")))
    assert only(arm_moves(before, other)).arm == 1


@given(st.lists(st.floats(0.01, 1, allow_nan=False), min_size=2, max_size=5), st.data())
def test_whatever_changes_an_arm_is_noticed(weights, data):
    before = draft(*weights)
    after = draft(*data.draw(st.permutations(weights)))
    same = all(
        abs(x.weight - y.weight) <= 1e-6 for x, y in zip(before.arms, after.arms, strict=True)
    )
    assert (arm_moves(before, after) == ()) == same


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.5, "50 %"), (1 / 3, "33.33 %"), (0.125, "12.5 %"), (0.0, "0 %"), (1.1, "110 %")],
)
def test_shares_have_the_digits_that_they_need(share, words):
    assert percent(share) == words


def test_every_kind_has_its_word_for_what_there_is_not():
    for kind in Experiment.Kind:
        arms = (ArmDraft("a", "x:1", 0.5), ArmDraft("b", "x:2", 0.5))
        assert faults_of(draft(arms=arms, kind=kind), known=Known(contents=())) != ()
