"""Experiments and holdouts in a decision, told once more by other words."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from django.test import override_settings
from hypothesis import assume, given
from hypothesis import strategies as st

from personalization.delivery.choose import Decision, choose, draw
from personalization.delivery.places import place_of
from personalization.delivery.published import NOTHING, Candidate, Place
from personalization.delivery.rule_arms import segment_of
from personalization.delivery.standing import Standing
from personalization.delivery.trials import concerning
from personalization.experiments.bucketing import bucket
from personalization.experiments.trial import Assigned, Choice, Trial
from personalization.segments.overlaps import chosen

SLUGS = "abcd"
STRATEGIES = ["priority", "weight", "random", "all"]
slugs = st.sampled_from(SLUGS)
instants = st.none() | st.integers(0, 10)
shares = st.sampled_from([0.0, 0.0, 0.3, 0.7, 1.0])


@st.composite
def candidates(draw_from: st.DrawFn) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            tuple(draw_from(st.lists(slugs, min_size=1, max_size=2, unique=True))),
            f"k{number}",
            share=draw_from(st.sampled_from([0.5, 1.0, 3.0])),
            starts=draw_from(st.sampled_from([None, None, 3])),
            ends=draw_from(st.sampled_from([None, None, 8])),
            cap=draw_from(st.sampled_from(["", "", "", "cap:x"])),
            held_out=draw_from(st.none() | shares),
        )
        for number in range(draw_from(st.integers(0, 4)))
    )


CONTENTS = {
    "variations": st.sampled_from(["", "k0", "k1", "gone"]),
    "strategies": st.sampled_from(STRATEGIES),
    "rules": st.sampled_from(["a:1", "a:2", "b:1"]),
}


@st.composite
def trials(draw_from: st.DrawFn, number: int) -> Trial:
    kind = draw_from(st.sampled_from(["variations", "strategies", "rules"]))
    contents = draw_from(st.lists(CONTENTS[kind], min_size=2, max_size=3))
    return Trial(
        key=f"t{number}",
        kind=kind,
        place="hero" if kind == "variations" else draw_from(st.sampled_from(["", "hero"])),
        arms=tuple(Choice(f"arm{n}", content) for n, content in enumerate(contents)),
        weights=(1 / len(contents),) * len(contents),
        coverage=draw_from(st.sampled_from([1.0, 1.0, 0.5])),
        audience=draw_from(st.sampled_from(["", "", "c"])),
        starts=draw_from(st.sampled_from([None, None, 5])),
    )


@st.composite
def places(draw_from: st.DrawFn) -> Place:
    bare = Place(
        "hero",
        draw_from(candidates()),
        strategy=draw_from(st.sampled_from(STRATEGIES)),
        cap=draw_from(st.sampled_from(["", "", "", "cap:x"])),
        held_out=draw_from(shares),
        held_out_of_all=draw_from(shares),
    )
    running = [draw_from(trials(n)) for n in range(draw_from(st.integers(0, 3)))]
    return replace(bare, trials=concerning(running, bare))


def units() -> st.SearchStrategy[str]:
    return st.integers(1, 10_000).map(str)


@st.composite
def standings(draw_from: st.DrawFn) -> Standing:
    own = [segment_of(f"t{n}", f"arm{m}") for n in range(3) for m in range(3)]
    inside = draw_from(st.frozensets(slugs, min_size=1))
    inside |= draw_from(st.frozensets(st.sampled_from(own)))
    inside |= draw_from(st.sampled_from([frozenset(), frozenset(), frozenset({"cap:x"})]))
    return Standing(
        segments=inside,
        unit=draw_from(units()),
        now=draw_from(st.integers(0, 10)),
        weights={"a": 2.0, "b": 0.5},
    )


# -- the oracle ----------------------------------------------------------------------------


class Told:
    """What a visitor is to see, worked out from the bottom up: first what each way of showing
    would show, then who is let onto which way."""

    def __init__(self, place: Place, standing: Standing) -> None:
        self.place, self.standing = place, standing
        self.arms: dict[str, str] = {}
        self.keys = self._keys()

    def _keys(self) -> list[str]:
        place = self.place
        usual = self._seen(place.candidates, place.strategy)
        share = place.held_out_of_all
        is_out = self._is_below(share, "holdout:global")
        if share and usual:
            self.arms["global"] = "held_out" if is_out else "shown"
        if share and is_out:
            return []
        found = self._by_contents()
        return self._by_rules_and_strategies() if found is None else found

    def _by_contents(self) -> list[str] | None:
        for trial in self.place.trials:
            arm = self._arm(trial)
            if trial.kind != "variations" or arm is None:
                continue
            seen = {each.key: self._only(each.content) for each in trial.arms}
            if any(seen.values()):
                self.arms[trial.key] = arm.key
            return seen[arm.key]
        return None

    def _by_rules_and_strategies(self) -> list[str]:
        pool, strategy, has_strategy = self.place.candidates, self.place.strategy, False
        for trial in self.place.trials:
            arm = self._arm(trial)
            if arm is None or (trial.kind == "strategies" and has_strategy):
                continue
            ways = {}
            for each in trial.arms:
                if trial.kind == "strategies":
                    ways[each.key] = (pool, each.content)
                else:
                    ways[each.key] = (self._with_version(pool, trial, each), strategy)
            seen = [self._seen(*way) for way in ways.values()]
            is_same_for_all = len({each.content for each in trial.arms}) == 1
            if any(seen) if is_same_for_all else any(x != y for x, y in pairwise(seen)):
                self.arms[trial.key] = arm.key
            has_strategy = has_strategy or trial.kind == "strategies"
            pool, strategy = ways[arm.key]
        return [key for key in self._seen(pool, strategy) if not self._is_held_out(key)]

    def _arm(self, trial: Trial) -> Choice | None:
        """Return the arm: of equal parts of the covered share, each at the start of its own."""
        late = trial.starts is not None and self.standing.now < trial.starts
        if late or (trial.audience and trial.audience not in self.standing.segments):
            return None
        size = len(trial.arms)
        at = bucket(self.standing.unit, seed=trial.key) * size
        place = min(int(at), size - 1)
        return trial.arms[place] if at - place < trial.coverage else None

    def _only(self, key: str) -> list[str]:
        return [one.key for one in self._open(self.place.candidates) if one.key == key]

    def _with_version(
        self, pool: tuple[Candidate, ...], trial: Trial, arm: Choice
    ) -> tuple[Candidate, ...]:
        slug = arm.content.split(":")[0]
        names = {slug: f"arm:{trial.key}:{arm.key}"}
        return tuple(
            replace(one, segments=tuple(names.get(each, each) for each in one.segments))
            for one in pool
        )

    def _seen(self, pool: tuple[Candidate, ...], strategy: str) -> list[str]:
        lot = draw("hero", self.standing.unit)
        inside, weights = self.standing.segments, self.standing.weights
        shown = chosen(strategy, self._open(pool), segments=inside, weights=weights, lot=lot)
        return [one.key for one in shown]

    def _open(self, pool: tuple[Candidate, ...]) -> list[Candidate]:
        inside, now = self.standing.segments, self.standing.now
        if self.place.cap in inside:
            return []
        return [
            one
            for one in pool
            if one.cap not in inside
            and not (one.starts is not None and now < one.starts)
            and not (one.ends is not None and now >= one.ends)
        ]

    def _is_held_out(self, key: str) -> bool:
        (own,) = {one.held_out for one in self.place.candidates if one.key == key}
        share = self.place.held_out if own is None else own
        is_out = self._is_below(share, f"holdout:hero/{key}")
        if share:
            self.arms[f"hero/{key}"] = "held_out" if is_out else "shown"
        return is_out

    def _is_below(self, share: float, seed: str) -> bool:
        return bucket(self.standing.unit, seed=seed) < share


@given(places(), standings())
def test_every_decision_is_what_the_oracle_tells(place: Place, standing: Standing) -> None:
    decision, told = choose(place, standing), Told(place, standing)
    assert [one.key for one in decision.candidates] == told.keys
    assert {one.experiment: one.arm for one in decision.assigned} == told.arms


@given(places(), standings())
def test_a_decision_is_as_likely_as_all_that_it_was_assigned(
    place: Place, standing: Standing
) -> None:
    assume(place.strategy != "random")
    assume(all("random" not in {a.content for a in one.arms} for one in place.trials))
    decision, expected = choose(place, standing), 1.0
    for one in decision.assigned:
        assert 0 < one.probability <= 1
        expected *= one.probability
    assert decision.probability == pytest.approx(expected)


@given(places(), standings())
def test_what_a_candidate_says_has_no_part_in_its_lot(place: Place, standing: Standing) -> None:
    told = replace(
        place, candidates=tuple(replace(one, content="news") for one in place.candidates)
    )
    before, after = choose(place, standing), choose(told, standing)
    assert (before.variation, before.assigned) == (after.variation, after.assigned)


@given(places(), standings())
def test_the_browser_is_told_what_the_page_would_be(place: Place, standing: Standing) -> None:
    """And of a slot that waits for a trigger, what the page would be if it waited for nothing."""
    page, browser = choose(place, standing), choose(place, standing, in_browser=True)
    assert (page.variation, page.assigned) == (browser.variation, browser.assigned)
    waiting = replace(place, trigger="exit_intent")
    late = choose(waiting, standing, in_browser=True)
    assert (late.variation, late.assigned) == (page.variation, page.assigned)
    assert (choose(waiting, standing).reason, choose(waiting, standing).assigned) == ("waits", ())


@given(places(), standings())
def test_nobody_is_counted_to_whom_no_arm_could_show_anything(
    place: Place, standing: Standing
) -> None:
    nothing = replace(place, candidates=())
    assert choose(nothing, standing).assigned == ()
    over = replace(place, candidates=tuple(replace(one, ends=0) for one in place.candidates))
    assert choose(over, standing).assigned == ()


# -- by examples ---------------------------------------------------------------------------

A, B = Candidate(("a",), "A"), Candidate(("b",), "B")
HERO = Place("hero", (A, B), strategy="priority")
IN_BOTH = Standing(segments=frozenset("ab"), unit="one")


def trial(kind: str, *contents: str, key: str = "test", place: str = "hero") -> Trial:
    arms = tuple(Choice(f"arm{n}", content) for n, content in enumerate(contents))
    return Trial(key=key, kind=kind, place=place, arms=arms, weights=(1 / len(arms),) * len(arms))


def drawn(place: Place, standing: Standing = IN_BOTH, *, n: int = 400) -> list[Decision]:
    return [choose(place, replace(standing, unit=str(unit))) for unit in range(n)]


def test_an_experiment_shows_its_contents_whatever_their_segments() -> None:
    tested = replace(HERO, trials=(trial("variations", "", "B"),))
    decisions = drawn(tested, Standing())
    assert {one.variation for one in decisions} == {"", "B"}
    assert {(one.reason, len(one.assigned)) for one in decisions} == {("experiment", 1)}
    assert 160 < Counter(one.variation for one in decisions)["B"] < 240


def test_who_saw_all_of_an_experiment_often_enough_counts_no_more() -> None:
    tested = replace(HERO, trials=(trial("variations", "", "B"),), cap="a")
    assert {(one.variation, one.assigned) for one in drawn(tested)} == {("", ())}


def test_who_saw_their_arm_often_enough_does_not_slip_into_another_content() -> None:
    tested = (trial("variations", "", "B"),)
    tired = replace(HERO, candidates=(A, replace(B, cap="b")), trials=tested)
    assert {(one.variation, one.assigned) for one in drawn(tired)} == {("", ())}


def test_two_arms_that_show_the_same_count_as_soon_as_they_show_it() -> None:
    for kind, content in (("variations", "A"), ("strategies", "priority")):
        tested = replace(HERO, trials=(trial(kind, content, content),))
        assert {one.assigned[0].arm for one in drawn(tested)} == {"arm0", "arm1"}
        none = drawn(replace(tested, candidates=()))
        assert {one.assigned for one in none} == {()}


def test_an_arm_without_effect_on_a_visitor_still_is_what_the_visitor_sees() -> None:
    """By weight the second is shown in both arms, though the slot by itself shows the first."""
    heavy = replace(IN_BOTH, weights={"a": 1.0, "b": 2.0})
    tested = replace(HERO, trials=(trial("strategies", "weight", "weight"),))
    assert {one.variation for one in drawn(tested, heavy)} == {"B"}


def test_an_experiment_with_contents_leaves_no_room_for_one_with_strategies() -> None:
    """Its arms would make no difference."""
    both = (trial("strategies", "priority", "all", key="first"), trial("variations", "", "A"))
    tested = replace(HERO, trials=concerning(both, HERO))
    found = {tuple(arm.experiment for arm in one.assigned) for one in drawn(tested)}
    assert found == {("test",)}


def test_of_two_with_strategies_the_older_one_counts_alone() -> None:
    both = tuple(trial("strategies", "priority", "all", key=key) for key in ("first", "second"))
    tested = replace(HERO, trials=concerning(both, HERO))
    found = {tuple(arm.experiment for arm in one.assigned) for one in drawn(tested)}
    assert found == {("first",)}


def test_versions_of_a_rule_are_asked_by_the_segments_of_their_arms() -> None:
    tested = replace(HERO, trials=(trial("rules", "a:1", "a:2", place=""),))
    only_new = Standing(segments=frozenset({segment_of("test", "arm1")}))
    seen = {(one.assigned[0].arm, one.variation) for one in drawn(tested, only_new)}
    assert seen == {("arm0", ""), ("arm1", "A")}
    in_both = frozenset({segment_of("test", "arm0"), segment_of("test", "arm1")})
    same = drawn(tested, Standing(segments=in_both))
    assert {(one.variation, one.assigned) for one in same} == {("A", ())}


def test_an_experiment_elsewhere_is_none_of_its_business() -> None:
    others = (
        trial("variations", "", "A", place="strip"),
        trial("strategies", "all", "weight", place="strip"),
        trial("rules", "c:1", "c:2", place=""),
        trial("models", "recommend:1", "recommend:2", place="hero"),
    )
    assert concerning(others, HERO) == ()


def test_the_shares_of_the_holdouts_are_those_that_are_asked_for() -> None:
    held = drawn(replace(HERO, held_out=0.1, held_out_of_all=0.02), n=20_000)
    found = Counter(tuple((arm.experiment, arm.arm) for arm in one.assigned) for one in held)
    out = found[(("global", "held_out"),)]
    assert 330 < out < 470  # 400 are expected, with a standard deviation of 20
    assert 1800 < found[(("global", "shown"), ("hero/A", "held_out"))] < 2120
    assert (
        sum(one.variation == "A" for one in held)
        == found[(("global", "shown"), ("hero/A", "shown"))]
    )
    assert {round(one.probability, 6) for one in held} == {0.02, 0.98 * 0.1, 0.98 * 0.9}


def test_the_holdout_of_one_content_tells_nothing_of_another() -> None:
    held = drawn(replace(HERO, strategy="all", held_out=0.5), n=1000)
    found = Counter(one.variation for one in held)
    assert set(found) == {"", "A", "B", "A+B"}
    assert all(200 < n < 300 for n in found.values())
    assert {len(one.assigned) for one in held} == {2}


def test_a_content_has_a_share_of_its_own() -> None:
    never = replace(HERO, candidates=(replace(A, held_out=0.0), B), held_out=1.0)
    assert {(one.variation, one.assigned) for one in drawn(never)} == {("A", ())}


@override_settings(PERSONALIZATION_HOLDOUT=1.0, PERSONALIZATION_GLOBAL_HOLDOUT=1.0)
def test_nobody_is_held_out_from_a_fact() -> None:
    fact = place_of(NOTHING, "in_segment:a", (A,))
    assert choose(fact, IN_BOTH).variation == "A"
    assert choose(place_of(NOTHING, "hero", (A,)), IN_BOTH).reason == "held_out"


def test_an_arm_that_is_forced_in_a_preview_is_shown_and_others_are_asleep() -> None:
    both = (trial("variations", "", "A"), trial("variations", "B", "B", key="other"))
    tested = replace(HERO, trials=both, held_out=1.0, held_out_of_all=1.0)
    pretended = Standing(preview=True, known=False, forced={"other": "arm1"})
    decision = choose(tested, pretended)
    assert (decision.variation, decision.reason) == ("B", "experiment")
    assert decision.assigned == (Assigned("other", "arm1"),)
    assert choose(tested, replace(pretended, forced={"other": "gone"})).assigned == ()
