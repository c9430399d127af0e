"""Thresholds of what is predicted in the admin: what they mean, the cheapest, and a segment."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.events.goals import Goal
from personalization.ml.models import ModelVersion
from personalization.ml.training.decisions import Step, figures_of
from personalization.segments.models import Segment

pytestmark = pytest.mark.django_db

STEPS = {
    10: Step(threshold=0.81239, share=0.1, precision=0.9, recall=0.45),
    30: Step(threshold=0.5, share=0.3, precision=0.5, recall=0.75),
    70: Step(threshold=0.1, share=0.7, precision=0.28, recall=0.98),
}


def made(**metrics: float) -> ModelVersion:
    Goal.objects.get_or_create(slug="order", defaults={"name": "Order", "event": "Order Completed"})
    return ModelVersion.objects.create(
        name="propensity.order", number=2, algorithm="best", status=ModelVersion.Status.SERVING,
        created_at=timezone.now(), trained_at=timezone.now(), promoted_at=timezone.now(),
        checksum="x", metrics=metrics,
    )  # fmt: skip


@pytest.fixture
def version() -> ModelVersion:
    return made(ap=0.6, base_rate=0.2, **figures_of(STEPS))


def address(page: str, *args: int) -> str:
    return reverse(f"admin:personalization_modelversion_{page}", args=args)


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def marked(text: str) -> list[str]:
    return [line for line in text.splitlines() if "cheapest</span>" in line]


def test_the_page_of_the_version_leads_there_and_shows_none_of_it(
    owner: Client, version: ModelVersion
) -> None:
    page = text_of(owner.get(address("change", version.pk)))
    assert f'href="{address("decisions", version.pk)}"' in page
    assert "0.8123" not in page


def test_a_version_without_thresholds_has_no_such_page(owner: Client) -> None:
    version = made(ap=0.6)
    assert "Thresholds" not in text_of(owner.get(address("change", version.pk)))
    back = owner.get(address("decisions", version.pk), follow=True)
    assert "This version has no thresholds to show." in text_of(back)


def test_each_threshold_stands_there_with_what_it_means(
    owner: Client, version: ModelVersion
) -> None:
    text = text_of(owner.get(address("decisions", version.pk)))
    for said in ("0.8123", "10.0 %", "90.0 %", "45.0 %", "0.5000", "0.1000"):
        assert said in text
    assert not marked(text)


def test_the_cheapest_is_marked_for_what_mistakes_cost(
    owner: Client, version: ModelVersion
) -> None:
    for missed, threshold in ((1, "0.8123"), (3, "0.5000"), (20, "0.1000")):
        text = text_of(
            owner.get(address("decisions", version.pk), {"in_vain": 1, "missed": missed})
        )
        [line] = marked(text)
        assert threshold in line
    text = text_of(owner.get(address("decisions", version.pk), {"in_vain": 99, "missed": 1}))
    assert "It is cheapest to choose nobody." in text
    assert not marked(text)


@pytest.mark.parametrize(
    "costs",
    [{"in_vain": 0, "missed": 0}, {"in_vain": -1, "missed": 1}, {"in_vain": "x", "missed": 1},
     {"missed": 1}, {"in_vain": "nan", "missed": 1}],
)  # fmt: skip
def test_costs_that_cannot_be_are_refused_in_the_form(
    owner: Client, version: ModelVersion, costs: dict[str, Any]
) -> None:
    text = text_of(owner.get(address("decisions", version.pk), costs))
    assert "errorlist" in text
    assert not marked(text)


def test_a_click_makes_a_segment_of_whoever_is_above(owner: Client, version: ModelVersion) -> None:
    response = owner.post(address("decision_segment", version.pk, 0), follow=True)
    assert "was added" in text_of(response)
    segment = Segment.objects.get(name="propensity.order from 0.8123 on")
    assert segment.rule["root"]["rules"] == [
        {"kind": "feature", "field": "propensity.order", "operator": ">=", "value": 0.8123}
    ]
    assert "90.0 % converted" in segment.description
    text = text_of(owner.get(address("decisions", version.pk)))
    assert "There as “propensity.order from 0.8123 on”" in text


def test_thresholds_that_look_the_same_stand_there_once_with_all_whom_they_choose(
    owner: Client,
) -> None:
    version = made(
        ap=0.6,
        base_rate=0.2,
        **figures_of(
            {
                1: Step(threshold=0.95799, share=0.01, precision=1.0, recall=0.02),
                2: Step(threshold=0.95791, share=0.02, precision=0.97, recall=0.1),
                10: Step(threshold=0.5, share=0.1, precision=0.9, recall=0.45),
            }
        ),
    )
    text = text_of(owner.get(address("decisions", version.pk), {"in_vain": 99, "missed": 9999}))
    assert text.count('<th scope="row">0.9579') == 1
    assert "97.0 %" in text
    assert "100.0 %" not in text
    owner.post(address("decision_segment", version.pk, 0))
    owner.post(address("decision_segment", version.pk, 1))
    text = text_of(owner.get(address("decisions", version.pk)))
    assert text.count("There as “propensity.order from 0.9579 on”") == 1
    assert text.count("There as “propensity.order from 0.5000 on”") == 1


def test_a_threshold_that_is_not_there_makes_none(owner: Client, version: ModelVersion) -> None:
    n = Segment.objects.count()
    response = owner.post(address("decision_segment", version.pk, 9), follow=True)
    assert "There is no such threshold." in text_of(response)
    assert Segment.objects.count() == n


def test_of_a_model_that_no_longer_serves_no_segment_can_be_made(
    owner: Client, version: ModelVersion
) -> None:
    ModelVersion.objects.update(status=ModelVersion.Status.RETIRED)
    text = text_of(owner.get(address("decisions", version.pk)))
    assert "pz-alert" in text
    assert "decisions/0/segment" not in text


def test_only_who_may_see_versions_and_add_segments_does_either(version: ModelVersion) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get(address("decisions", version.pk)).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    assert "Make it a segment" not in text_of(client.get(address("decisions", version.pk)))
    assert client.post(address("decision_segment", version.pk, 0)).status_code == 403
    assert client.get(address("decision_segment", version.pk, 0)).status_code == 403
