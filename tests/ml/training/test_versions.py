"""One version of a model serves; the one before is a step away, and what nobody goes back to goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from personalization.ml.artefact import checksum, unpacked
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.versions import (
    CANDIDATES,
    Difference,
    NotPromotable,
    ServesNoMore,
    artefact_problem,
    differences,
    previous,
    promote,
    prune,
    renew,
    roll_back,
    serving,
)
from tests.ml.training.conftest import DAY, HOUR, NOW, damage
from tests.ml.training.counting import NAME, plan

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
Trained = Callable[..., ModelVersion]


def states() -> dict[int, str]:
    return dict(ModelVersion.objects.order_by("number").values_list("number", "status"))


def with_artefacts() -> set[int]:
    return set(ModelArtefact.objects.values_list("version__number", flat=True))


# -- serving -------------------------------------------------------------------------------


def test_the_new_one_serves_and_the_old_one_has_served(trained: Trained) -> None:
    first, second = trained(mode="never"), trained(mode="never")
    assert serving(NAME) is None
    promote(first, now=NOW)
    promote(second, now=NOW + HOUR)
    assert states() == {1: Status.RETIRED, 2: Status.SERVING}
    now_serving = serving(NAME)
    assert now_serving == second
    assert now_serving is not None
    assert now_serving.promoted_at == NOW + HOUR


def test_of_what_serves_that_becomes_a_feature_everybody_is_to_be_asked(trained: Trained) -> None:
    first, other = trained(plan("churn"), mode="never"), trained(plan("one"))
    assert (first.scored_up_to, other.scored_up_to) == (None, None)
    promote(first, now=NOW)
    ModelVersion.objects.filter(pk=first.pk).update(scored_up_to=None)  # everybody was
    second = trained(plan("churn"), now=NOW + HOUR)
    assert second.scored_up_to == 0
    ModelVersion.objects.filter(pk=second.pk).update(scored_up_to=7)
    assert roll_back(second, now=NOW + 2 * HOUR).scored_up_to == 0


def test_models_do_not_touch_one_another(trained: Trained) -> None:
    one, other = trained(plan("one")), trained(plan("other"))
    assert {one.status, other.status} == {Status.SERVING}
    trained(plan("one"))
    assert serving("other") == other


@pytest.mark.parametrize("status", [Status.TRAINING, Status.FAILED, Status.SERVING])
def test_only_what_is_trained_can_serve(trained: Trained, status: str) -> None:
    version = trained(mode="never")
    ModelVersion.objects.update(status=status)
    with pytest.raises(NotPromotable, match=f"“{version.name}” is “{Status(status).label}”"):
        promote(version, now=NOW)
    assert states() == {1: status}


def test_a_damaged_artefact_cannot_serve(trained: Trained) -> None:
    good, bad = trained(), trained(mode="never")
    damage(bad)
    assert bad.checksum[:12] in artefact_problem(bad)
    with pytest.raises(NotPromotable, match=r"damaged: its checksum is \w{12}…, not"):
        promote(bad, now=NOW)
    assert states() == {1: Status.SERVING, 2: Status.CANDIDATE}
    assert artefact_problem(good) == ""


def test_an_artefact_that_is_gone_cannot_serve(trained: Trained) -> None:
    version = trained(mode="never")
    ModelArtefact.objects.all().delete()
    with pytest.raises(NotPromotable, match="not kept any more"):
        promote(version, now=NOW)


# -- back ----------------------------------------------------------------------------------


def test_back_to_the_one_before_and_forth_again(trained: Trained) -> None:
    first, second = trained(), trained(now=NOW + DAY)
    assert roll_back(second, now=NOW + 2 * DAY) == first
    assert states() == {1: Status.SERVING, 2: Status.RETIRED}
    assert roll_back(first, now=NOW + 3 * DAY) == second
    assert states() == {1: Status.RETIRED, 2: Status.SERVING}


def test_what_serves_no_more_is_not_gone_back_from_again(trained: Trained) -> None:
    """Else the second click of two would bring back what the first has taken away."""
    for n in range(2):
        trained(now=NOW + n * DAY)
    bad = trained(now=NOW + 2 * DAY)
    twice = [ModelVersion.objects.get(pk=bad.pk) for _ in range(2)]  # both saw that it serves
    roll_back(twice[0], now=NOW + 3 * DAY)
    with pytest.raises(ServesNoMore, match=f"Version 3 of “{NAME}” does not serve any more"):
        roll_back(twice[1], now=NOW + 3 * DAY + HOUR)
    assert states() == {1: Status.RETIRED, 2: Status.SERVING, 3: Status.RETIRED}


def test_what_never_served_is_not_gone_back_from(trained: Trained) -> None:
    for n in range(2):
        trained(now=NOW + n * DAY)
    with pytest.raises(ServesNoMore, match="Version 3 "):
        roll_back(trained(mode="never", now=NOW + 2 * DAY), now=NOW + 3 * DAY)
    assert states() == {1: Status.RETIRED, 2: Status.SERVING, 3: Status.CANDIDATE}


def test_what_serves_is_not_promoted_again(trained: Trained) -> None:
    first, second = trained(now=NOW), trained(now=NOW + DAY)
    twice = [ModelVersion.objects.get(pk=first.pk) for _ in range(2)]
    promote(twice[0], now=NOW + 2 * DAY)
    with pytest.raises(NotPromotable, match="is “serving”"):
        promote(twice[1], now=NOW + 2 * DAY + HOUR)
    assert states() == {1: Status.SERVING, 2: Status.RETIRED}
    assert previous(NAME) == second


def test_without_one_before_there_is_no_way_back(trained: Trained) -> None:
    only = trained()
    with pytest.raises(NotPromotable, match=f"No other version of “{NAME}” has served before"):
        roll_back(only, now=NOW)
    assert states() == {1: Status.SERVING}


def test_there_is_no_way_back_to_a_damaged_one(trained: Trained) -> None:
    damage(trained())
    second = trained(now=NOW + DAY)
    with pytest.raises(NotPromotable, match="damaged"):
        roll_back(second, now=NOW + 2 * DAY)
    assert states() == {1: Status.RETIRED, 2: Status.SERVING}


# -- keeping -------------------------------------------------------------------------------


def test_only_what_somebody_may_go_back_to_is_kept(trained: Trained) -> None:
    for n in range(4):
        trained(now=NOW + n * DAY)
    assert with_artefacts() == {3, 4}
    assert previous(NAME) == ModelVersion.objects.get(number=3)
    for n in range(4, 5 + CANDIDATES):
        trained(now=NOW + n * DAY, mode="never")
    newest = 5 + CANDIDATES
    assert with_artefacts() == {3, 4, newest, newest - 1}
    assert len(states()) == newest  # what came to be stays told


def test_after_going_back_the_one_that_was_left_is_kept(trained: Trained) -> None:
    versions = [trained(now=NOW + n * DAY) for n in range(3)]
    roll_back(versions[-1], now=NOW + 3 * DAY)
    prune(NAME)
    assert with_artefacts() == {2, 3}


def test_pruning_touches_no_other_model(trained: Trained) -> None:
    trained(plan("other"))
    for n in range(4):
        trained(now=NOW + n * DAY)
    assert ModelArtefact.objects.filter(version__name="other").count() == 1


# -- renewing ------------------------------------------------------------------------------


def again(version: ModelVersion, content: bytes, *, at: datetime = NOW, rows: int = 1) -> None:
    """Renew a version with what it has learned from the day before an instant."""
    sha256 = checksum(content)
    renew(
        version, content=content, sha256=sha256, since=at - DAY, until=at, last_event=7, rows=rows
    )


def test_a_version_that_serves_is_renewed_in_its_place(trained: Trained) -> None:
    version = trained()
    was = version.checksum
    again(version, b"newer", at=NOW + HOUR, rows=9)
    found = ModelVersion.objects.get()
    assert (found.number, found.status) == (1, Status.SERVING)
    assert (found.window_from, found.window_until) == (NOW + HOUR - DAY, NOW + HOUR)
    assert found.rows == 9
    assert found.checksum != was
    assert artefact_problem(found) == ""


def test_of_two_who_renew_one_does(trained: Trained) -> None:
    one = trained()
    other = ModelVersion.objects.get()
    again(one, b"mine")
    with pytest.raises(ServesNoMore):
        again(other, b"theirs")
    assert bytes(ModelArtefact.objects.get().content) == b"mine"


def test_what_was_replaced_meanwhile_is_not_renewed(trained: Trained) -> None:
    first = trained()
    kept = bytes(first.artefact.content)
    trained(now=NOW + DAY)
    with pytest.raises(ServesNoMore):
        again(first, b"late")
    assert bytes(ModelArtefact.objects.get(version=first).content) == kept


# -- comparing -----------------------------------------------------------------------------


def test_versions_tell_what_is_different(trained: Trained) -> None:
    one = trained()
    other = trained(plan(config={"power": 2.0}, seed=3), now=NOW + DAY)
    other.metrics = {**other.metrics, "hr_20": 0.75000000123}
    found = {each.what: (each.one, each.other) for each in differences(one, other)}
    assert found == {
        "config.power": ("1.0", "2.0"),
        "seed": ("0", "3"),
        "learned from events since": (one.window_from, other.window_from),
        "learned from events until": (NOW, NOW + DAY),
        "metrics.hr_20": (0.5, 0.75),
    }


def test_configurations_are_compared_leaf_by_leaf_and_both_ways() -> None:
    one = ModelVersion(config={"engines": {"ease": {"l2": 5}, "svd": {}}, "old": 1})
    other = ModelVersion(config={"engines": {"ease": {"l2": 6}, "svd": {}}, "new": [1]})
    assert list(differences(one, other)) == [
        Difference(what="config.engines.ease.l2", one="5", other="6"),
        Difference(what="config.old", one="1", other=""),
        Difference(what="config.new", one="", other="[1]"),
    ]
    assert [(each.one, each.other) for each in differences(other, one)] == [
        ("6", "5"), ("[1]", ""), ("", "1"),
    ]  # fmt: skip


def test_a_version_is_no_different_from_itself(trained: Trained) -> None:
    version = trained()
    assert differences(version, version) == []


def test_what_is_kept_is_the_model(trained: Trained) -> None:
    version = trained()
    model = unpacked(bytes(version.artefact.content), sha256=version.checksum)
    assert model.arrays()["counts"].tolist() == [2, 1]
