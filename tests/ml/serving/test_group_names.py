"""Names of groups are what rules compare; where they cannot be read, any text may be compared."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from django.utils import timezone

from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Model, Options
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.clusters.personas import Personas, PersonasConfig
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.serving.group_names import group_names
from personalization.ml.serving.loaded import forget
from personalization.ml.serving.published import published_fields, published_names
from personalization.ml.threads import one_thread
from personalization.rules.catalogue import Catalogue
from personalization.rules.parse import check, parse
from personalization.rules.writing import feature, rule

pytestmark = pytest.mark.django_db
NAME = "cluster.readers"


def rows():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(60, 2)), rng.normal(size=(40, 2)) + 9])


@pytest.fixture(scope="module")
def model() -> Personas:
    made = Personas(PersonasConfig(k=2, rounds=2, most=2))
    made.features = ("visits.count", "pages.count")
    with one_thread():
        return made.fit(rows(), Options())


def serves(model: Model, *, status: str = ModelVersion.Status.SERVING) -> ModelVersion:
    content = packed(model)
    version = ModelVersion.objects.create(
        name=NAME, number=1, algorithm=model.algorithm, status=status,
        checksum=checksum(content), promoted_at=timezone.now(),
    )  # fmt: skip
    ModelArtefact.objects.create(version=version, content=content)
    forget()
    return version


def test_they_are_the_values_of_a_text(model):
    serves(model)
    field = published_fields()[NAME]
    assert (field.label, field.type, field.values) == ("readers group", "text", model.values())
    assert group_names(NAME) == model.values()
    assert len(set(model.values())) == 2


def test_a_rule_may_name_a_group_that_there_is_and_no_other(model):
    serves(model)
    known = Catalogue(features=published_fields())
    assert check(parse(rule(feature(NAME, "=", model.values()[0]))), known) == []
    assert check(parse(rule(feature(NAME, "in", list(model.values())))), known) == []
    (problem,) = check(parse(rule(feature(NAME, "=", "gone"))), known)
    assert problem.allowed == model.values()
    (problem,) = check(parse(rule(feature(NAME, ">", 1))), known)[:1]
    assert "which is a text" in problem.message


def test_groups_without_names_are_numbers():
    serves(KMeans(KMeansConfig(k=2)).fit(rows(), Options()))
    assert published_fields()[NAME].type == "number"
    assert group_names(NAME) == ()


def test_what_does_not_serve_is_not_published(model):
    serves(model, status=ModelVersion.Status.CANDIDATE)
    assert published_names() == ()
    assert published_fields() == {}
    assert group_names(NAME) == ()


def test_without_the_extra_rules_may_still_speak_of_them(model, monkeypatch):
    serves(model)
    monkeypatch.setitem(sys.modules, "personalization.ml.serving.group_names", None)
    field = published_fields()[NAME]
    assert (field.type, field.values) == ("text", ())
    assert check(parse(rule(feature(NAME, "=", "any"))), Catalogue(features={NAME: field})) == []
