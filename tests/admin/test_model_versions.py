"""Models in the admin: what serves and how good it is, and who lets another one serve.

The admin begins what it tells with a capital letter: “counting 2” is “Counting 2” there.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from personalization import hints
from personalization.admin import model_deeds
from personalization.management.commands.personalization_groups import EDITORS, PROTECTION
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training import train
from personalization.ml.training.attempts import request, take
from personalization.ml.training.outdated import mark_outdated
from personalization.ml.training.versions import roll_back, serving
from personalization.privacy.models import AuditEntry
from tests.ml.training.conftest import DAY, HOUR, damage, kitchen, shop, trained
from tests.ml.training.counting import NAME, Kitchen, plan

__all__ = ["kitchen", "shop", "trained"]

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
Trained = Callable[..., ModelVersion]
LIST = "admin:personalization_modelversion_changelist"


def address(page: str, *args: int) -> str:
    return reverse(f"admin:personalization_modelversion_{page}", args=args)


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def page_of(client: Client, version: ModelVersion) -> str:
    return text_of(client.get(address("change", version.pk)))


def posted(client: Client, page: str, *args: int, **data: str) -> str:
    return text_of(client.post(address(page, *args), data, follow=True))


@pytest.fixture
def now() -> Any:
    return timezone.now()


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(hints, "hint", seen.append)
    return seen


# -- list ----------------------------------------------------------------------------------


def test_each_version_is_listed_with_its_figure_and_popularity_beside(
    owner: Client, trained: Trained, now: Any
) -> None:
    trained(now=now)
    text = text_of(owner.get(reverse(LIST)))
    assert f"{NAME} 1" in text
    assert "hit rate@20 0.50 (popularity 0.20)" in text
    assert 'class="pz-state pz-state-fresh" title="">serving' in text


def test_each_model_stands_above_the_list(
    owner: Client, trained: Trained, shop: Any, now: Any
) -> None:
    trained(now=now - HOUR)
    shop(plan(), plan("churn"))
    text = text_of(owner.get(reverse(LIST)))
    assert "nothing yet" in text
    assert "Train churn now" in text
    attempt = take(request(plan(), now=now), now=now)
    assert attempt is not None
    attempt.progress(0.25, "Reading the log")
    text = text_of(owner.get(reverse(LIST)))
    assert '<progress max="1" value="0.25"' in text
    assert "Reading the log" in text
    assert f"Train {NAME} now" not in text


def test_what_is_stale_or_outdated_says_so(owner: Client, trained: Trained, now: Any) -> None:
    trained(now=now - 3 * DAY)
    text = text_of(owner.get(reverse(LIST)))
    assert ">stale<" in text
    assert "was begun 3 days ago" in text
    mark_outdated(at=now)
    text = text_of(owner.get(reverse(LIST)))
    assert ">outdated<" in text
    assert "knows somebody who was erased meanwhile" in text


def test_a_failure_stands_there_in_its_words(
    owner: Client, trained: Trained, shop: Any, now: Any
) -> None:
    trained(plan(config={"power": 99}), now=now)
    assert "“power” is 99; allowed: 0 to 4" in text_of(owner.get(reverse(LIST)))


def test_why_a_version_does_not_serve_stands_in_the_list(
    owner: Client, trained: Trained, kitchen: Kitchen, now: Any
) -> None:
    trained(now=now - HOUR)
    kitchen.value = 0.1
    trained(now=now)
    row = re.search(r"<tr><th[^>]*>.*?counting 2.*?</tr>", text_of(owner.get(reverse(LIST))))
    assert row
    assert "It is not better than popularity: hit rate@20 0.1000 beside 0.2000" in row[0]
    assert ">refused<" in row[0]


def test_artefacts_are_read_of_what_serves_alone(
    owner: Client, trained: Trained, now: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        trained(now=now)
    with django_assert_max_num_queries(30) as asked:
        owner.get(reverse(LIST))
    assert (
        len([one for one in asked.captured_queries if "modelartefact" in one["sql"].lower()]) == 1
    )


# -- page ----------------------------------------------------------------------------------


def test_the_page_tells_remarks_figures_configuration_and_differences(
    owner: Client, trained: Trained, kitchen: Kitchen, now: Any
) -> None:
    trained(now=now - DAY)
    kitchen.value = 0.1
    version = trained(plan(config={"power": 2.5}), now=now)
    text = page_of(owner, version)
    assert "It is not better than popularity: hit rate@20 0.1000" in text
    assert "popularity 0.2" in text
    assert '"power": 2.5' in text
    assert "Beside version 1, which serves" in text
    assert "config.power</th><td>1.0</td><td>2.5</td>" in text
    assert "Let this version serve" in text


def test_a_damaged_artefact_is_seen(owner: Client, trained: Trained, now: Any) -> None:
    version = trained(mode="never", now=now)
    damage(version)
    assert "is damaged: its checksum is" in page_of(owner, version)


def test_of_an_artefact_that_is_gone_nothing_is_offered(
    owner: Client, trained: Trained, now: Any
) -> None:
    version = trained(mode="never", now=now)
    assert "Let this version serve" in page_of(owner, version)
    for algorithm, page in (("personas", "groups"), ("sequences", "sequences")):
        ModelVersion.objects.filter(pk=version.pk).update(algorithm=algorithm)
        assert address(page, version.pk) in page_of(owner, version)
    ModelArtefact.objects.all().delete()
    for algorithm, page in (("personas", "groups"), ("sequences", "sequences")):
        ModelVersion.objects.filter(pk=version.pk).update(algorithm=algorithm)
        text = page_of(owner, version)
        assert "is not kept any more" in text
        assert "Let this version serve" not in text
        assert address(page, version.pk) not in text


def test_two_versions_are_compared(owner: Client, trained: Trained, now: Any) -> None:
    one = trained(now=now - DAY)
    two = trained(plan(seed=7), now=now)
    assert address("comparison", two.pk, one.pk) in page_of(owner, two)
    for pair in ((one.pk, two.pk), (two.pk, one.pk)):
        text = text_of(owner.get(address("comparison", *pair)))
        assert f"From {NAME} 1 to {NAME} 2" in text
        assert "seed</th><td>0</td><td>7</td>" in text


@override_settings(TIME_ZONE="Europe/Athens")
def test_a_comparison_writes_figures_and_instants_as_the_pages_of_versions_do(
    owner: Client, trained: Trained, now: Any
) -> None:
    one, two = trained(now=now - DAY), trained(now=now)
    one.metrics = {"cases": 168.0, "hr_20": 0.123456, "mrr_20": 0.30000001, "ndcg_20": 0.0}
    two.metrics = {"cases": 2000.0, "hr_20": 0.234567, "mrr_20": 0.30000009, "ndcg_20": 0.5}
    one.save(update_fields=["metrics"])
    two.save(update_fields=["metrics"])
    text = text_of(owner.get(address("comparison", one.pk, two.pk)))
    assert "cases judged</th><td>168</td><td>2000</td>" in text
    assert "hit rate@20</th><td>0.1235</td><td>0.2346</td>" in text
    assert "NDCG@20</th><td>0</td><td>0.5000</td>" in text
    assert "MRR@20</th><td>0.3" not in text  # nothing to be seen in four digits
    until = [f"{timezone.localtime(each.window_until):%-d %b %Y, %H:%M}" for each in (one, two)]
    assert f"until</th><td>{until[0]}</td><td>{until[1]}</td>" in text
    assert f'<h2 id="pz-figures-1">{NAME} 1 (served before)</h2>' in text  # quiet is unreadable


def test_only_versions_of_one_model_are_compared(owner: Client, trained: Trained, now: Any) -> None:
    one, two = trained(now=now), trained(plan("other"), now=now)
    for other in (two.pk, 999_999):
        response = owner.get(address("comparison", one.pk, other), follow=True)
        assert "There is no such model version any more." in text_of(response)


# -- what is done --------------------------------------------------------------------------


def test_a_candidate_is_promoted_and_that_is_told(
    owner: Client, trained: Trained, now: Any
) -> None:
    trained(now=now)
    version = trained(mode="never", now=now)
    assert "Counting 2 serves now." in posted(owner, "promote", version.pk)
    assert serving(NAME) == version
    entry = AuditEntry.objects.get(kind="modelversion")
    assert (entry.action, entry.name, entry.detail) == (
        AuditEntry.Action.CHANGED, f"{NAME} 2", {"what": "Promoted"},
    )  # fmt: skip
    assert LogEntry.objects.get().change_message == "Promoted"


def test_what_cannot_serve_says_why(owner: Client, trained: Trained, now: Any) -> None:
    version = trained(mode="never", now=now)
    damage(version)
    assert "is damaged" in posted(owner, "promote", version.pk)
    ModelArtefact.objects.all().delete()
    assert "not kept any more" in posted(owner, "promote", version.pk)
    assert serving(NAME) is None
    assert not AuditEntry.objects.filter(kind="modelversion").exists()


def test_back_to_the_version_before(owner: Client, trained: Trained, now: Any) -> None:
    first, second = trained(now=now - DAY), trained(now=now)
    assert "Back to version 1" in page_of(owner, second)
    assert "Counting 1 serves again." in posted(owner, "roll_back", second.pk)
    assert serving(NAME) == first
    assert AuditEntry.objects.get(kind="modelversion").detail == {
        "what": "Rolled back from version 2"
    }
    assert "Counting 2 does not serve any more." in posted(owner, "roll_back", second.pk)
    assert serving(NAME) == first


def test_of_two_clicks_at_once_the_second_brings_nothing_back(
    owner: Client, trained: Trained, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read that the bad version serves before one of them may change that."""
    trained(now=now - 2 * DAY)
    good, bad = trained(now=now - DAY), trained(now=now)

    def others_first(version: ModelVersion, *, now: datetime) -> ModelVersion:
        monkeypatch.setattr(model_deeds, "roll_back_model", roll_back)
        assert "Counting 2 serves again." in posted(owner, "roll_back", bad.pk)
        return roll_back(version, now=now)

    monkeypatch.setattr(model_deeds, "roll_back_model", others_first)
    assert "Counting 3 does not serve any more." in posted(owner, "roll_back", bad.pk)
    assert serving(NAME) == good
    assert AuditEntry.objects.filter(kind="modelversion").count() == 1


def test_of_two_clicks_the_second_promotes_nothing(
    owner: Client, trained: Trained, now: Any
) -> None:
    version = trained(mode="never", now=now)
    posted(owner, "promote", version.pk)
    assert "is “serving”; allowed" in posted(owner, "promote", version.pk)
    assert serving(NAME) == version
    assert AuditEntry.objects.filter(kind="modelversion").count() == 1


def test_without_one_before_there_is_no_way_back(owner: Client, trained: Trained, now: Any) -> None:
    only = trained(now=now)
    assert "Back to version" not in page_of(owner, only)
    assert "No other version" in posted(owner, "roll_back", only.pk)


def test_a_training_is_asked_for_and_a_worker_woken(
    owner: Client, shop: Any, hinted: list[str]
) -> None:
    text = posted(owner, "train", name=NAME)
    version = ModelVersion.objects.get()
    assert (version.status, version.trained_at) == (Status.TRAINING, None)
    assert "Counting 1 is trained as soon as a worker is free." in text
    assert "It waits for a worker." in text
    assert hints.TRAIN_MODELS in hinted
    assert AuditEntry.objects.get(kind="modelversion").detail == {"what": "Asked for a training"}
    posted(owner, "train", name=NAME)
    assert ModelVersion.objects.count() == 1


def test_a_model_that_there_is_not_is_not_trained(
    owner: Client, shop: Any, hinted: list[str]
) -> None:
    for name in ("churn", ""):
        assert f"There is no model “{name}”; allowed: {NAME}." in posted(owner, "train", name=name)
    assert not ModelVersion.objects.exists()
    assert hinted == []


def test_without_the_extra_nothing_is_asked_for(
    owner: Client, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert "pip install personalization[ml]" in posted(owner, "train", name=NAME)
    assert not ModelVersion.objects.exists()


def test_a_training_is_stopped(owner: Client, shop: Any, now: Any) -> None:
    version = request(plan(), now=now)
    assert "Stop the training" in page_of(owner, version)
    assert f"The training of {NAME} 1 is stopped." in posted(owner, "stop", version.pk)
    version.refresh_from_db()
    assert version.status == Status.FAILED
    assert version.error.startswith("Stopped by owner-")
    assert "is not in training any more" in posted(owner, "stop", version.pk)


def test_what_is_gone_is_gone(owner: Client) -> None:
    for page in ("promote", "roll_back", "stop"):
        assert "There is no such model version any more." in posted(owner, page, 999_999)


# -- who may -------------------------------------------------------------------------------


def test_looking_by_address_changes_nothing(owner: Client, trained: Trained, now: Any) -> None:
    version = trained(mode="never", now=now)
    for page in ("promote", "roll_back", "stop"):
        assert owner.get(address(page, version.pk)).status_code == 403
    assert owner.get(address("train")).status_code == 403
    assert serving(NAME) is None


def test_without_a_token_nothing_is_done(owner: Client, trained: Trained, now: Any) -> None:
    version = trained(mode="never", now=now)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    for page in (address("promote", version.pk), address("train")):
        assert strict.post(page, {"name": NAME}).status_code == 403
    assert serving(NAME) is None


def test_who_may_look_is_offered_nothing(
    sign_in: Callable[..., Client], trained: Trained, now: Any
) -> None:
    trained(now=now - timedelta(days=1))
    version = trained(mode="never", now=now)
    client = sign_in("view_modelversion")
    assert "Let this version serve" not in page_of(client, version)
    assert "Train" not in text_of(client.get(reverse(LIST))).replace("Trained", "")
    for page in ("add", "delete"):
        args = () if page == "add" else (version.pk,)
        assert client.get(address(page, *args)).status_code == 403


def test_editors_decide_what_serves_and_data_protection_does_not(
    trained: Trained, now: Any
) -> None:
    call_command("personalization_groups", verbosity=0)
    version = trained(mode="never", now=now)
    for group, status in ((PROTECTION, 403), (EDITORS, 302)):
        user = User.objects.create_user(group, is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client = Client()
        client.force_login(user)
        assert client.post(address("promote", version.pk)).status_code == status
    assert serving(NAME) == version
