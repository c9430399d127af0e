"""A training learns, is judged and kept; whatever goes wrong stays told with its version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError
from threadpoolctl import threadpool_info

from personalization import metrics
from personalization.checks import check_settings
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training import attempts, plans, train, versions
from personalization.ml.training.attempts import LEASE, request, stop, take
from personalization.ml.training.plans import Order, Plan
from personalization.ml.training.schedule import due
from personalization.ml.training.train import train_models
from personalization.ml.training.versions import promote, serving
from personalization.ml.unfit import UnfitData
from tests.ml.training.conftest import DAY, HOUR, MINUTE, NOW, SECOND
from tests.ml.training.counting import NAME, Kitchen, plan

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
Shop = Callable[..., None]
Trained = Callable[..., ModelVersion]


def failing(error: BaseException) -> Callable[[Order], None]:
    def fail(order: Order) -> None:
        raise error

    return fail


def newest() -> ModelVersion:
    return ModelVersion.objects.order_by("-number")[0]


# -- a good one ----------------------------------------------------------------------------


def test_the_first_good_one_serves(shop: Shop, kitchen: Kitchen) -> None:
    assert train_models(now=NOW) == 1
    version = serving(NAME)
    assert version is not None
    assert version.window_from is not None
    assert version.window_until is not None
    assert version.window_until - version.window_from == timedelta(days=90)
    assert version.window_until >= NOW
    assert (version.rows, version.features_version) == (3, "f1")
    assert version.remarks == ["2 items were seen."]
    assert version.metrics == {
        "hr_20": 0.5, "popularity.hr_20": 0.2, "cases": 10.0, "coverage": 0.75,
    }  # fmt: skip
    assert version.promoted_at is not None
    assert version.promoted_at >= NOW


def test_a_recipe_is_told_what_it_is_to_do(shop: Shop, kitchen: Kitchen) -> None:
    wanted = plan(window=7 * DAY, seed=5, config={"power": 0.5})
    shop(wanted)
    train_models(now=NOW)
    (order,) = kitchen.orders
    assert (order.plan, order.until - order.since, order.seed) == (wanted, 7 * DAY, 5)
    assert order.until >= NOW
    assert order.serving is None
    train_models(now=NOW + DAY)
    assert kitchen.orders[1].serving == ModelVersion.objects.get(number=1)


def test_all_of_it_runs_in_one_thread(shop: Shop, kitchen: Kitchen) -> None:
    seen: list[int] = []
    kitchen.meanwhile = lambda order: seen.extend(pool["num_threads"] for pool in threadpool_info())
    train_models(now=NOW)
    assert set(seen) == {1}


def test_how_far_it_is_can_be_seen_meanwhile(
    shop: Shop, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "PAUSE", 0)
    seen: list[tuple[float, str, str]] = []
    kitchen.meanwhile = lambda order: seen.append(
        ModelVersion.objects.values_list("progress", "progress_words", "status")[0]
    )
    train_models(now=NOW)
    assert seen == [(0.25, "Reading the log", Status.TRAINING)]
    assert (newest().progress, newest().progress_words) == (1, "")


# -- the gate ------------------------------------------------------------------------------


def test_a_worse_one_waits_as_a_candidate_with_the_reason(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    first = trained()
    kitchen.value, kitchen.serving = 0.4, 0.5
    second = trained(now=NOW + DAY)
    assert second.status == Status.CANDIDATE
    assert "worse than the version that serves" in second.remarks[-1]
    assert second.metrics["serving.hr_20"] == 0.5
    assert serving(NAME) == first


def test_what_is_no_better_than_popularity_never_serves_by_itself(
    kitchen: Kitchen, trained: Trained
) -> None:
    kitchen.value = 0.2
    version = trained()
    assert version.status == Status.CANDIDATE
    assert "not better than popularity" in version.remarks[-1]
    assert serving(NAME) is None


def test_never_and_always_are_heeded(kitchen: Kitchen, trained: Trained) -> None:
    assert trained(mode="never").status == Status.CANDIDATE
    kitchen.value = 0.1
    version = trained(mode="always")
    assert version.status == Status.SERVING
    assert "not better than popularity" in version.remarks[-2]
    assert "as was asked" in version.remarks[-1]


def test_what_began_to_serve_meanwhile_is_not_pushed_aside(
    kitchen: Kitchen, trained: Trained
) -> None:
    waiting = trained(mode="never")
    kitchen.meanwhile = lambda order: promote(waiting, now=NOW)
    version = trained(now=NOW + DAY)
    assert version.status == Status.CANDIDATE
    assert "Meanwhile another version began to serve" in version.remarks[-1]
    assert serving(NAME) == waiting


def test_nor_what_begins_to_serve_while_it_waits_for_its_turn(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at what serves and the promotion nobody may come in between."""
    waiting, turn = trained(mode="never"), versions.hold

    def first_the_other(name: str) -> None:
        monkeypatch.setattr(versions, "hold", turn)
        monkeypatch.setattr(train, "hold", turn)
        promote(waiting, now=NOW)
        turn(name)

    monkeypatch.setattr(versions, "hold", first_the_other)
    monkeypatch.setattr(train, "hold", first_the_other, raising=False)
    version = trained(now=NOW + DAY)
    assert version.status == Status.CANDIDATE
    assert serving(NAME) == waiting


# -- what goes wrong -----------------------------------------------------------------------


def test_too_little_data_is_told_in_a_sentence_and_nothing_serves(
    kitchen: Kitchen, trained: Trained
) -> None:
    kitchen.meanwhile = failing(UnfitData("Needs 200 converters, has 17."))
    before = metrics.snapshot().get("models.training_failed", 0)
    version = trained()
    assert (version.status, version.error) == (Status.FAILED, "Needs 200 converters, has 17.")
    assert serving(NAME) is None
    assert not ModelArtefact.objects.exists()
    assert metrics.snapshot().get("models.training_failed", 0) == before  # nothing is broken


def test_a_configuration_that_is_wrong_is_named(trained: Trained) -> None:
    version = trained(plan(config={"power": 99}))
    assert version.status == Status.FAILED
    assert "“power” is 99; allowed: 0 to 4" in version.error


@pytest.mark.parametrize("error", [ValueError("no such value"), KeyError("x"), MemoryError()])
def test_a_broken_recipe_is_told_and_counted(
    kitchen: Kitchen, trained: Trained, error: Exception
) -> None:
    kitchen.meanwhile = failing(error)
    before = metrics.snapshot().get("models.training_failed", 0)
    version = trained()
    assert version.status == Status.FAILED
    assert version.error.startswith(type(error).__name__)
    assert metrics.snapshot()["models.training_failed"] == before + 1


def test_a_recipe_that_is_not_there_is_told(trained: Trained) -> None:
    version = trained(plan(recipe="tests.ml.training.nowhere.learn"))
    assert version.status == Status.FAILED
    assert "nowhere" in version.error


def test_one_model_that_fails_holds_up_no_other(shop: Shop, kitchen: Kitchen) -> None:
    shop(plan("broken", config={"power": 99}), plan("sound"))
    assert train_models(now=NOW) == 2
    assert serving("sound") is not None
    assert ModelVersion.objects.get(name="broken").status == Status.FAILED


def test_what_serves_goes_on_when_a_training_fails(kitchen: Kitchen, trained: Trained) -> None:
    first = trained()
    kitchen.meanwhile = failing(UnfitData("Needs 2, has 1."))
    trained(now=NOW + DAY)
    assert serving(NAME) == first
    assert ModelArtefact.objects.count() == 1


def test_what_fails_while_it_is_kept_leaves_nothing_by_halves(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trained()

    def refuse(version: ModelVersion, **values: object) -> None:
        raise DatabaseError("no room")

    monkeypatch.setattr(train, "promote", refuse)
    version = trained(now=NOW + DAY)
    assert (version.status, version.error) == (Status.FAILED, "DatabaseError: no room")
    assert serving(NAME) == first
    assert list(ModelArtefact.objects.values_list("version", flat=True)) == [first.pk]


# -- killed, stopped, and taken over -------------------------------------------------------


def test_a_killed_training_is_begun_anew(shop: Shop, kitchen: Kitchen) -> None:
    kitchen.meanwhile = failing(SystemExit())  # what is killed does not tidy up
    with pytest.raises(SystemExit):
        train_models(now=NOW)
    kitchen.meanwhile = lambda order: None
    assert newest().status == Status.TRAINING
    assert train_models(now=NOW + MINUTE) == 0  # nobody knows yet that it is dead
    assert train_models(now=NOW + LEASE + MINUTE) == 1
    version = newest()
    assert (version.number, version.status) == (1, Status.SERVING)
    assert attempts.LOST_REMARK in version.remarks
    assert version.window_until is not None
    assert NOW <= version.window_until < NOW + MINUTE, "so that what was learned of it holds"


def test_a_server_that_is_gone_is_for_the_caller_and_begun_anew(
    shop: Shop, kitchen: Kitchen
) -> None:
    kitchen.meanwhile = failing(OperationalError("server closed the connection"))
    with pytest.raises(OperationalError):
        train_models(now=NOW)
    kitchen.meanwhile = lambda order: None
    assert train_models(now=NOW + LEASE + MINUTE) == 1
    assert newest().status == Status.SERVING


def test_from_the_keyboard_it_is_stopped_at_once(kitchen: Kitchen, trained: Trained) -> None:
    kitchen.meanwhile = failing(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        trained()
    assert (newest().status, newest().error) == (Status.FAILED, "Stopped from the keyboard.")


def test_what_was_stopped_keeps_nothing(kitchen: Kitchen, trained: Trained) -> None:
    kitchen.meanwhile = lambda order: bool(stop(newest(), by="ada", now=NOW))
    version = trained()
    assert (version.status, version.error) == (Status.FAILED, "Stopped by ada.")
    assert not ModelArtefact.objects.exists()
    assert serving(NAME) is None


def test_who_lost_it_does_not_spoil_what_the_next_one_made(
    kitchen: Kitchen, trained: Trained
) -> None:
    def heir_is_done(order: Order) -> None:
        kitchen.meanwhile = lambda order: None
        heir = take(newest(), now=NOW + LEASE + SECOND)
        assert heir is not None
        train.train(heir, plan())

    kitchen.meanwhile = heir_is_done
    version = trained()
    assert (version.status, version.number) == (Status.SERVING, 1)
    assert ModelArtefact.objects.count() == 1


def test_while_a_worker_is_at_it_another_trains_nothing(shop: Shop, kitchen: Kitchen) -> None:
    turns: list[int] = []
    kitchen.meanwhile = lambda order: turns.append(train_models(now=NOW))
    assert train_models(now=NOW) == 1
    assert turns == [0]
    assert ModelVersion.objects.count() == 1


# -- what there is to do -------------------------------------------------------------------


def test_what_was_asked_for_is_trained_though_it_is_not_due(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    trained()
    assert train_models(now=NOW + HOUR) == 0
    request(plan(), now=NOW + HOUR)
    assert train_models(now=NOW + HOUR) == 1


def test_what_another_sweep_has_trained_since_it_was_looked_is_left_alone(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(those: Iterable[Plan], *, now: datetime) -> Sequence[Plan]:
        found = due(those, now=now)
        assert found
        trained(now=now)
        return found

    monkeypatch.setattr(train, "due", looked)
    assert train_models(now=NOW) == 0
    assert ModelVersion.objects.count() == 1


def test_a_plan_that_is_gone_is_told(shop: Shop) -> None:
    request(plan("gone"), now=NOW)
    train_models(now=NOW)
    assert "no plan" in ModelVersion.objects.get(name="gone").error


def test_where_nothing_can_learn_nothing_is_begun(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert train_models(now=NOW) == 0
    assert not ModelVersion.objects.exists()


def test_two_plans_of_one_name_are_refused(shop: Shop) -> None:
    shop(plan(), plan(seed=2))
    with pytest.raises(plans.InvalidPlan, match=f"Two plans are called “{NAME}”"):
        train_models(now=NOW)


@pytest.mark.parametrize("name", ["", "Recommend", "a b", "a..b", "a.b.c", "x" * 101])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(plans.InvalidPlan, match="cannot be the name of a model"):
        plan(name)


def test_a_time_that_is_none_is_refused() -> None:
    for field in ("window", "period"):
        with pytest.raises(plans.InvalidPlan, match=f"“{field}” of “{NAME}” is 0:00:01"):
            plan(**{field: SECOND})


# -- as a site wants it --------------------------------------------------------------------


def test_a_site_changes_a_plan_by_its_setting(shop: Shop, kitchen: Kitchen, settings: Any) -> None:
    settings.PERSONALIZATION_MODELS = {NAME: {"window": 7 * DAY, "config": {"power": 2.0}}}
    train_models(now=NOW)
    (order,) = kitchen.orders
    assert order.until - order.since == 7 * DAY
    assert newest().config == {"power": 2.0}


def test_what_a_site_does_not_want_is_not_trained(shop: Shop, settings: Any) -> None:
    settings.PERSONALIZATION_MODELS = {NAME: None, "unheard_of": {}}
    assert train_models(now=NOW) == 0
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize(
    ("wishes", "problem"),
    [
        ({"windows": DAY}, "has a field “windows”; allowed: algorithm, config, window"),
        ({"window": 90}, "“window” of “counting” is 90; a timedelta is needed"),
        ({"window": timedelta(0)}, "“window” of “counting” is 0:00:00; allowed: a minute to"),
        ("often", "has 'often'; needed: fields of a plan, or None"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_by_the_checks(
    settings: Any, shop: Shop, wishes: Any, problem: str
) -> None:
    settings.PERSONALIZATION_MODELS = {NAME: wishes}
    (told,) = [each.msg for each in check_settings(None) if "MODELS" in each.msg]
    assert problem in told
    with pytest.raises(plans.InvalidPlan, match=problem.split(";")[0]):
        plans.planned()


def test_a_setting_that_can_be_used_is_not_told(settings: Any) -> None:
    settings.PERSONALIZATION_MODELS = {"recommend": {"period": DAY}, "churn": None}
    assert not [each for each in check_settings(None) if "MODELS" in each.msg]
    settings.PERSONALIZATION_MODELS = {"Bad name": None}
    assert len([each for each in check_settings(None) if "MODELS" in each.msg]) == 1
