"""A change that is let through moves nobody who is in an experiment: the law, by real buckets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.experiments.bucketing import Range
from personalization.experiments.changes import arm_moves, moves
from personalization.experiments.drafts import ArmDraft, Draft
from personalization.experiments.ramps import ramp_problem, ramp_steps
from personalization.experiments.trial import Choice, Entrant, Namespace, Trial, assign
from personalization.experiments.validation import blocking, faults_of

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
UNITS = [str(n) for n in range(300)]
#: Members of the only audience there is.
MEMBERS = frozenset({"guests"})


def trial_of(draft: Draft) -> Trial:
    """Return a draft as it would be published."""
    return Trial(
        key=draft.slug,
        kind=draft.kind,
        arms=tuple(Choice(arm.key, arm.content) for arm in draft.arms),
        weights=tuple(arm.weight for arm in draft.arms),
        place=draft.place,
        seed=draft.hashed_with,
        hash_version=draft.hash_version,
        coverage=draft.coverage,
        ramp=tuple((microseconds(at), share) for at, share in ramp_steps(draft.ramp) or ()),
        namespace=Namespace(draft.namespace, draft.held) if draft.namespace else None,
        audience="guests" if draft.audience else "",
        starts=microseconds(draft.starts_at) if draft.starts_at else None,
    )


def arms_at(draft: Draft, now: datetime) -> dict[str, tuple[str, str]]:
    """Return unit → key and content of its arm, of those who take part."""
    trial = trial_of(draft)
    found = {}
    for number, unit in enumerate(UNITS):
        segments = MEMBERS if number % 2 else frozenset[str]()
        entrant = Entrant(unit, segments=segments, now=microseconds(now))
        if (assigned := assign(trial, entrant)) is not None:
            found[unit] = (assigned[0].key, assigned[0].content)
    return found


shares = st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])
instants = st.sampled_from([None, NOW - 2 * DAY, NOW - DAY, NOW, NOW + DAY])
splits = st.sampled_from([(0.5, 0.5), (0.2, 0.8), (0.6, 0.2, 0.2), (1 / 3, 1 / 3, 1 / 3)])
ramps = st.lists(
    st.tuples(st.sampled_from([-2, -1, 0, 1]), shares).map(
        lambda step: [(NOW + step[0] * DAY).isoformat(), step[1]]
    ),
    max_size=2,
)


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    contents = draw(st.permutations(["", "variation:1", "variation:2"]))
    weights = draw(splits)
    keys = draw(st.sampled_from(["abc", "acb"]))
    return Draft(
        slug=draw(st.sampled_from(["hero", "hero2"])),
        name="Hero",
        kind="variations",
        place="hero",
        arms=tuple(ArmDraft(keys[n], contents[n], share) for n, share in enumerate(weights)),
        audience=draw(st.sampled_from([None, 1])),
        seed=draw(st.sampled_from(["", "s"])),
        hash_version=draw(st.sampled_from([1, 2])),
        coverage=draw(shares),
        ramp=draw(ramps),
        namespace=draw(st.sampled_from(["", "shop"])),
        held=draw(st.sampled_from([Range(0, 1), Range(0, 0.5), Range(0.5, 1)])),
        starts_at=draw(instants),
    )


def partly(before: Draft, other: Draft, fields: set[str]) -> Draft:
    """Return the draft with some of its fields as another has them."""
    return replace(before, **{name: getattr(other, name) for name in fields})


FIELDS = ("arms", "audience", "seed", "hash_version", "coverage", "ramp", "namespace", "held", "starts_at")  # fmt: skip


@given(drafts(), drafts(), st.sets(st.sampled_from(FIELDS), max_size=2))
def test_who_is_in_an_arm_stays_in_it_by_any_change_that_is_let_through(before, other, fields):
    assume(not ramp_problem(before.ramp, coverage=before.coverage))
    after = partly(before, other, fields)
    assume(not blocking(faults_of(after)))
    if moves(before, after, now=NOW) or arm_moves(before, after):
        return  # it is refused
    were, are = arms_at(before, NOW), arms_at(after, NOW)
    assert were.items() <= are.items()


@given(drafts(), drafts(), st.sampled_from(FIELDS))
def test_whatever_moves_somebody_is_refused_at_a_field(before, other, field):
    assume(not ramp_problem(before.ramp, coverage=before.coverage))
    after = partly(before, other, {field})
    assume(not blocking(faults_of(after)))
    were, are = arms_at(before, NOW), arms_at(after, NOW)
    if not were.items() <= are.items():
        assert [*moves(before, after, now=NOW), *arm_moves(before, after)]


@given(drafts())
def test_nothing_is_refused_of_what_stays_as_it_is(draft):
    assert moves(draft, draft, now=NOW) == ()
    assert arm_moves(draft, draft) == ()


@given(ramps, shares)
def test_a_ramp_that_is_let_through_never_takes_anybody_out(ramp, coverage):
    assume(not ramp_problem(ramp, coverage=coverage))
    weights = (ArmDraft("a", "", 0.5), ArmDraft("b", "variation:1", 0.5))
    draft = Draft(
        slug="hero", name="Hero", kind="variations", arms=weights, coverage=coverage, ramp=ramp
    )
    before: dict[str, Any] = {}
    for days in (-3, -2, -1, 0, 1, 2):
        now = arms_at(draft, NOW + days * DAY)
        assert before.items() <= now.items()
        before = now


@pytest.mark.parametrize(
    ("field", "value"),
    [("seed", "other"), ("hash_version", 1), ("held", Range(0.5, 1)), ("coverage", 0.1)],
)
def test_what_is_refused_would_have_moved_somebody(field, value):
    arms = (ArmDraft("a", "", 0.5), ArmDraft("b", "variation:1", 0.5))
    before = Draft(
        slug="hero", name="Hero", kind="variations", arms=arms, namespace="shop", held=Range(0, 0.5)
    )
    after = replace(before, **{field: value})
    assert moves(before, after, now=NOW)
    assert not arms_at(before, NOW).items() <= arms_at(after, NOW).items()


def test_equal_shares_of_other_arms_would_have_moved_somebody():
    two = (ArmDraft("a", "", 0.5), ArmDraft("b", "variation:1", 0.5))
    three = (
        ArmDraft("a", "", 1 / 3), ArmDraft("b", "variation:1", 1 / 3),
        ArmDraft("c", "variation:2", 1 / 3),
    )  # fmt: skip
    before = Draft(slug="hero", name="Hero", kind="variations", arms=two)
    after = replace(before, arms=three)
    assert arm_moves(before, after)
    assert not arms_at(before, NOW).items() <= arms_at(after, NOW).items()
