"""What is said of people while models are spoilt, renewed or odd, and what it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from personalization.events.goals import Goal
from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Options, Predictor
from personalization.ml.examples import Examples
from personalization.ml.goal_events import EVENT
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.predictors.logistic import Logistic
from personalization.ml.serving import loaded
from personalization.ml.serving.predictions import DIGITS, predictions
from personalization.ml.serving.published import published_fields, published_names
from personalization.profiles.models import Profile
from tests.delivery.rendering import counted
from tests.ml.serving.stored import RETIRED, serve_what_follows, spoil, store
from tests.ml.training.visitors import NOON, Does, MakeProfile, doing, visitors

pytestmark = pytest.mark.django_db

NOW = NOON + timedelta(days=1)
NAME = "propensity.order"


@pytest.fixture(autouse=True)
def _afresh() -> None:
    loaded.forget()


@pytest.fixture
def visitor(make_profile: MakeProfile) -> MakeProfile:
    return visitors(make_profile)


@pytest.fixture
def does(make_event: Any) -> Does:
    return doing(make_event)


def learned(*, above: bool = True) -> Predictor[Any]:
    """Return a model by which those convert who saw more than five pages; or all the others."""
    pages = np.arange(120, dtype=float) % 12
    return Logistic().fit(
        Examples(
            rows=pages[:, None],
            labels=((pages > 5) == above).astype(float),
            features=("pages.count",),
            at=np.arange(120, dtype=np.int64),
            visitor=np.arange(120, dtype=np.int32),
        ),
        Options(),
    )


@pytest.fixture(scope="module")
def model() -> Predictor[Any]:
    return learned()


@pytest.fixture
def reader(visitor: MakeProfile, does: Does) -> Profile:
    profile: Profile = visitor()
    for minute in range(11):
        does(profile, "Page Viewed", minute)
    return profile


def said(profile: Profile, *, later: timedelta = timedelta(0)) -> dict[str, Any]:
    return predictions([profile.pk], now=NOW + later).get(profile.pk, {})


def test_a_probability_is_one_and_has_no_more_digits_than_it_means(
    reader: Profile, visitor: MakeProfile, model: Predictor[Any]
) -> None:
    store(model, name=NAME)
    for profile in (reader, visitor()):
        value = said(profile)[NAME]
        assert type(value) is float
        assert 0 <= value <= 1
        assert value == round(value, DIGITS)


def test_a_spoilt_version_leaves_it_to_the_one_before(
    reader: Profile, model: Predictor[Any]
) -> None:
    store(model, name=NAME)
    spoil(store(learned(above=False), name=NAME, number=2))
    assert said(reader)[NAME] > 0.5


def test_where_none_can_be_read_it_is_told_that_it_was_not_asked_and_others_go_on(
    reader: Profile, model: Predictor[Any]
) -> None:
    store(model, name="churn")
    spoil(store(model, name=NAME))
    before = counted("models.corrupt")
    for _ in range(2):
        answers = said(reader)
        assert answers.keys() == {"churn", NAME}
        assert answers["churn"] > 0.5
        assert answers[NAME] is None
    assert counted("models.corrupt") == before + 1, "it is told of once"
    assert NAME in published_names(), "a rule that speaks of it stays one that can be read"


def test_where_none_of_all_can_be_asked_that_costs_nothing_more(
    reader: Profile, model: Predictor[Any]
) -> None:
    spoil(store(model, name=NAME))
    assert said(reader) == {NAME: None}
    with CaptureQueriesContext(connection) as captured:
        said(reader)
    assert len(captured) == 1, "for the names of what serves"
    assert predictions([], now=NOW) == {}


def test_a_version_for_another_event_serves_no_more_and_nothing_of_it_stays(
    reader: Profile, model: Predictor[Any]
) -> None:
    version = store(model, name=NAME)
    ModelVersion.objects.filter(pk=version.pk).update(config={EVENT: "Order Completed"})
    goal = Goal.objects.create(slug="order", name="Order", event="Order Completed")
    assert said(reader)[NAME] > 0.5
    Goal.objects.filter(pk=goal.pk).update(event="Order Placed")
    assert said(reader, later=loaded.FRESH) == {}


def test_a_version_that_is_renewed_in_its_place_says_the_new_thing(
    reader: Profile, model: Predictor[Any]
) -> None:
    version = store(model, name=NAME)
    assert said(reader)[NAME] > 0.5
    content = packed(learned(above=False))
    ModelArtefact.objects.filter(version=version).update(content=content)
    ModelVersion.objects.filter(pk=version.pk).update(checksum=checksum(content))
    assert said(reader, later=loaded.FRESH)[NAME] < 0.5


def test_what_retires_says_no_more(reader: Profile, model: Predictor[Any]) -> None:
    store(model, name=NAME)
    assert said(reader)
    ModelVersion.objects.update(status=RETIRED)
    assert said(reader, later=loaded.FRESH) == {}
    assert published_fields() == {}


def test_while_the_database_is_away_the_model_in_memory_is_the_same(
    reader: Profile, model: Predictor[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(name: str) -> Any:
        raise OperationalError("the database is away")

    store(model, name=NAME)
    known = said(reader)
    monkeypatch.setattr(loaded, "_versions", away)
    assert said(reader, later=loaded.FRESH) == known


def test_a_recommender_says_nothing_of_people_whatever_it_is_called(
    reader: Profile, model: Predictor[Any]
) -> None:
    serve_what_follows({"a": ["b"]})
    store(what_recommends(), name="propensity.odd")
    store(model, name=NAME)
    assert said(reader).keys() == {NAME}


def what_recommends() -> Any:
    found = loaded.serving("recommend", now=NOW)
    assert found is not None
    return found


def test_of_people_who_are_gone_or_did_not_agree_nothing_is_said(
    reader: Profile, make_profile: MakeProfile, model: Predictor[Any]
) -> None:
    store(model, name=NAME)
    refuses = make_profile(consents={"personalization": False})
    silent = make_profile(consents={})
    asked = [reader.pk, -1, refuses.pk, silent.pk, reader.pk + 10_000]
    assert predictions(asked, now=NOW).keys() == {reader.pk}
    assert predictions({reader.pk}, now=NOW) == predictions((reader.pk,), now=NOW)


def test_what_is_said_of_one_does_not_hang_on_who_else_is_asked_for(
    reader: Profile, visitor: MakeProfile, does: Does, model: Predictor[Any]
) -> None:
    store(model, name=NAME)
    others = [visitor() for _ in range(5)]
    for minute in range(3):
        does(others[0], "Page Viewed", minute)
    everybody = predictions([reader.pk, *(one.pk for one in others)], now=NOW)
    for one in (reader, *others):
        assert everybody[one.pk] == said(one)


def test_more_people_cost_no_more_queries(
    reader: Profile, visitor: MakeProfile, model: Predictor[Any]
) -> None:
    store(model, name=NAME)
    said(reader)
    with CaptureQueriesContext(connection) as one:
        said(reader)
    many = [visitor().pk for _ in range(40)]
    with CaptureQueriesContext(connection) as more:
        assert len(predictions([reader.pk, *many], now=NOW)) == 41
    assert len(more) == len(one)


def test_more_models_of_the_same_feature_cost_no_more_reads_of_it(
    reader: Profile, model: Predictor[Any]
) -> None:
    store(model, name=NAME)
    said(reader)
    with CaptureQueriesContext(connection) as one:
        said(reader)
    for name in ("churn", "propensity.a", "propensity.b"):
        store(model, name=name)
    said(reader)
    with CaptureQueriesContext(connection) as more:
        assert len(said(reader)) == 4
    assert len(more) == len(one)
