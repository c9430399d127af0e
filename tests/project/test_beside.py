"""Who is played beside the demo, what is said of them, and what is learned when they were here."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from personalization.ml.clusters.choose import ChoiceConfig
from personalization.ml.models import ModelVersion
from personalization.ml.training.attempts import take
from personalization.ml.training.known import planned
from personalization.ml.training.recommend_plan import RECOMMEND
from project.shop import beside, playback
from project.shop.beside import (
    ask_for_models,
    beside_words,
    learn_to_recommend,
    runs_beside,
)
from project.shop.children import Children
from project.shop.management.commands import demo
from project.shop.management.commands.demo import TRAINING, workers
from project.shop.models import SimulationRun
from project.shop.planted import KINDS, planted_until
from project.shop.playback import Cast, unfinished_run
from project.shop.simulate import shop_shelves
from tests.project.planting import write

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_those_who_are_planted_come_after_the_crowd() -> None:
    runs = runs_beside(crowd=20, planted=5)
    assert [(run.cast, run.visitors) for run in runs] == [(Cast.CROWD, 20), (Cast.PLANTED, 5)]


def test_there_are_enough_of_two_planted_kinds_for_a_group_of_their_own() -> None:
    everybody = playback.VISITORS + playback.CROWD + playback.PLANTED
    readers = sum(kind.share for kind in KINDS if kind.name in ("reader", "researcher"))
    assert readers * playback.PLANTED / everybody > ChoiceConfig().smallest


def test_who_has_been_here_does_not_come_again() -> None:
    crowd, planted = runs_beside(crowd=20, planted=5)
    crowd.finished_at = timezone.now()
    crowd.save()
    assert runs_beside(crowd=20, planted=5) == [planted]


def test_nobody_is_nobody() -> None:
    assert runs_beside(crowd=0, planted=0) == []
    assert beside_words([]) == ""
    assert not SimulationRun.objects.exists()


def test_each_cast_of_one_seed_is_a_run_of_its_own() -> None:
    runs = [unfinished_run(seed=7, visitors=5, cast=cast) for cast in Cast]
    assert len({run.pk for run in runs if run is not None}) == len(Cast) == 3


def test_it_is_said_how_many_come() -> None:
    crowd, planted = runs_beside(crowd=20, planted=5)
    assert "25 more visitors" in beside_words([crowd, planted])


def test_models_are_asked_for_once_each_and_begun_by_nobody_yet() -> None:
    ask_for_models(now=NOW)
    ask_for_models(now=NOW)
    asked = ModelVersion.objects.values_list("name", "status", "trained_at")
    training = ModelVersion.Status.TRAINING
    assert sorted(asked) == sorted((name, training, None) for name in planned())


def test_who_trains_is_started_when_all_have_been_here_and_the_others_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Children, "start", lambda self, name, **how: started.append(name))
    monkeypatch.setattr(demo, "answers", lambda port: True)
    monkeypatch.setattr(connections, "close_all", lambda: None)  # that of the test stays
    command, children = demo.Command(stdout=StringIO()), Children(tmp_path, {})
    command._start(children, port=8000)
    others = set(workers(tmp_path)) - {TRAINING}
    assert len(others) == len(workers(tmp_path)) - 1
    assert set(started) == {"web server", *others}
    command._start_training(children, anew=False)
    assert started[-1] == TRAINING
    assert not ModelVersion.objects.exists()
    command._start_training(children, anew=True)
    assert ModelVersion.objects.count() == len(planned())


@pytest.mark.usefixtures("shelves")
def test_what_recommends_is_learned_before_the_others_are_here() -> None:
    people = list(planted_until(NOW, seed=1, visitors=40, shelves=shop_shelves()))
    write(people, until=NOW)
    learn_to_recommend(now=NOW)
    version = ModelVersion.objects.get()
    assert version.name == RECOMMEND
    assert version.status in (ModelVersion.Status.SERVING, ModelVersion.Status.CANDIDATE)


def test_of_too_few_nothing_is_learned_and_nothing_breaks() -> None:
    learn_to_recommend(now=NOW)
    version = ModelVersion.objects.get()
    assert version.status == ModelVersion.Status.LACKING
    assert "Needs" in version.error


def test_a_training_that_somebody_has_is_left_to_them() -> None:
    ask_for_models(now=NOW)
    version = ModelVersion.objects.get(name=RECOMMEND)
    assert take(version, now=NOW) is not None
    learn_to_recommend(now=NOW)
    version.refresh_from_db()
    assert version.status == ModelVersion.Status.TRAINING


def test_without_scikit_learn_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "can_train", lambda: False)
    learn_to_recommend(now=NOW)
    assert not ModelVersion.objects.exists()


def test_a_database_that_others_hold_does_not_end_the_demo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def locked(*args: object, **options: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(beside, "train", locked)
    learn_to_recommend(now=NOW)
    assert ModelVersion.objects.get().status == ModelVersion.Status.TRAINING
