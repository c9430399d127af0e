"""What serves follows the log within minutes, as the version that it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from personalization import metrics
from personalization.ml.artefact import unpacked
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.serving import loaded
from personalization.ml.training import train
from personalization.ml.training.renewal import refresh_models
from personalization.ml.training.versions import serving
from tests.ml.training.conftest import DAY, HOUR, MINUTE, NOW, damage
from tests.ml.training.counting import NAME, Counting, Kitchen, plan
from tests.ml.training.test_train import failing

pytestmark = pytest.mark.django_db
Shop = Callable[..., None]
Trained = Callable[..., ModelVersion]


def failures() -> int:
    return metrics.snapshot().get("models.refresh_failed", 0)


def test_what_serves_has_seen_more_afterwards(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    trained()
    kitchen.items = ["a", "b", "b", "b", "c"]
    assert refresh_models(now=NOW + 5 * MINUTE) == 1
    version = serving(NAME)
    assert version is not None
    assert (version.number, version.window_until, version.rows) == (1, NOW + 5 * MINUTE, 5)
    model = unpacked(bytes(version.artefact.content), sha256=version.checksum)
    assert model.arrays()["counts"].tolist() == [1, 3, 1]
    assert version.window_from == kitchen.orders[-1].since == NOW + 5 * MINUTE - plan().window
    assert version.created_at == NOW  # it is as old as it was


def test_a_recipe_is_told_which_version_it_renews(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    version = trained()
    refresh_models(now=NOW + HOUR)
    order = kitchen.orders[-1]
    assert (order.serving, order.until) == (version, NOW + HOUR)
    order.progress(0.5, "heard by nobody")


def test_where_nothing_was_logged_nothing_is_written(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    version = trained()
    kitchen.items = []
    assert refresh_models(now=NOW + HOUR) == 0
    assert ModelVersion.objects.get().checksum == version.checksum


def test_what_does_not_serve_is_not_renewed(shop: Shop, kitchen: Kitchen, trained: Trained) -> None:
    trained(mode="never")
    assert refresh_models(now=NOW + HOUR) == 0
    assert len(kitchen.orders) == 1


def test_a_plan_without_a_way_is_left_to_the_night(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    trained()
    shop(plan(refresh=""))
    assert refresh_models(now=NOW + HOUR) == 0
    assert len(kitchen.orders) == 1


def test_what_was_replaced_meanwhile_is_left_alone(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    first = trained()

    def replace(order: object) -> None:
        kitchen.meanwhile = lambda order: None
        trained(now=NOW + DAY)

    kitchen.meanwhile = replace
    assert refresh_models(now=NOW + HOUR) == 0
    first.refresh_from_db()
    assert first.window_until == NOW
    now_serving = serving(NAME)
    assert now_serving is not None
    assert (now_serving.number, now_serving.window_until) == (2, NOW + DAY)


def test_a_damaged_one_is_left_to_whoever_serves(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    damage(trained())
    before = failures()
    assert refresh_models(now=NOW + HOUR) == 0
    assert len(kitchen.orders) == 1
    assert failures() == before + 1


def test_a_failure_is_counted_and_holds_up_no_other(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    for name in ("one", "other"):
        trained(plan(name))
    shop(plan("one", refresh="tests.ml.training.nowhere.refresh"), plan("other"))
    before = failures()
    assert refresh_models(now=NOW + HOUR) == 1
    assert failures() == before + 1
    kitchen.meanwhile = failing(ValueError("no such value"))
    assert refresh_models(now=NOW + 2 * HOUR) == 0
    assert ModelArtefact.objects.count() == 2


def test_where_nothing_can_learn_nothing_is_renewed(
    shop: Shop, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained()
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert refresh_models(now=NOW + HOUR) == 0


def test_who_serves_notices_though_the_version_is_the_same(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    loaded.forget()
    trained()
    before = loaded.loaded(NAME, now=NOW)
    assert isinstance(before.model, Counting)
    kitchen.items = ["a", "b", "b", "b", "c"]
    refresh_models(now=NOW + 5 * MINUTE)
    after = loaded.loaded(NAME, now=NOW + 6 * MINUTE)
    assert isinstance(after.model, Counting)
    assert (before.number, before.model.items) == (1, ("a", "b"))
    assert (after.number, after.model.items) == (1, ("a", "b", "c"))
    assert loaded.loaded(NAME, now=NOW + 7 * MINUTE) is after  # nothing is read twice
    loaded.forget()
