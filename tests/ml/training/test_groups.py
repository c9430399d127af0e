"""What a page tells of groups, with and without what reads them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from personalization.ml.artefact import CorruptArtefact, checksum, packed
from personalization.ml.base import Options
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.clusters.personas import Personas, PersonasConfig
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.threads import one_thread
from personalization.ml.training.clustering import stored
from personalization.ml.training.groups import NoGroups, groups_of, said_rule
from project.benchmarks.models.planted import FEATURES, people

pytestmark = pytest.mark.django_db


def kept(model) -> ModelVersion:
    content = packed(model)
    version = ModelVersion.objects.create(
        name="cluster.personas", number=1, algorithm=model.algorithm, checksum=checksum(content)
    )
    ModelArtefact.objects.create(version=version, content=content)
    return version


def learned(**config) -> Personas:
    rows, _ = people(n=500)
    model = Personas(PersonasConfig(rounds=2, most=4, **config))
    model.features = FEATURES
    with one_thread():
        return model.fit(rows, Options())


def test_groups_are_told_by_id_name_share_and_differences():
    model = learned(k=4)
    shown = groups_of(kept(model))
    assert [group.id for group in shown.groups] == list(model.ids)
    assert [group.name for group in shown.groups] == [model.names[one] for one in model.ids]
    assert sum(group.share for group in shown.groups) == pytest.approx(1)
    assert shown.outside == pytest.approx(0, abs=1e-9)
    assert all(group.differences for group in shown.groups)
    assert all("σ" in words for group in shown.groups for words in group.differences)
    assert len({group.mark for group in shown.groups}) == 4


def test_who_is_in_no_group_is_counted_and_nothing_is_drawn_of_numbers_not_tried():
    model = learned(clusterer="dbscan", settings={"eps": 0.4})
    shown = groups_of(kept(model))
    assert shown.outside == pytest.approx((model.score(people(n=500)[0]) < 0).mean())
    assert shown.outside > 0
    assert len(shown.pictures) == 1


def test_without_rules_none_is_told():
    assert {group.said for group in groups_of(kept(learned(k=2))).groups} == {None}
    assert said_rule(None) is None


def test_a_version_of_something_else_has_none():
    other = KMeans(KMeansConfig(k=2)).fit(np.arange(20.0).reshape(10, 2), Options())
    version = kept(other)
    with pytest.raises(NoGroups, match="no groups to show"):
        groups_of(version)
    with pytest.raises(CorruptArtefact, match="has no groups: it is “kmeans”"):
        stored(version)


def test_what_is_not_kept_any_more_is_told():
    version = kept(learned(k=2))
    ModelArtefact.objects.all().delete()
    with pytest.raises(NoGroups, match="Nothing is stored of cluster.personas 1"):
        groups_of(version)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    version = kept(learned(k=2))
    monkeypatch.setitem(sys.modules, "personalization.ml.training.drawn_groups", None)
    with pytest.raises(NoGroups, match=r"pip install personalization\[ml\]"):
        groups_of(version)
