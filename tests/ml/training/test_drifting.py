"""Versions that serve are watched: what they see, what they say, and whether it is true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from personalization import hints
from personalization.clock import microseconds
from personalization.events.goals import Goal
from personalization.events.models import Event
from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Options
from personalization.ml.examples import Examples
from personalization.ml.features.table import feature_table
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.predictors.logistic import Logistic
from personalization.ml.sequences.rules import SequenceRules
from personalization.ml.threads import one_thread
from personalization.ml.training.drifting import MARK, Watched, check_drift, keep, watched
from personalization.profiles.models import Identity, Profile, Snapshot, Visit
from tests.factories import make_source
from tests.ml.training.conftest import DAY, MINUTE, NOW, damage

__all__ = ["make_source"]

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
FEATURES = ("pages.count", "visits.count")
TRAINED = NOW - 20 * DAY
SINCE = TRAINED - 30 * DAY
Log = Callable[..., list[int]]


@pytest.fixture
def log(make_source: Callable[..., Any]) -> Log:
    """Log a visit of each of `people`: how many pages, and whether they order at its end."""
    source = make_source()
    number = iter(range(10**6))

    def fill(
        *, at: datetime, pages: Callable[[Any], int], orders: float = 0.0, people: int = 210,
        seed: int = 1, consent: bool = True,
    ) -> list[int]:  # fmt: skip
        rng = np.random.default_rng(seed)
        profiles = Profile.objects.bulk_create(Profile() for _ in range(people))
        identities = Identity.objects.bulk_create(
            Identity(profile=profile, namespace="anonymous", value=f"v{next(number)}")
            for profile in profiles
        )
        events, visits, snapshots = [], [], []
        for profile, identity in zip(profiles, identities, strict=True):
            names = ["Page Viewed"] * (1 + pages(rng))
            ends = at + len(names) * MINUTE
            when = [at + step * MINUTE for step in range(len(names))]
            if rng.random() < orders:
                names, when = [*names, "Order Completed"], [*when, ends + DAY]
            events += [
                Event(
                    identity=identity, source=source, message_id=f"{identity.value}-{step}",
                    type="track", name=name, timestamp=moment, properties={},
                )
                for step, (name, moment) in enumerate(zip(names, when, strict=True))
            ]  # fmt: skip
            visits.append(Visit(profile=profile, started_at=at, ended_at=ends, events=len(names)))
            snapshots.append(
                Snapshot(
                    profile=profile, consents={"personalization": consent}, first_seen=at,
                    last_seen=ends,
                )
            )  # fmt: skip
        Snapshot.objects.bulk_create(snapshots)
        Event.objects.bulk_create(events)
        Visit.objects.bulk_create(visits)
        return [profile.pk for profile in profiles]

    return fill


def few(rng: Any) -> int:
    return int(rng.integers(0, 6))


def many(rng: Any) -> int:
    return int(rng.integers(4, 10))


def version_of(ids: list[int], *, base: float = 0.3, **fields: Any) -> ModelVersion:
    """Return a version that serves, of a model that learned a chance of `base` from what people
    had done by the end of its window."""
    table = feature_table([(pk, microseconds(TRAINED) - 1) for pk in ids], features=FEATURES)
    examples = Examples(
        rows=table.rows,
        labels=(np.random.default_rng(0).random(len(table)) < base).astype(float),
        features=FEATURES,
        at=table.at,
        visitor=table.visitors,
    )
    with one_thread():
        content = packed(Logistic().fit(examples, Options()))
    given = {
        "name": "propensity.order", "number": 1, "algorithm": "logistic", "status": Status.SERVING,
        "features_version": table.version, "window_from": SINCE, "window_until": TRAINED,
        "metrics": {"ap": 0.4, "ece": 0.01}, "remarks": ["As trained."],
    }  # fmt: skip
    version = ModelVersion.objects.create(checksum=checksum(content), **given | fields)
    ModelArtefact.objects.create(version=version, content=content)
    return version


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(hints, "hint", seen.append)
    return seen


def test_the_same_people_are_steady(log: Log, hinted: list[str]) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    log(at=NOW - 5 * DAY, pages=few, seed=2)
    (found,) = check_drift(now=NOW)
    assert found.problem == ""
    assert found.verdict == "steady"
    version.refresh_from_db()
    assert version.metrics["drift_psi"] < 0.1
    assert version.metrics["ap"] == 0.4
    assert version.remarks == ["As trained."]
    assert hinted == []


def test_other_people_are_drift_and_have_it_trained_anew(log: Log, hinted: list[str]) -> None:
    Goal.objects.create(slug="order", name="An order", event="Order Completed")
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    log(at=NOW - 5 * DAY, pages=many, people=400, seed=2)
    (found,) = check_drift(now=NOW)
    assert found.verdict == "drifted"
    assert found.columns[0].name == "pages.count"
    version.refresh_from_db()
    assert version.metrics["drift_psi"] > 0.25
    assert version.remarks[0] == "As trained."
    assert version.remarks[1].startswith("Drift: “pages.count” is drifted (PSI ")
    assert ModelVersion.objects.get(status=Status.TRAINING).name == "propensity.order"
    assert hinted == [hints.TRAIN_MODELS]


def test_what_was_said_the_last_time_is_replaced(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    log(at=NOW - 5 * DAY, pages=many, people=400, seed=2)
    check_drift(now=NOW)
    check_drift(now=NOW)
    version.refresh_from_db()
    assert (
        len([each for each in version.remarks if each.startswith(MARK)])
        == len(set(version.remarks)) - 1
    )


def test_probabilities_that_are_not_true_any_more_are_told(log: Log) -> None:
    Goal.objects.create(slug="order", name="An order", event="Order Completed", within=3 * DAY)
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few), base=0.2)
    log(at=NOW - 8 * DAY, pages=few, orders=0.7, people=250, seed=2)
    found = watched(version, now=NOW)
    assert found.calibration is not None
    assert found.calibration.verdict == "drifted"
    assert found.calibration.rows == 250
    assert "its probabilities are off by" in found.remarks()[-1]
    assert found.figures()["drift_ece"] > 0.2


def test_of_a_goal_that_is_gone_no_probability_is_judged(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    assert watched(version, now=NOW).calibration is None


def test_who_does_not_consent_is_not_looked_at(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    log(at=NOW - 5 * DAY, pages=many, people=400, consent=False)
    assert watched(version, now=NOW).verdict == "steady"


def test_too_few_people_say_nothing(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few, people=100))
    found = watched(version, now=NOW)
    assert found.verdict == "unknown"
    assert found.figures() == {}
    assert found.remarks() == []


def test_of_many_people_some_are_drawn(log: Log, monkeypatch: Any) -> None:
    monkeypatch.setattr("personalization.ml.training.drifting.MOST", 205)
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    assert {each.rows for each in watched(version, now=NOW).columns} == {205}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"features_version": "other"}, "not defined any more as they were"),
        ({"window_from": None}, "Nobody knows what it learned from"),
    ],
)
def test_what_cannot_be_compared_is_said(log: Log, fields: Any, says: str) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few), **fields)
    (found,) = check_drift(now=NOW)
    assert says in found.problem
    version.refresh_from_db()
    assert says in version.remarks[-1]


def test_a_damaged_artefact_is_said_and_the_others_are_looked_at(log: Log) -> None:
    ids = log(at=TRAINED - 5 * DAY, pages=few)
    damage(version_of(ids))
    version_of(ids, name="propensity.visit")
    found = check_drift(now=NOW)
    assert [bool(each.problem) for each in found] == [True, False]


def test_only_what_serves_and_learned_from_features_is_looked_at(log: Log) -> None:
    ids = log(at=TRAINED - 5 * DAY, pages=few)
    version_of(ids, status=Status.CANDIDATE)
    version_of(ids, name="recommend", features_version="")
    assert check_drift(now=NOW) == []


def test_nothing_known_is_no_verdict() -> None:
    assert Watched(version=ModelVersion(name="x", number=1)).verdict == "unknown"


def test_what_is_gone_or_sees_no_features_is_said(log: Log) -> None:
    ids = log(at=TRAINED - 5 * DAY, pages=few)
    gone = version_of(ids)
    gone.artefact.delete()
    assert "Nothing is stored of propensity.order 1" in watched(gone, now=NOW).problem
    steps = version_of(ids, name="steps")
    content = packed(SequenceRules())
    ModelArtefact.objects.filter(version=steps).update(content=content)
    steps.checksum = checksum(content)
    assert "sees no features: it is “sequences”" in watched(steps, now=NOW).problem


def test_a_version_that_was_pruned_meanwhile_is_no_fault(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    found = watched(version, now=NOW)
    ModelVersion.objects.all().delete()
    keep(found)
    assert not ModelVersion.objects.exists()
