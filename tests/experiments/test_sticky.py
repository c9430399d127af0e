"""Sticky buckets: who came into an arm stays in it, as long as a document remembers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.bucketing import Range
from personalization.experiments.sticky import Documents, Kept, Sticky, assign_sticky
from personalization.experiments.trial import Choice, Entrant, Namespace, Trial, assign
from tests.effort import examples
from tests.experiments.drawing import shares, units, weights

BY = Sticky(attribute="user", fallback="device")
TRIAL = Trial(
    key="hero",
    kind="variations",
    arms=tuple(Choice(key) for key in "abcd"),
    weights=(0.25,) * 4,
)
NOBODY = Entrant("")


def kept(
    attributes: dict[str, str],
    documents: Documents | None = None,
    *,
    trial: Trial = TRIAL,
    entrant: Entrant = NOBODY,
    by: Sticky = BY,
) -> Kept:
    return assign_sticky(trial, entrant, by=by, attributes=attributes, documents=documents or {})


def arm(found: Kept) -> str | None:
    return found.found[1].arm if found.found else None


@examples(50)
@given(units)
def test_the_first_time_it_is_what_chance_says_and_is_remembered(unit: str) -> None:
    found = kept({"user": unit})
    assert found.found == assign(TRIAL, Entrant(unit))
    assert found.documents == {f"user||{unit}": {"hero__0": arm(found)}}
    assert not found.remembered


@examples(50)
@given(units, weights.filter(lambda parts: len(parts) == 4), shares)
def test_who_is_remembered_stays_whatever_becomes_of_the_experiment(
    unit: str, divided: tuple[float, ...], coverage: float
) -> None:
    first = kept({"user": unit})
    changed = replace(
        TRIAL,
        weights=divided,
        coverage=coverage,
        audience="others",
        namespace=Namespace("page", Range(0.0, 0.1)),
        seed="other",
    )
    again = kept({"user": unit}, first.documents, trial=changed)
    assert arm(again) == arm(first)
    assert again.remembered
    assert again.documents == first.documents
    assert again.found is not None
    place = "abcd".index(again.found[0].key)
    assert again.found[1].probability == pytest.approx(divided[place])


@examples(50)
@given(units, units)
def test_the_arm_of_a_device_goes_along_when_its_user_logs_in(device: str, user: str) -> None:
    before = kept({"device": device})
    after = kept({"device": device, "user": user}, before.documents)
    assert arm(after) == arm(before)
    assert after.documents == {
        f"device||{device}": {"hero__0": arm(before)},
        f"user||{user}": {"hero__0": arm(before)},
    }
    elsewhere = kept({"device": "another", "user": user}, after.documents)
    assert arm(elsewhere) == arm(before)


@examples(50)
@given(units, units, st.sampled_from("abcd"), st.sampled_from("abcd"))
def test_of_two_arms_that_of_the_user_counts(device: str, user: str, old: str, own: str) -> None:
    documents = {f"device||{device}": {"hero__0": old}, f"user||{user}": {"hero__0": own}}
    assert arm(kept({"device": device, "user": user}, documents)) == own


@examples(50)
@given(units)
def test_a_new_version_draws_anew_and_remembers_both(unit: str) -> None:
    documents = {f"user||{unit}": {"hero__0": "a"}}
    found = kept({"user": unit}, documents, by=replace(BY, version=1))
    assert found.found == assign(TRIAL, Entrant(unit))
    assert found.documents == {f"user||{unit}": {"hero__0": "a", "hero__1": arm(found)}}


@examples(50)
@given(units, st.integers(0, 4), st.integers(0, 4))
def test_who_came_before_the_least_version_takes_no_part_any_more(
    unit: str, version: int, least: int
) -> None:
    documents = {f"user||{unit}": {f"hero__{version}": "a"}}
    found = kept({"user": unit}, documents, by=replace(BY, version=4, least=least))
    assert (found.found is None) is (version < least)
    assert found.remembered is (version < least or version == 4)
    if version < least:
        assert found.documents == documents


def test_an_arm_that_there_is_no_more_is_forgotten() -> None:
    documents = {"user||u1": {"hero__0": "gone", "footer__0": "x"}}
    found = kept({"user": "u1"}, documents)
    assert found.found == assign(TRIAL, Entrant("u1"))
    assert found.documents == {"user||u1": {"hero__0": arm(found), "footer__0": "x"}}
    assert not found.remembered


def test_who_takes_no_part_is_not_remembered() -> None:
    nobody = replace(TRIAL, coverage=0.0)
    assert kept({"user": "u1"}, trial=nobody) == Kept(None, {})
    assert kept({}) == Kept(None, {})
    assert kept({"user": "", "device": ""}) == Kept(None, {})


def test_the_schedule_holds_for_who_is_remembered_too() -> None:
    documents = {"user||u1": {"hero__0": "a"}}
    over = replace(TRIAL, ends=5)
    assert arm(kept({"user": "u1"}, documents, trial=over, entrant=Entrant("", now=4))) == "a"
    ended = kept({"user": "u1"}, documents, trial=over, entrant=Entrant("", now=5))
    assert ended == Kept(None, documents)


def test_who_is_forced_is_not_remembered_in_it() -> None:
    documents = {"user||u1": {"hero__0": "a"}}
    forced = Entrant("", forced={"hero": "b"})
    found = kept({"user": "u1"}, documents, entrant=forced)
    assert (arm(found), found.documents, found.remembered) == ("b", documents, False)


def test_the_documents_that_are_given_are_not_changed() -> None:
    documents = {"user||u1": {"footer__0": "x"}}
    kept({"user": "u1"}, documents)
    assert documents == {"user||u1": {"footer__0": "x"}}
