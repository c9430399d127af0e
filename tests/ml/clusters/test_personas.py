"""Groups with ids that last, names and rules; and those that a simulation planted."""

from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.artefact import checksum, packed, unpacked
from personalization.ml.base import InvalidConfig, Options
from personalization.ml.clusters.distil import DistilConfig, distil
from personalization.ml.clusters.matching import stayed
from personalization.ml.clusters.personas import Personas, PersonasConfig
from personalization.ml.clusters.stability import adjusted_rand
from personalization.ml.threads import one_thread
from personalization.ml.unfit import UnfitData
from personalization.profiles.derived import fields
from personalization.rules.catalogue import Catalogue
from project.benchmarks.models.planted import FEATURES, KINDS, people
from tests.ml.clusters.contract import ClustererContract, blobs

CATALOGUE = Catalogue(features=fields())


def learned(rows, *, seed=0, rounds=2, most=4, **config) -> Personas:
    model = Personas(PersonasConfig(rounds=rounds, most=most, **config))
    model.features = FEATURES
    return model.fit(rows, Options(seed=seed))


@pytest.fixture(scope="module")
def planted():
    rows, truth = people()
    with one_thread():
        return rows, truth, learned(rows, rounds=4, most=6)


class TestPersonas(ClustererContract):
    def made(self):
        return Personas(PersonasConfig(rounds=3, most=4))

    def test_a_row_with_a_hole_is_in_none(self):
        """Unlike others it fills holes, as it did when it learned."""
        assert self.fitted().score(np.array([[np.nan, 0.0, 0.0]]))[0] >= 0

    @pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200, -1e308])
    def test_what_nobody_can_reckon_with_is_in_none_and_leaves_others_alone(self, value):
        """Unlike others it brings it back, as far out as anybody it has learned from may be."""
        model, (rows, _) = self.fitted(), blobs(seed=5)
        usual = model.score(rows)
        rows[3, 1] = value
        found = model.score(rows)
        assert found[3] >= 0
        others = np.delete(np.arange(len(rows)), 3)
        assert found[others].tolist() == usual[others].tolist()

    def test_a_feature_too_large_to_reckon_with_is_named(self):
        """Unlike others it learns from it, brought back."""
        rows, truth = blobs()
        rows[4, 2] = -1e150
        model = self.made().fit(rows, Options())
        assert np.isfinite(model.clusterer.centres).all()
        assert adjusted_rand(np.delete(model.score(rows), 4), np.delete(truth, 4)) > 0.5

    def test_a_feature_with_holes_is_named(self):
        rows, truth = blobs()
        rows[::20, 1] = np.nan
        assert adjusted_rand(self.made().fit(rows, Options()).score(rows), truth) > 0.9

    def test_a_feature_of_one_value_tells_nothing_apart(self):
        rows, _ = blobs()
        rows[:, 2] = 8
        model = self.made()
        model.features = ("visits", "orders", "hours")
        with pytest.raises(UnfitData, match="Of one value in all rows: hours"):
            model.fit(rows, Options())

    def test_too_few_rows_are_refused(self):
        with pytest.raises(UnfitData, match="rows that differ are needed; there are"):
            self.made().fit(np.repeat([[0.0, 1.0, 2.0], [1.0, 2.0, 0.0]], 30, axis=0), Options())


# -- what a simulation planted is found ---------------------------------------------------


def test_planted_personas_are_found_as_many_as_there_are(planted):
    rows, truth, model = planted
    assert len(model.ids) == len(KINDS)
    assert adjusted_rand(model.score(rows), truth) >= 0.8
    assert model.choice.chosen.agreement >= 0.9
    assert model.remarks() == ()


def test_people_that_it_has_not_seen_are_told_apart_too(planted):
    rows, truth = people(seed=77)
    assert adjusted_rand(planted[2].score(rows), truth) >= 0.8


def test_each_planted_persona_is_a_rule(planted):
    rows, _, model = planted
    ids = model.score(rows)
    fresh, _ = people(seed=78)
    for one in model.ids:
        found = distil(
            rows, ids == one, features=FEATURES, catalogue=CATALOGUE,
            config=DistilConfig(rounds=4), options=Options(),
        )  # fmt: skip
        assert found.f1 >= 0.9
        assert found.unseen_f1 >= 0.88
        assert found.stability >= 0.9
        columns = [FEATURES.index(name) for name in found.features]
        said, members = found.says(fresh[:, columns]), model.score(fresh) == one
        assert 2 * (said & members).sum() / (said.sum() + members.sum()) >= 0.88


def test_names_say_what_distinguishes_them(planted):
    rows, truth, model = planted
    ids = model.score(rows)
    name = {
        kind: model.names[int(np.bincount(ids[truth == number]).argmax())]
        for number, kind in enumerate(KINDS)
    }
    assert len(set(name.values())) == len(KINDS)
    assert "spends much" in name["big spender"]
    assert (
        "hardly" in name["passer-by"] or "few" in name["passer-by"] or "leaves" in name["passer-by"]
    )


def test_what_is_published_is_the_name_of_the_group_and_nothing_for_who_is_in_none():
    rows, _ = people(n=800)
    model = learned(rows, clusterer="dbscan", settings={"eps": 0.4})
    found = model.published(rows)
    assert {name for name in found if name} <= set(model.values())
    assert None in found
    for one, name in zip(model.score(rows).tolist(), found, strict=True):
        assert name == (None if one < 0 else model.names[one])


def test_trained_anew_those_who_did_not_change_keep_id_and_name(planted):
    rows, _, first = planted
    rng = np.random.default_rng(4)
    later = np.concatenate([
        rows + rng.poisson(0.05, size=rows.shape), people(n=500, seed=5)[0],
    ])  # fmt: skip
    second = learned(later, seed=9)
    numbers = second.score(rows)
    before = first.score(rows)
    second.follow(first, before=first.score(later), rows=later)
    after = second.score(rows)
    same = stayed(before, numbers)
    assert (after == before)[same].mean() >= 0.95
    assert same.mean() > 0.9
    assert {one: second.names[one] for one in first.ids if one in second.ids} == {
        one: first.names[one] for one in first.ids if one in second.ids
    }


# -- the rest -----------------------------------------------------------------------------


def test_a_group_there_was_not_gets_an_id_and_a_name_that_none_had():
    rows, truth = people(n=800)
    first = learned(rows[truth != 2], k=3)
    second = learned(rows, k=4)
    second.follow(first, before=first.score(rows), rows=rows)
    assert sorted(second.ids) == [0, 1, 2, 3]
    fresh = second.ids.index(3)
    assert (second.score(rows[truth == 2]) == second.ids[fresh]).mean() > 0.75
    assert len(set(second.names.values())) == 4
    assert second.matching.next_id == 4


def test_an_id_of_a_group_that_is_gone_is_never_given_again():
    rows, truth = people(n=800)
    first = learned(rows, k=4)
    gone = int(np.bincount(first.score(rows[truth == 2])).argmax())
    less = rows[truth != 2]
    second = learned(less, k=3)
    second.follow(first, before=first.score(less), rows=less)
    assert gone not in second.ids
    third = learned(rows, k=4)
    third.follow(second, before=second.score(rows), rows=rows)
    assert gone not in third.ids
    assert set(third.ids) - set(second.ids) == {4}
    assert third.names[gone] == first.names[gone]
    assert len(set(third.names.values())) == 5


@pytest.mark.parametrize(
    ("clusterer", "settings"),
    [("gmm", {}), ("hierarchical", {"sample": 600}), ("minibatch_kmeans", {}),
     ("hdbscan", {"smallest": 60}), ("dbscan", {"eps": 0.7})],
)  # fmt: skip
def test_every_clusterer_finds_personas_and_comes_back(clusterer, settings):
    rows, truth = people(n=800)
    k = 4 if clusterer in ("gmm", "hierarchical", "minibatch_kmeans") else 0
    model = learned(rows, clusterer=clusterer, settings=settings, k=k)
    content = packed(model)
    back = unpacked(content, sha256=checksum(content))
    np.testing.assert_array_equal(back.score(rows), model.score(rows))
    found = model.score(rows)
    inside = found >= 0
    assert adjusted_rand(found[inside], truth[inside]) > 0.5
    assert (model.choice is None) == (clusterer in ("hdbscan", "dbscan"))


def test_groups_may_be_looked_for_in_principal_components():
    rows, truth = people()
    model = learned(rows, components=3, k=4)
    content = packed(model)
    back = unpacked(content, sha256=checksum(content))
    assert len(back.reducer.components) == 3
    np.testing.assert_array_equal(back.score(rows), model.score(rows))
    assert adjusted_rand(model.score(rows), truth) > 0.7


def test_more_groups_than_there_are_are_warned_of(planted):
    rows, _, _ = planted
    assert "Too many groups: of 6" in " ".join(learned(rows, k=6).remarks())


def test_what_is_drawn_and_told_is_bounded(planted):
    rows, _, model = planted
    assert model.points.shape == (min(len(rows), 2000), 2)
    assert sum(model.shares) == pytest.approx(1)
    many = learned(np.tile(rows, (2, 1)), k=4)
    assert len(many.points) == len(many.groups) == 2000


def test_a_clusterer_that_there_is_not_is_refused():
    with pytest.raises(InvalidConfig, match="“clusterer” is 'spectral'; allowed: kmeans"):
        PersonasConfig.read({"clusterer": "spectral"})
    with pytest.raises(InvalidConfig, match="There is no “eps” here"):
        learned(blobs()[0].repeat(2, axis=1), settings={"eps": 1})


# -- how rows are cleaned ----------------------------------------------------------------------


def test_numbers_are_cleaned_as_the_configuration_says():
    rows, truth = blobs()
    model = Personas(
        PersonasConfig(
            rounds=2,
            most=4,
            cleaning=[{"step": "iqr", "most": 50}, {"step": "impute"}, {"step": "min-max"}],
        )
    ).fit(rows, Options())
    assert [step.name for step in model.cleaning.steps] == ["iqr", "impute", "min-max"]
    assert adjusted_rand(model.score(rows), truth) > 0.9
    content = packed(model)
    again = unpacked(content, sha256=checksum(content))
    assert isinstance(again, Personas)
    assert again.config == model.config
    assert again.cleaning.written() == model.cleaning.written()
    assert again.score(rows).tolist() == model.score(rows).tolist()


def test_as_shipped_they_are_cleaned_as_the_page_of_groups_says():
    assert [step["step"] for step in PersonasConfig().cleaning] == [
        "log", "z-score", "impute", "standard",
    ]  # fmt: skip
    written = PersonasConfig().written()
    assert PersonasConfig.read(written) == PersonasConfig()


@pytest.mark.parametrize(
    "cleaning",
    [[{"step": "nonsense"}], [{"step": "iqr", "most": -1}], "iqr", [{"step": "iqr", "least": 1}]],
)
def test_a_cleaning_that_cannot_be_is_refused_before_anything_is_learned(cleaning):
    with pytest.raises(InvalidConfig, match="allowed"):
        PersonasConfig(cleaning=cleaning)


def test_rows_that_a_step_leaves_out_are_learned_from_by_nobody_and_scored_all_the_same():
    rows, _ = blobs()
    rows[:5] = 1e4
    drop = [{"step": "iqr", "most": 50, "action": "drop"}, {"step": "standard"}]
    model = Personas(PersonasConfig(rounds=2, most=4, cleaning=drop)).fit(rows, Options())
    assert sum(model.shares) == pytest.approx(1)
    assert len(model.groups) == len(rows) - 5
    assert (model.score(rows) >= 0).all()


def test_what_a_step_only_looks_at_tells_nobody_apart():
    rows, truth = blobs()
    rng = np.random.default_rng(8)
    seconds = rng.exponential(100, len(rows))
    longer = np.column_stack([rows + seconds[:, None] / 20, seconds])
    correct = {"step": "correct", "columns": ["one", "two", "three"], "by": ["seconds"]}
    config = PersonasConfig(rounds=2, most=4, cleaning=[correct, {"step": "standard"}])
    model = Personas(config)
    model.features, model.aside = ("one", "two", "three", "seconds"), ("seconds",)
    model.fit(longer, Options())
    assert adjusted_rand(model.score(longer), truth) > 0.9
    assert {each.feature for group in model.differences for each in group} == {
        "one",
        "two",
        "three",
    }
    content = packed(model)
    again = unpacked(content, sha256=checksum(content))
    assert again.score(longer).tolist() == model.score(longer).tolist()
