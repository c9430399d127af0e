"""Personas are found in the log of the site, go on from night to night, and become rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.ml.clusters.stability import adjusted_rand
from personalization.ml.features.table import feature_table
from personalization.ml.models import ModelVersion
from personalization.ml.training import clustering
from personalization.ml.training.attempts import request, take
from personalization.ml.training.cluster_plan import PERSONAS
from personalization.ml.training.clustering import FEATURES, stored
from personalization.ml.training.known import plan_of
from personalization.ml.training.plans import Plan
from personalization.ml.training.train import Mode, train
from personalization.ml.training.versions import serving
from personalization.profiles.derived import fields
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.rules.catalogue import Catalogue
from personalization.rules.parse import check, parse
from tests.factories import make_source
from tests.ml.training.conftest import DAY, HOUR, MINUTE, NOW, damage

__all__ = ["make_source"]

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
LEAST = 80
#: Visits, pages a visit, orders, and how many of three visitors are such.
KINDS = ((1, 1, 0), (6, 4, 0), (3, 2, 3))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few visitors be enough, so that tests are about what is done with them."""
    monkeypatch.setattr(clustering, "LEAST", LEAST)


@pytest.fixture
def log(make_source: Callable[..., Any]) -> Callable[..., dict[int, int]]:
    """Log visitors of three kinds; return the kind of each profile."""
    source = make_source()

    def fill(*, visitors: int = LEAST + 10, tag: str = "v", consent: bool = True) -> dict[int, int]:
        rng = np.random.default_rng(7)
        profiles = Profile.objects.bulk_create(Profile() for _ in range(visitors))
        identities = Identity.objects.bulk_create(
            Identity(profile=profile, namespace=Identity.ANONYMOUS, value=f"{tag}{visitor}")
            for visitor, profile in enumerate(profiles)
        )
        seen = [NOW - DAY - int(rng.integers(20)) * HOUR for _ in profiles]
        Snapshot.objects.bulk_create(
            Snapshot(profile=profile, consents={"personalization": consent}, last_seen=last)
            for profile, last in zip(profiles, seen, strict=True)
        )
        events = []
        for visitor, (identity, last) in enumerate(zip(identities, seen, strict=True)):
            visits, pages, orders = KINDS[visitor % 3]
            names = ["Page Viewed"] * (pages + int(rng.integers(2))) + (
                ["Product Added", "Order Completed"] if orders else []
            )
            events += [
                Event(
                    identity=identity, source=source, message_id=f"{tag}{visitor}-{visit}-{step}",
                    type="track", name=name, timestamp=last - visit * DAY - step * MINUTE,
                    properties={"total": float(rng.integers(20, 90))} if name[0] == "O" else {},
                )
                for visit in range(visits + int(rng.integers(2)))
                for step, name in enumerate(names)
            ]  # fmt: skip
        Event.objects.bulk_create(events)
        return {profile.pk: visitor % 3 for visitor, profile in enumerate(profiles)}

    return fill


def quick(**config: Any) -> Plan:
    return replace(plan_of(PERSONAS), config={"most": 4, "rounds": 3, **config})


def made(plan: Plan, *, mode: Mode = "auto") -> ModelVersion:
    request(plan, now=NOW)
    version = ModelVersion.objects.filter(name=plan.name).latest("number")
    attempt = take(version, now=NOW)
    assert attempt is not None
    return train(attempt, plan, mode=mode)


def scores(version: ModelVersion, kinds: dict[int, int]):
    table = feature_table([(pk, microseconds(NOW) - 1) for pk in kinds], features=FEATURES)
    model = stored(version)
    columns = [FEATURES.index(name) for name in model.features]
    return model.score(table.rows[:, columns])


def test_what_is_planted_in_the_log_is_found_and_serves(log):
    kinds = log()
    version = made(quick())
    assert version.error == ""
    assert version.status == Status.SERVING
    assert version.algorithm == "personas"
    assert version.metrics["groups"] == 3
    assert version.metrics["agreement"] >= 0.9
    assert adjusted_rand(scores(version, kinds), list(kinds.values())) >= 0.9
    model = stored(version)
    assert len({model.names[one] for one in model.ids}) == 3


def test_each_group_is_kept_as_a_rule_that_can_be_used(log):
    log()
    version = made(quick())
    model = stored(version)
    known = Catalogue(features=fields())
    assert set(model.known_rules()) == set(model.ids)
    for rule in model.known_rules().values():
        assert check(parse(rule["rule"]), known) == []
        assert rule["f1"] >= 0.9
    assert version.metrics["least_rule_f1"] >= 0.9


def test_the_next_night_ids_and_names_go_on(log):
    kinds = log()
    first = made(quick())
    newcomers = log(visitors=30, tag="new")
    second = made(replace(quick(), seed=5))
    assert (second.status, serving(PERSONAS)) == (Status.SERVING, second)
    assert second.metrics["kept_ids"] >= 0.95
    assert scores(second, kinds).tolist() == scores(first, kinds).tolist()
    assert adjusted_rand(scores(second, newcomers), list(newcomers.values())) >= 0.9
    before, after = stored(first), stored(second)
    assert {one: after.names[one] for one in before.ids} == dict(before.names)


def test_where_the_version_before_cannot_be_read_ids_begin_anew_and_it_is_said(log):
    log()
    damage(made(quick()))
    second = made(quick())
    assert second.error == ""
    assert any(remark.startswith("Ids and names of groups begin anew") for remark in second.remarks)


def test_too_few_visitors_are_told_with_their_number(log):
    log(visitors=17)
    version = made(quick())
    assert version.status == Status.LACKING
    assert version.error.startswith(f"Needs {LEAST} visitors who agree to personalization, has 17")


def test_who_does_not_agree_is_not_learned_from(log):
    log(visitors=LEAST)
    log(visitors=60, tag="no", consent=False)
    assert made(quick()).rows == LEAST


def test_who_came_back_since_the_end_of_the_window_is_learned_from_all_the_same(log):
    """A training that another worker takes over ends where it did at first: those who come most
    often are back by then."""
    kinds = log()
    busy = [pk for pk, kind in kinds.items() if kind == 1]
    Snapshot.objects.filter(pk__in=busy).update(last_seen=NOW + HOUR)
    version = made(quick())
    assert (version.error, version.rows) == ("", len(kinds))


def test_what_is_the_same_for_all_is_left_out_and_named(log):
    log()
    version = made(quick())
    assert "engagement.seconds" not in stored(version).features
    assert "Left out: Of one value in all rows: engagement.seconds." in version.remarks
    assert version.features_version == feature_table((), features=stored(version).features).version


def test_other_features_are_those_of_the_plan(log):
    log()
    model = stored(made(quick(features=["visits.count", "orders.count"], k=2)))
    assert model.features == ("visits.count", "orders.count")


def test_groups_that_do_not_come_out_again_do_not_serve(log):
    log(visitors=LEAST)
    version = made(quick(features=["recency.event"], k=9, most=9))
    assert version.status == Status.CANDIDATE
    assert any(
        "It is not better than what counts as stable: agreement" in remark
        for remark in version.remarks
    )


def test_of_many_visitors_some_are_drawn(log, monkeypatch):
    log(visitors=120)
    monkeypatch.setattr(clustering, "MOST", 100)
    assert made(quick(k=3)).rows == 100


def test_nothing_in_it_tells_who_anybody_is(log):
    kinds = log(tag="somebody")
    version = made(quick())
    content = bytes(version.artefact.content)
    assert b"somebody" not in content
    assert len(stored(version).points) <= len(kinds)
    assert set(stored(version).arrays()) == {
        "clean.1.high", "clean.1.low", "clean.2.value", "clean.3.center", "clean.3.spread",
        "cluster.centres", "cluster.sizes", "groups", "ids", "points",
    }  # fmt: skip


def test_what_a_site_cleans_by_is_kept_with_the_version_and_looked_at_in_the_log(log):
    kinds = log()
    correct = {
        "step": "correct", "columns": ["pages.count"], "by": ["visit.seconds", "device.tablet"],
    }  # fmt: skip
    rest = [{"step": "iqr"}, {"step": "impute"}, {"step": "min-max"}]
    version = made(quick(cleaning=[correct, *rest]))
    assert version.error == ""
    model = stored(version)
    # Nobody came with a tablet: the step goes on without it, and it is said.
    assert model.cleaning.steps[0].looks_at == ("visit.seconds",)
    assert any("device.tablet" in remark for remark in version.remarks)
    assert model.aside == ("visit.seconds",)
    assert "visit.seconds" not in {each.feature for group in model.differences for each in group}
    steps = [each["step"] for each in version.config["cleaning"]]
    assert steps == ["correct", "iqr", "impute", "min-max"]
    table = feature_table([(pk, microseconds(NOW) - 1) for pk in kinds], features=model.features)
    assert (model.score(table.rows) >= 0).all()


def test_a_cleaning_of_what_is_no_feature_fails_by_its_name(log):
    log()
    version = made(quick(cleaning=[{"step": "log", "columns": ["nothing.count"]}]))
    assert version.status == Status.FAILED
    assert "“nothing.count”" in version.error
    version = made(quick(cleaning=[{"step": "correct", "columns": ["pages.count"], "by": ["x.y"]}]))
    assert "There is no feature “x.y”" in version.error
