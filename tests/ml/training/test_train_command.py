"""The command trains what it is told to, says what came of it, and exits by that."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from personalization.ml.models import ModelVersion
from personalization.ml.training import train
from personalization.ml.training.attempts import open_trainings, request, take
from personalization.ml.training.outdated import mark_outdated
from personalization.ml.training.plans import Order
from personalization.ml.training.versions import serving
from personalization.ml.unfit import UnfitData
from tests.ml.training.conftest import DAY, HOUR, damage
from tests.ml.training.counting import NAME, Kitchen, plan
from tests.ml.training.test_train import failing

pytestmark = pytest.mark.django_db
Shop = Callable[..., None]
Trained = Callable[..., ModelVersion]
Status = ModelVersion.Status


def run(*args: str, **options: Any) -> tuple[str, str, int]:
    """Return what the command prints, what it complains, and how it exits."""
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command("train_models", *args, stdout=out, stderr=err, **options)
    except CommandError as error:
        err.write(str(error))
        code = error.returncode
    except SystemExit as stopped:
        code = int(str(stopped.code))
    return out.getvalue(), err.getvalue(), code


def test_all_models_are_trained_and_told_of(shop: Shop) -> None:
    shop(plan("one"), plan("other"))
    out, err, code = run()
    assert code == 0
    assert "one 1: serving, 3 rows" in out
    assert "other 1: serving" in out
    assert "  hr_20 0.5000 (popularity 0.2000)\n" in out
    assert "one: 25% Reading the log" in err
    assert serving("one") is not None


def test_only_those_that_are_named_are_trained(shop: Shop) -> None:
    shop(plan("one"), plan("other"))
    run("other")
    assert list(ModelVersion.objects.values_list("name", flat=True)) == ["other"]


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are(shop: Shop) -> None:
    out, err, code = run("churns")
    assert (out, code) == ("", 2)
    assert err == f"There is no model “churns”; allowed: {NAME}."
    assert not ModelVersion.objects.exists()


def test_it_is_told_whether_to_promote(shop: Shop, kitchen: Kitchen) -> None:
    run("--promote", "never")
    assert serving(NAME) is None
    kitchen.value = 0.1
    run()
    assert serving(NAME) is None
    run("--promote", "always")
    assert serving(NAME) == ModelVersion.objects.get(number=3)
    with pytest.raises(CommandError, match="invalid choice: 'perhaps'"):
        call_command("train_models", "--promote", "perhaps")


def test_a_failure_is_told_and_exits_with_one(shop: Shop, kitchen: Kitchen) -> None:
    kitchen.meanwhile = failing(UnfitData("Needs 200 converters, has 17."))
    out, _, code = run()
    assert code == 1
    assert "  Needs 200 converters, has 17." in out


def test_what_another_worker_is_at_is_left_to_it(shop: Shop) -> None:
    assert take(request(plan(), now=timezone.now()), now=timezone.now()) is not None
    out, err, code = run()
    assert (out.strip(), code) == ("", 1)
    assert err == f"{NAME}: another worker is at it.\n"
    assert ModelVersion.objects.get().status == Status.TRAINING


def test_what_was_asked_for_in_the_admin_is_trained_under_its_number(shop: Shop) -> None:
    asked = request(plan(), now=timezone.now())
    run()
    assert serving(NAME) == asked


def test_from_the_keyboard_it_stops(shop: Shop, kitchen: Kitchen) -> None:
    kitchen.meanwhile = failing(KeyboardInterrupt())
    assert run()[1:] == (f"{NAME}: 25% Reading the log\nStopped.", 130)
    assert ModelVersion.objects.get().status == Status.FAILED


def test_json_tells_the_same(shop: Shop) -> None:
    out, _, _ = run("--json")
    (version,) = json.loads(out)["versions"]
    assert (version["name"], version["version"], version["status"]) == (NAME, 1, "serving")
    assert version["metrics"]["popularity.hr_20"] == 0.2
    assert version["rows"] == 3
    assert version["since"] < version["until"]


def test_what_was_asked_for_and_has_no_plan_any_more_is_given_up(shop: Shop) -> None:
    """Else somebody would look for it every minute for ever, as for all that waits."""
    request(plan("gone"), now=timezone.now())
    at_work = request(plan("at_work"), now=timezone.now())
    assert take(at_work, now=timezone.now()) is not None
    run("--due", NAME)
    assert open_trainings().count() == 2, "nothing else was asked about"
    run("--due")
    assert list(open_trainings()) == [at_work], "that is for who is at it"
    gone = ModelVersion.objects.get(name="gone")
    assert (gone.status, gone.error) == (
        Status.FAILED, "There is no plan for this model any more."
    )  # fmt: skip


def test_only_what_is_due_or_was_asked_for(shop: Shop, trained: Trained) -> None:
    shop(plan("one"), plan("other"), plan("third"))
    now = timezone.now()
    for name in ("one", "other"):
        trained(plan(name), now=now)
    request(plan("other"), now=now)
    run("--due")
    numbers = ModelVersion.objects.order_by("name", "number").values_list("name", "number")
    assert list(numbers) == [("one", 1), ("other", 1), ("other", 2), ("third", 1)]
    assert not ModelVersion.objects.filter(status=Status.TRAINING).exists()


def test_two_workers_of_one_night_train_each_model_once(shop: Shop, kitchen: Kitchen) -> None:
    """One that comes late to what both saw to be due finds it trained."""
    shop(plan("one"), plan("other"), plan("third"))
    told: list[tuple[str, str, int]] = []

    def meanwhile(order: Order) -> None:
        if order.plan.name == "one":  # while this worker is at it, the other one sweeps
            told.append(run("--due"))

    kitchen.meanwhile = meanwhile
    out, _, code = run("--due")
    ((others_out, others_err, others_code),) = told
    assert [line for line in out.splitlines() if line[0] != " "] == ["one 1: serving, 3 rows"]
    assert "other 1: serving" in others_out
    assert "third 1: serving" in others_out
    assert "one: another worker is at it." in others_err
    assert (code, others_code) == (0, 1)
    assert set(ModelVersion.objects.values_list("number", "status")) == {(1, Status.SERVING)}


def test_what_was_asked_for_and_another_worker_trained_is_not_trained_again(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    shop(plan("one"), plan("other"))
    trained(plan("other"), now=timezone.now())
    request(plan("other"), now=timezone.now())

    def meanwhile(order: Order) -> None:
        if order.plan.name == "one":
            run("other")

    kitchen.meanwhile = meanwhile
    assert run("--due")[2] == 0
    numbers = ModelVersion.objects.order_by("name", "number").values_list("name", "number")
    assert list(numbers) == [("one", 1), ("other", 1), ("other", 2)]


def test_what_serves_is_refreshed(shop: Shop, kitchen: Kitchen, trained: Trained) -> None:
    trained()
    kitchen.items = ["a", "b", "c"]
    assert run("--refresh") == ("1 models refreshed.\n", "", 0)
    assert json.loads(run("--refresh", "--json")[0]) == {"refreshed": 1}
    assert ModelVersion.objects.count() == 1


def test_without_the_extra_it_says_what_to_install(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    out, err, code = run()
    assert (out, code) == ("", 1)
    assert "pip install personalization[ml]" in err
    assert run("--list")[2] == 0  # looking needs nothing


def test_the_list_tells_how_each_model_stands(
    shop: Shop, kitchen: Kitchen, trained: Trained
) -> None:
    now = timezone.now()
    trained(now=now - 3 * DAY)
    kitchen.value = 0.1
    trained(now=now - HOUR)
    mark_outdated(at=now)
    request(plan(), now=now)
    shop(plan(), plan("new"))
    out, _, code = run("--list")
    assert code == 0
    assert f"{NAME}: version 1 serves, hr_20 0.5000 (popularity 0.2000)" in out
    assert "version 3 is in training, 0%" in out
    assert "It is not better than popularity" in out
    assert "erased meanwhile" in out
    assert "was begun 3 days ago" in out
    assert "new: nothing serves" in out
    assert ModelVersion.objects.count() == 3


def test_the_list_can_be_of_some_and_in_json(shop: Shop, trained: Trained) -> None:
    shop(plan(), plan("new"))
    damage(trained())
    (state,) = json.loads(run("--list", "--json", NAME)[0])["models"]
    assert (state["name"], state["serving"]["version"], state["in_training"]) == (NAME, 1, None)
    assert any("damaged" in warning for warning in state["warnings"])
    both = json.loads(run("--list", "--json")[0])["models"]
    assert [each["name"] for each in both] == [NAME, "new"]


def test_a_model_whose_plan_is_gone_is_listed_too(shop: Shop, trained: Trained) -> None:
    trained()
    shop()
    (state,) = json.loads(run("--list", "--json")[0])["models"]
    assert (state["name"], state["next"]) == (NAME, None)
