"""What models say of people: from the log as it is now, for those who consent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from personalization.events.goals import Goal
from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Options, Predictor
from personalization.ml.examples import Examples
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.predictors.logistic import Logistic, LogisticConfig
from personalization.ml.serving.loaded import forget
from personalization.ml.serving.predictions import predictions
from personalization.ml.serving.published import published_fields
from tests.ml.training.visitors import Does, MakeProfile, doing, visitors

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _afresh() -> None:
    forget()


@pytest.fixture
def visitor(make_profile: MakeProfile) -> MakeProfile:
    return visitors(make_profile)


@pytest.fixture
def does(make_event: Any) -> Does:
    return doing(make_event)


def keen(*features: str) -> Predictor[Any]:
    """Return a model: whoever has more than five of the first of `features` converts."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 12, (300, len(features))).astype(float)
    return Logistic(LogisticConfig(regularization=0.01)).fit(
        Examples(
            rows=rows,
            labels=(rows[:, 0] > 5).astype(float),
            features=features,
            at=np.arange(300, dtype=np.int64),
            visitor=np.arange(300, dtype=np.int32),
        ),
        Options(),
    )


def serve(model: Any, *, name: str = "propensity.order", number: int = 1) -> ModelVersion:
    content = packed(model)
    version = ModelVersion.objects.create(
        name=name, number=number, algorithm=model.algorithm, status="serving",
        checksum=checksum(content),
    )  # fmt: skip
    ModelArtefact.objects.create(version=version, content=content)
    return version


def test_each_model_says_something_of_each_who_consents(
    visitor: MakeProfile, make_profile: MakeProfile, does: Does
) -> None:
    many, refuses = visitor(), make_profile(consents={"personalization": False})
    few = visitor()  # whose row is not that of their place among all who are asked about
    for profile, n in ((many, 9), (few, 1), (refuses, 9)):
        for step in range(n):
            does(profile, "Page Viewed", step)
    serve(keen("pages.count", "cart.adds"))
    serve(keen("visits.count"), name="churn")
    found = predictions([few.pk, many.pk, refuses.pk], now=NOW)
    assert found.keys() == {many.pk, few.pk}
    assert found[many.pk]["propensity.order"] > 0.9 > 0.1 > found[few.pk]["propensity.order"]
    assert found[many.pk]["churn"] == found[few.pk]["churn"] < 0.1


def test_what_is_later_is_not_seen(visitor: MakeProfile, does: Does) -> None:
    profile = visitor()
    for step in range(9):
        does(profile, "Page Viewed", step)
    serve(keen("pages.count"))
    early = predictions([profile.pk], now=NOW - timedelta(days=2))
    assert early[profile.pk]["propensity.order"] < 0.1


def test_nothing_is_said_where_nothing_serves(visitor: MakeProfile) -> None:
    assert predictions([visitor().pk], now=NOW) == {}
    version = serve(keen("pages.count"))
    forget()
    assert predictions([], now=NOW) == {}
    ModelVersion.objects.filter(pk=version.pk).update(status="retired")
    forget()
    assert predictions([visitor().pk], now=NOW) == {}


def test_a_model_of_a_feature_that_there_is_not_any_more_says_nothing_and_stops_no_other(
    visitor: MakeProfile, caplog: pytest.LogCaptureFixture
) -> None:
    profile = visitor()
    serve(keen("wishlist.share"), name="churn")
    serve(keen("pages.count"))
    answers = predictions([profile.pk], now=NOW)[profile.pk]
    assert answers.keys() == {"propensity.order", "churn"}
    assert answers["propensity.order"] is not None
    assert answers["churn"] is None, "it was not asked"
    assert "churn cannot score" in caplog.text


def test_rules_are_offered_what_serves_by_the_name_of_its_goal() -> None:
    Goal.objects.create(slug="order", name="Bestellung", event="Order Completed")
    model = keen("pages.count")
    assert published_fields() == {}
    serve(model)
    serve(model, name="propensity.gone")
    serve(model, name="churn")
    serve(model, name="recommend")
    found = published_fields()
    assert list(found) == ["churn", "propensity.gone", "propensity.order"]
    assert found["propensity.order"].label == "probability of “Bestellung”"
    assert found["propensity.gone"].label == "probability of “gone”"
    assert {field.type for field in found.values()} == {"number"}
