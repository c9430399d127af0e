"""The group that a model finds somebody in is a feature, which rules speak of by its name."""

from __future__ import annotations

import pytest

from personalization.ingest.scores import score
from personalization.ml.models import ModelVersion
from personalization.ml.training.cluster_plan import PERSONAS
from personalization.ml.training.clustering import stored
from personalization.ml.training.versions import roll_back
from personalization.profiles.modelled import fields, modelled
from personalization.profiles.models import Snapshot
from personalization.rules.parse import check, parse
from personalization.rules.writing import feature, rule
from personalization.segments.catalogue import catalogue
from personalization.segments.models import Membership
from personalization.segments.refresh import refresh_segments
from tests.factories import make_segment, make_source
from tests.ml.training.conftest import NOW, damage
from tests.ml.training.test_clustering import few, log, made, quick, scores

__all__ = ["few", "log", "make_segment", "make_source"]

pytestmark = pytest.mark.django_db


def groups() -> dict[int, object]:
    """Return what the snapshots say, by profile."""
    kept = Snapshot.objects.order_by("pk").values_list("pk", "features")
    return {pk: features.get(PERSONAS) for pk, features in kept}


def test_each_profile_has_the_name_of_its_group(log):
    kinds = log()
    version = made(quick())
    assert score(kinds, now=NOW) == len(kinds)
    model = stored(version)
    assert groups() == {
        pk: model.names[one] for pk, one in zip(kinds, scores(version, kinds), strict=True)
    }
    assert score(kinds, now=NOW) == 0


def test_who_does_not_agree_has_none(log):
    kinds = log()
    made(quick())
    Snapshot.objects.filter(pk=min(kinds)).update(consents={})
    score(kinds, now=NOW)
    assert [pk for pk, name in groups().items() if name is None] == [min(kinds)]


def test_a_segment_speaks_of_the_group_by_its_name(log, make_segment):
    kinds = log()
    model = stored(made(quick()))
    name = model.names[model.ids[0]]
    stored_rule = rule(feature(PERSONAS, "=", name))
    assert check(parse(stored_rule), catalogue()) == []
    make_segment("theirs", stored_rule)
    refresh_segments(now=NOW)
    assert not Membership.objects.exists()
    score(kinds, now=NOW)
    members = set(Membership.objects.values_list("profile_id", flat=True))
    assert members == {pk for pk, group in groups().items() if group == name}
    assert len(members) > 10


def test_rules_may_speak_of_the_groups_that_there_are(log):
    assert fields() == {}
    log()
    version = made(quick())
    field = fields()[PERSONAS]
    assert (field.label, field.type) == ("personas group", "text")
    assert field.values == stored(version).values()
    problems = check(parse(rule(feature(PERSONAS, "=", "nobody"))), catalogue())
    assert [problem.message for problem in problems] == [
        "“nobody” is no value of cluster.personas."
    ]


def test_where_groups_cannot_be_read_rules_may_still_speak_of_them(log):
    log()
    damage(made(quick()))
    assert fields()[PERSONAS].values == ()


def test_where_none_serve_rules_speak_of_none(log):
    log()
    made(quick(), mode="never")
    assert fields() == {}


def test_events_that_come_between_do_not_change_it():
    features = {PERSONAS: "buys often", "orders.count": 3}
    assert modelled(features) == {PERSONAS: "buys often"}


def test_back_to_the_version_before_the_names_are_its_names(log):
    kinds = log()
    first = made(quick())
    second = made(quick(k=2), mode="always")
    score(kinds, now=NOW)
    assert len(set(groups().values())) == 2
    roll_back(second, now=NOW)
    assert ModelVersion.objects.get(status="serving") == first
