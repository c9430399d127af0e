"""Bandits that look at who a visitor is, from the choice of features to what pages are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from personalization.experiments.bandits.features import features_of_visitors
from personalization.experiments.bandits.learning import lesson_of
from personalization.experiments.bandits.log import log_of
from personalization.experiments.bandits.policy import Waiting
from personalization.experiments.bandits.update import update_bandits
from personalization.experiments.models import BanditState
from personalization.experiments.policies import PolicyValue, what_if
from personalization.experiments.running import running_trials
from personalization.experiments.trial import Entrant, Policy, assign
from personalization.profiles.models import Snapshot
from personalization.segments.models import Segment, SegmentVersion
from tests.experiments.bandits.logs import DAY, NOW, Shown, log, make_experiment

pytestmark = pytest.mark.django_db

FEW, MANY = {"visits.count": 2.0}, {"visits.count": 20.0}


def _policy() -> Policy:
    [trial] = running_trials()
    assert trial.policy is not None
    return trial.policy


def _visitors(n: int, *, seed: int = 1, **fields: Any) -> list[Shown]:
    """Visitors with few visits like the usual arm, and those with many the new one."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        context = MANY if rng.random() < 0.5 else FEW
        arm = "new" if rng.random() < 0.5 else "usual"
        likes = (context is MANY) == (arm == "new")
        spent = 10.0 if rng.random() < (0.5 if likes else 0.1) else 0.0
        found.append(Shown(arm, spent, context=context, features=context, **fields))
    return found


def _member(segment: Segment, n: int, *, until: int | None = None) -> None:
    version = segment.serving_id
    for snapshot in Snapshot.objects.order_by("profile")[:n]:
        snapshot.memberships = {**snapshot.memberships, str(version): [0, until, True]}
        snapshot.save()


def _serving(segment: Segment) -> Segment:
    version = SegmentVersion.objects.filter(segment=segment).latest("number")
    Segment.objects.filter(pk=segment.pk).update(serving=version)
    segment.refresh_from_db()
    return segment


@pytest.mark.parametrize("allocation", ["linucb", "inverse_gap"])
def test_each_visitor_comes_into_the_arm_that_suits_them(allocation: str) -> None:
    experiment = make_experiment("usual", "new", allocation=allocation)
    log(experiment, _visitors(600))
    assert update_bandits(now=NOW) == 1
    policy = _policy()
    assert policy.names == ("visits.count",)
    assert policy.weights(FEW)[0] > 0.75
    assert policy.weights(MANY)[1] > 0.75


def test_what_was_looked_at_is_logged_and_nothing_else() -> None:
    experiment = make_experiment("usual", "new", allocation="linucb")
    log(experiment, _visitors(600))
    update_bandits(now=NOW)
    [trial] = running_trials()
    for unit in range(20):
        context = {**MANY, "orders.count": 3.0}
        found = assign(trial, Entrant(unit=str(unit), context=context))
        assert found is not None
        assert found[1].context == MANY
        chances = dict(zip(("usual", "new"), trial.policy.weights(MANY), strict=True))  # type: ignore[union-attr]
        assert found[1].probability == pytest.approx(chances[found[1].arm])


@pytest.mark.parametrize("context", [FEW, MANY, {}])
def test_the_chance_that_is_logged_is_how_often_such_visitors_come_into_an_arm(
    context: Mapping[str, float],
) -> None:
    """χ² of 5,000 visitors who are alike, whose numbers are always the same."""
    experiment = make_experiment("usual", "new", allocation="inverse_gap")
    log(experiment, _visitors(400))
    update_bandits(now=NOW)
    [trial] = running_trials()
    n = 5000
    found = [assign(trial, Entrant(unit=str(unit), context=context)) for unit in range(n)]
    new = [one[1] for one in found if one is not None and one[1].arm == "new"]
    expected = n * new[0].probability
    square = (len(new) - expected) ** 2 / expected + (len(new) - expected) ** 2 / (n - expected)
    assert square < 10.8  # p > 0.001 with 1 degree of freedom


def test_a_bandit_first_says_what_it_will_look_at_and_waits() -> None:
    experiment = make_experiment("usual", "new", allocation="linucb")
    log(experiment, _visitors(150))
    update_bandits(now=NOW)
    policy = _policy()
    assert isinstance(policy, Waiting)
    assert policy.names == ("visits.count",)
    assert policy.weights(MANY) == (0.5, 0.5)
    state = BanditState.objects.get().content
    log(experiment, _visitors(600, seed=2))
    assert update_bandits(now=NOW) == 1
    assert not isinstance(_policy(), Waiting)
    # What it looks at stays the same, as it is logged.
    assert BanditState.objects.get().content["features"] == state["features"]


def test_decisions_without_a_context_teach_nothing_of_who_likes_what() -> None:
    experiment = make_experiment("usual", "new", allocation="linucb")
    visitors = _visitors(600)
    for one in visitors:
        one.context = None
    log(experiment, visitors)
    lesson = lesson_of(experiment, {}, number=1, now=NOW)
    assert lesson is not None
    assert lesson.content["models"] is None
    assert lesson.content["units"] == 0


def test_with_too_few_visitors_nothing_is_chosen_to_look_at() -> None:
    experiment = make_experiment("usual", "new", allocation="linucb")
    log(experiment, _visitors(90))
    assert update_bandits(now=NOW) == 0
    assert _policy().names == ()


def test_the_same_log_gives_the_same_models() -> None:
    experiment = make_experiment("usual", "new", allocation="inverse_gap")
    log(experiment, _visitors(600))
    first = lesson_of(experiment, {}, number=1, now=NOW)
    assert lesson_of(experiment, {}, number=1, now=NOW) == first
    update_bandits(now=NOW)
    assert update_bandits(now=NOW) == 0


def test_a_context_that_is_no_numbers_is_read_as_far_as_it_is() -> None:
    experiment = make_experiment("usual", "new", allocation="linucb")
    strange: Mapping[str, Any] = {"visits.count": 3, "name": "x", "flag": True, "none": None}
    log(experiment, [Shown("new", context=strange)])
    found = log_of(experiment, now=NOW)
    assert found is not None
    assert found.contexts == ({"visits.count": 3.0},)


# -- what is looked at -----------------------------------------------------------------------


def test_features_are_chosen_by_how_much_visitors_differ() -> None:
    experiment = make_experiment()
    rows = [
        {"same": 1, "rare": float(which < 1), "some": float(which < 30), "all": float(which)}
        for which in range(200)
    ]
    log(experiment, [Shown("new", features={**row, "word": "x", "yes": True}) for row in rows])
    found = features_of_visitors(now=NOW)
    assert found is not None
    assert found.names == ("all", "some")
    assert found.means == pytest.approx((99.5, 0.15))
    assert found.scales == pytest.approx((np.std(range(200)), (0.15 * 0.85) ** 0.5))


def test_segments_are_features_by_who_is_in_them_now() -> None:
    log(make_experiment(), [Shown("new") for _ in range(200)])
    for slug, n, until in (
        ("half", 100, None),
        ("few", 10, None),
        ("past", 100, 1),
        ("all", 200, None),
    ):
        segment = Segment.objects.create(name=slug, slug=slug, kind="manual")
        _member(_serving(segment), n, until=until)
    hidden = Segment.objects.create(name="cap", slug="cap", kind="manual", internal=True)
    _member(_serving(hidden), 100)
    found = features_of_visitors(now=NOW)
    assert found is not None
    assert found.names == ("segment.half", "segment.few")
    assert found.means == pytest.approx((0.5, 0.05))


def test_not_too_many_features_are_looked_at() -> None:
    rows = [{f"f{name:02}": which % (name + 2) for name in range(30)} for which in range(200)]
    log(make_experiment(), [Shown("new", features=row) for row in rows])
    found = features_of_visitors(now=NOW)
    assert found is not None
    assert len(found.names) == 12


def test_who_does_not_agree_to_personalization_is_not_looked_at() -> None:
    log(make_experiment(), _visitors(200))
    Snapshot.objects.update(consents={})
    assert features_of_visitors(now=NOW) is None


# -- what another policy would have earned ----------------------------------------------------


def _values(experiment: Any) -> dict[str, PolicyValue]:
    return {one.policy: one for one in what_if(experiment, now=NOW)}


def test_what_if_finds_that_the_bandit_is_better_than_any_arm_for_all() -> None:
    experiment = make_experiment("usual", "new", allocation="inverse_gap")
    log(experiment, _visitors(1000))
    update_bandits(now=NOW)
    [trial] = running_trials()
    found = _values(experiment)
    assert list(found) == ["logged", "always:usual", "always:new", "shares", "bandit"]
    assert found["bandit"].units == 1000
    for name in ("logged", "always:usual", "always:new"):
        one, bandit = found[name].dr, found["bandit"].dr
        assert one is not None
        assert bandit is not None
        assert one.value == pytest.approx(0.3, abs=0.06)
        assert bandit.low > one.high


def test_what_if_of_fixed_shares_tells_of_the_arms_and_the_shares() -> None:
    experiment = make_experiment("usual", "new", allocation="fixed", metric="value")
    log(experiment, [Shown("usual", 10.0 * (n % 2)) for n in range(200)])
    log(experiment, [Shown("new", 30.0 * (n % 2)) for n in range(200)])
    found = _values(experiment)
    assert list(found) == ["logged", "always:usual", "always:new", "shares"]
    for name, value in (("logged", 10), ("always:usual", 5), ("always:new", 15), ("shares", 10)):
        for estimate in (found[name].ips, found[name].snips, found[name].dr):
            assert estimate is not None
            assert estimate.value == pytest.approx(value, rel=0.02)
    assert found["always:new"].effective_units == pytest.approx(200)
    assert found["always:new"].most_weight == 2


def test_what_if_tells_no_number_of_what_the_log_says_too_little_of() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [Shown("usual", chance=0.99) for _ in range(400)])
    log(experiment, [Shown("new", 10.0, chance=0.01) for _ in range(4)])
    found = _values(experiment)
    assert found["always:new"].effective_units == pytest.approx(4)
    assert found["always:new"].dr is None
    assert found["always:usual"].dr is not None


def test_what_if_says_what_was_cut() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [Shown("usual", chance=0.5) for _ in range(300)])
    log(experiment, [Shown("new", chance=0.001) for _ in range(100)])
    one = _values(experiment)["always:new"]
    assert one.most_weight == pytest.approx(1000)
    assert one.clipped == 0.25


def test_what_if_without_visitors_or_a_metric_is_empty() -> None:
    experiment = make_experiment("usual", "new")
    assert what_if(experiment, now=NOW) == []
    log(experiment, [Shown("new", at=NOW)])
    assert what_if(experiment, now=NOW + DAY / 2) == []
    experiment.measures.all().delete()
    assert what_if(experiment, now=NOW + 5 * DAY) == []


def test_what_if_goes_to_json_and_back() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [Shown("usual", 5.0) for _ in range(200)])
    log(experiment, [Shown("new") for _ in range(40)])
    for one in what_if(experiment, now=NOW):
        assert PolicyValue.from_json(one.to_json()) == one


# -- by command ------------------------------------------------------------------------------


def test_a_command_says_what_a_bandit_looks_at(capsys: pytest.CaptureFixture[str]) -> None:
    experiment = make_experiment("usual", "new", allocation="linucb", slug="which-hero")
    log(experiment, _visitors(400))
    update_bandits(now=NOW)
    call_command("update_bandits", "--list")
    out = capsys.readouterr().out
    assert out == "which-hero: linucb, update 1, 400 visitors, by visits.count\n"
    call_command("update_bandits", "--list", "--json")
    [one] = json.loads(capsys.readouterr().out)["bandits"]
    assert one["features"] == ["visits.count"]
    assert one["chances"] is None
