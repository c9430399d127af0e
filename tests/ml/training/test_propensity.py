"""Goals become labels without a look ahead, and models of them serve if they are good."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from personalization.clock import microseconds
from personalization.clock import span as microseconds_of
from personalization.events.goals import Goal
from personalization.events.models import Event
from personalization.ml.evaluation.folds import TooShort, in_time, latest
from personalization.ml.features.table import feature_table
from personalization.ml.models import ModelVersion
from personalization.ml.predictors.best import Best, BestConfig
from personalization.ml.training.attempts import request, take
from personalization.ml.training.known import plan_of, planned
from personalization.ml.training.outcomes import of_goal, of_leaving
from personalization.ml.training.plans import Plan
from personalization.ml.training.propensity import RFM, SHARE, days_needed, stored
from personalization.ml.training.propensity_plan import CHURN
from personalization.ml.training.train import train
from personalization.profiles.models import Identity, Profile, Snapshot, Visit
from tests.factories import make_source
from tests.ml.training.conftest import DAY, HOUR, MINUTE, NOW, damage

__all__ = ["make_source"]

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
Log = Callable[..., Profile]


@pytest.fixture
def log(make_source: Callable[..., Any]) -> Log:
    """Log the visits of somebody: of each, when it began and what was done, a minute apart."""
    source = make_source()
    number = iter(range(10**6))

    def visits(*of: tuple[datetime, tuple[str, ...]], consent: bool = True) -> Profile:
        profile = Profile.objects.create()
        tag = f"v{next(number)}"
        identity = Identity.objects.create(profile=profile, namespace=Identity.ANONYMOUS, value=tag)
        Snapshot.objects.create(profile=profile, consents={"personalization": consent})
        Event.objects.bulk_create(
            Event(
                identity=identity, source=source, message_id=f"{tag}-{visit}-{step}",
                type="track", name=name, timestamp=start + step * MINUTE, properties={},
            )
            for visit, (start, names) in enumerate(of)
            for step, name in enumerate(names)
        )  # fmt: skip
        Visit.objects.bulk_create(
            Visit(
                profile=profile, started_at=start, ended_at=start + (len(names) - 1) * MINUTE,
                events=len(names),
            )
            for start, names in of
        )  # fmt: skip
        return profile

    return visits


LOOKS, BUYS = ("Page Viewed",), ("Page Viewed", "Order Completed")
SINCE = NOW - 60 * DAY


def outcomes(**changed: Any) -> Any:
    given = {
        "within": 7 * DAY, "since": SINCE, "until": NOW, "rng": np.random.default_rng(0),
        "features": ("pages.count", "orders.count"),
    }  # fmt: skip
    return of_goal("Order Completed", **given | changed)


# -- examples --------------------------------------------------------------------------------


def test_a_row_says_whether_the_goal_followed_in_time(log: Log) -> None:
    log((NOW - 40 * DAY, LOOKS), (NOW - 34 * DAY, BUYS), (NOW - 20 * DAY, LOOKS))
    found = outcomes(features=("pages.count", "recency.first"))
    # Six days before the order, just before or just after it, and never again.
    assert found.labels[0] == 1
    assert found.labels[2] == 0
    assert found.rows[:, 0].tolist() == [1, 2, 3]
    assert found.horizon == 7 * 86_400_000_000


def test_the_goal_itself_is_no_outcome_of_the_instant_at_which_it_happens(log: Log) -> None:
    for n in range(40):
        log((NOW - 40 * DAY + n * HOUR, BUYS))
    found = outcomes()
    # Before the order: it follows, and is not known. From it on: it is known, and does not.
    assert (found.labels == 1 - found.rows[:, 1]).all()
    assert set(found.labels) == {0.0, 1.0}


def test_nothing_is_asked_of_which_the_answer_is_not_known_yet(log: Log) -> None:
    log((NOW - 6 * DAY, LOOKS), (NOW - 8 * DAY, LOOKS))
    found = outcomes()
    assert found.at.tolist() == [microseconds(NOW - 8 * DAY)]


def test_what_comes_after_the_window_changes_no_row(log: Log) -> None:
    log((NOW - 20 * DAY, LOOKS), (NOW - 14 * DAY, LOOKS))
    before = outcomes()
    log((NOW + DAY, BUYS))
    after = outcomes()
    assert after.rows.tolist() == before.rows.tolist()
    assert after.labels.tolist() == before.labels.tolist() == [0, 0]


def test_leaving_is_asked_about_no_earlier_than_wanted(log: Log) -> None:
    for n in range(30):
        log((NOW - (60 + n) * DAY, LOOKS))
    log((NOW - 35 * DAY, LOOKS))
    given = {"away": 30 * DAY, "since": NOW - 120 * DAY, "until": NOW, "features": ("pages.count",)}
    asked = of_leaving(**given, rng=np.random.default_rng(0), asked=NOW - 40 * DAY)  # type: ignore[arg-type]
    assert len(asked) == 31
    assert asked.at.min() >= microseconds(NOW - 40 * DAY)
    anyhow = of_leaving(**given, rng=np.random.default_rng(0))  # type: ignore[arg-type]
    assert anyhow.at.min() < microseconds(NOW - 40 * DAY)


def test_who_does_not_agree_is_in_no_row(log: Log) -> None:
    log((NOW - 20 * DAY, BUYS), consent=False)
    kept = log((NOW - 19 * DAY, LOOKS))
    found = outcomes()
    assert len(found) == 1
    assert found.at.tolist() == [microseconds(NOW - 19 * DAY)]
    assert kept.pk not in found.rows


def test_of_too_many_some_are_drawn(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalization.ml.training.outcomes.MOST", 5)
    for n in range(9):
        log((NOW - (20 + n) * DAY, LOOKS))
    found = outcomes()
    assert len(found) == 5
    assert (np.diff(found.at) > 0).all()


def test_leaving_is_not_coming_back_for_so_long(log: Log) -> None:
    log((NOW - 58 * DAY, LOOKS), *((NOW - n * DAY, LOOKS) for n in range(55, 0, -5)))
    log((NOW - 59 * DAY, LOOKS))
    found = of_leaving(
        away=30 * DAY, since=SINCE, until=NOW, rng=np.random.default_rng(0), features=RFM
    )
    stays = {
        int(visitor): label for visitor, label in zip(found.visitor, found.labels, strict=True)
    }
    assert sorted(stays.values()) == [0, 1]
    assert (found.at < microseconds(NOW - 30 * DAY)).all()
    visits = found.rows[:, RFM.index("visits.count")]
    assert visits[found.labels == 1].tolist() == [1]


# -- trainings -------------------------------------------------------------------------------


@pytest.fixture
def goal() -> Goal:
    return Goal.objects.create(
        slug="order", name="Order", event="Order Completed", within=timedelta(days=7)
    )


def plan(name: str = "propensity.order", **config: Any) -> Plan:
    return replace(plan_of(name), config={"candidates": "logistic", "folds": 2, **config})


def made(plan: Plan) -> ModelVersion:
    attempt = take(request(plan, now=NOW), now=NOW)
    assert attempt is not None
    return train(attempt, plan)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a fifth of what is asked for otherwise be enough to learn from."""
    monkeypatch.setattr("personalization.ml.training.propensity.LEAST", 40)


def shop(log: Log, *, visitors: int = 60, seed: int = 0) -> None:
    """Log visitors of whom those who look at many pages order at their next visit."""
    rng = np.random.default_rng(seed)
    for _ in range(visitors):
        keen = bool(rng.random() < 0.5)
        start = NOW - timedelta(days=float(rng.uniform(25, 60)))
        pages = 8 if keen else 1
        visits = [(start + 2 * n * DAY, ("Page Viewed",) * pages) for n in range(4)]
        orders = rng.random() < (0.85 if keen else 0.1)
        log(*visits, (start + 9 * DAY, BUYS if orders else LOOKS))


def test_there_is_a_plan_for_each_active_goal_and_one_for_leaving(goal: Goal) -> None:
    Goal.objects.create(slug="old", name="Old", event="Signed Up", is_active=False)
    names = [name for name in planned() if name.startswith(("propensity", CHURN))]
    assert names == ["propensity.order", "churn"]
    assert plan_of("propensity.order").window > goal.within


def test_what_leads_to_a_goal_is_found_and_serves(goal: Goal, few: None, log: Log) -> None:
    shop(log)
    version = made(plan())
    assert version.status == Status.SERVING, (version.error, version.remarks)
    assert version.metrics["auc"] > 0.7
    assert version.metrics["base rate.ap"] == version.metrics["base_rate"]
    assert version.features_version
    model = stored(version)
    assert isinstance(model, Best)
    assert model.model.algorithm == "logistic"
    # What no visitor of this shop does is left out, and said.
    assert "“cart.adds” was left out: it is 0 in every row." in version.remarks
    assert "cart.adds" not in model.features
    # Nor does it make another version of the features that are looked at.
    assert version.features_version == feature_table((), features=model.features).version


def test_too_few_converters_are_counted_and_nothing_serves(goal: Goal, log: Log) -> None:
    for n in range(17):
        log((NOW - (20 + n) * DAY, LOOKS), (NOW - (18 + n) * DAY, LOOKS + BUYS[1:]))
    version = made(plan())
    assert version.status == Status.LACKING
    assert version.error.startswith("needs 200 converters, has ")


def test_the_next_version_is_compared_with_what_serves(goal: Goal, few: None, log: Log) -> None:
    shop(log)
    first = made(plan())
    second = made(plan())
    assert second.metrics["serving.ap"] == pytest.approx(second.metrics["ap"])
    assert second.status == Status.SERVING
    first.refresh_from_db()
    assert first.status == Status.RETIRED


def test_what_serves_and_cannot_be_read_is_named(goal: Goal, few: None, log: Log) -> None:
    shop(log)
    damage(made(plan()))
    second = made(plan())
    assert "serving.ap" not in second.metrics
    assert any("Version 1 could not be compared" in remark for remark in second.remarks)


def test_a_goal_that_was_deleted_has_no_model(goal: Goal, log: Log) -> None:
    known = plan()
    goal.delete()
    version = made(known)
    assert version.status == Status.FAILED
    assert "no goal “order”" in version.error


def test_an_algorithm_that_predicts_nothing_is_refused_with_those_that_do(
    goal: Goal, few: None, log: Log
) -> None:
    shop(log)
    version = made(replace(plan(), algorithm="ease", config={}))
    assert version.status == Status.FAILED
    assert "“ease” predicts nothing; allowed: " in version.error
    assert "boosting" in version.error


def test_who_stays_away_is_told_by_recency_and_frequency(few: None, log: Log) -> None:
    rng = np.random.default_rng(1)
    for n in range(300):
        regular = n % 2 == 0
        start = NOW - timedelta(days=float(rng.uniform(60, 170)))
        pauses = rng.exponential(8 if regular else 150, 22).cumsum()
        days = [0.0, *(day for day in pauses if start + timedelta(days=float(day)) < NOW)]
        log(*((start + timedelta(days=float(day)), LOOKS) for day in days))
    version = made(plan(CHURN))
    assert version.status == Status.SERVING, (version.error, version.remarks)
    assert version.metrics["auc"] > 0.7
    assert set(stored(version).features) <= set(RFM)


def test_a_log_that_is_too_short_for_churn_says_how_many_days_it_needs(few: None, log: Log) -> None:
    rng = np.random.default_rng(2)
    for n in range(300):
        first = NOW - timedelta(days=float(rng.uniform(31, 50)))
        later = [NOW - timedelta(days=float(day)) for day in rng.uniform(0, 30, n % 2)]
        log(*((start, LOOKS) for start in (first, *later)))
    version = made(plan(CHURN))
    assert version.status == Status.LACKING
    said = re.fullmatch(
        r"needs about 115 days of visits to be judged by what came later, has (\d+)", version.error
    )
    assert said
    assert 45 <= int(said[1]) <= 50


def test_a_few_days_of_long_ago_lack_what_lies_between(goal: Goal, few: None, log: Log) -> None:
    for n in range(200):
        start = NOW - 40 * DAY + n * 20 * MINUTE
        log((start, BUYS if n % 2 else LOOKS))
        log((start, LOOKS), (start + 3 * HOUR, BUYS))
    version = made(plan())
    assert version.status == Status.LACKING
    assert re.match(r"needs \d+ days from the earliest of \d+ rows", version.error), version.error


@pytest.mark.parametrize("days", [1, 7, 30])
def test_the_days_that_are_needed_are_enough_and_few_less_are_not(days: int) -> None:
    gap = days * microseconds_of(DAY)
    steps = 4000

    def can_be_judged(total: float) -> bool:
        last = total * microseconds_of(DAY) - gap
        at = np.linspace(0, last, steps).astype(np.int64)
        try:
            before = at[latest(at, share=SHARE, gap=gap).train]
            in_time(before, n=BestConfig().folds, gap=gap, first=BestConfig().first)
        except TooShort:
            return False
        return True

    needed = days_needed(gap)
    assert can_be_judged(needed + 0.1)
    assert not can_be_judged(needed - 1.1)


def test_a_site_says_how_numbers_are_cleaned(goal: Goal, few: None, log: Log) -> None:
    shop(log)
    correct = {
        "step": "correct",
        "columns": ["pages.count"],
        "by": ["visits.count", "device.tablet"],
    }
    version = made(plan(candidates="logistic", cleaning=[correct, {"step": "robust"}]))
    assert version.error == ""
    model = stored(version)
    assert isinstance(model, Best)
    # Nobody came with a tablet: the step goes on without it, and the version says so.
    assert model.cleaning.steps[0].looks_at == ("visits.count",)
    assert any("“device.tablet” was left out" in remark for remark in version.remarks)
    assert [step["step"] for step in version.config["cleaning"]] == ["correct", "robust"]


def test_a_cleaning_of_what_is_no_feature_fails_by_its_name(
    goal: Goal, few: None, log: Log
) -> None:
    shop(log)
    version = made(plan(cleaning=[{"step": "log", "columns": ["nothing.count"]}]))
    assert version.status == Status.FAILED
    assert "“nothing.count”" in version.error
